/* Damage on purpose to datagrams that go out: lost, doubled, out of order, late. For labs; the same seed and the same
 * datagrams give the same damage. */
#ifndef KEYHOP_UDP_IMPAIR_H
#define KEYHOP_UDP_IMPAIR_H

#include "net.h"

struct udp_impair;

/* NULL when the settings of `net` ask for none. */
struct udp_impair *udp_impair_new(struct net *net);
/* What is still held is gone. */
void udp_impair_free(struct udp_impair *i);
/* `fd` is about to be closed: what is still held for it is gone. */
void udp_impair_forget(struct udp_impair *i, int fd);
/* Sends by `fd`, or does not, or later: then it is copied. */
void udp_impair_send(struct udp_impair *i, int fd, const struct endpoint *to, const void *data,
		     size_t len);

#endif
