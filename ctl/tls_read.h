/* TLS 1.3 as an observer with a key log reads it (RFC 8446, NSS key log format): no handshake is checked, records are
 * opened. */
#ifndef KEYHOP_CTL_TLS_READ_H
#define KEYHOP_CTL_TLS_READ_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct tls_keys;
struct tls_read;

/* The secrets of key logs, by client random. */
struct tls_keys *tls_keys_new(void);
/* Lines of a key log; what is no line of TLS 1.3 is passed over. */
void tls_keys_add(struct tls_keys *k, const void *lines, size_t len);
void tls_keys_free(struct tls_keys *k);

/* One connection. `keys` is borrowed. */
struct tls_read *tls_read_new(const struct tls_keys *keys);
void tls_read_free(struct tls_read *t);
/* The ends begin anew. */
void tls_read_reset(struct tls_read *t);
/* Takes the whole records off `in`, the octets of direction 0 or 1, and appends application data to `out`. False when it
 * is no TLS 1.3 or there are no secrets for it: it will never be. */
bool tls_read_take(struct tls_read *t, int dir, struct buf *in, struct buf *out);

#endif
