/* Certificates of a peer, kept beyond its connection, and beyond this process: is it revoked by now? */
#ifndef KEYHOP_TLS_PEER_H
#define KEYHOP_TLS_PEER_H

#include "tls.h"

/* Those of a connection; NULL before the handshake is done. The caller frees it. */
struct tls_peer *tls_peer_keep(const struct tls *t);
enum tls_revocation tls_peer_revocation(const struct tls_context *c, const struct tls_peer *p);
/* The same certificates? NULL is none. */
bool tls_peer_same(const struct tls_peer *a, const struct tls_peer *b);
/* For a file: DER, that of the peer first, then of whoever signed. Octets in *out, which the caller frees; 0: none. */
size_t tls_peer_encode(const struct tls_peer *p, uint8_t **out);
/* KH_E_BAD_FIELD. None is NULL, and good. The caller frees it. */
int tls_peer_decode(struct tls_peer **out, const uint8_t *der, size_t len) KH_MUST_CHECK;
void tls_peer_free(struct tls_peer *p);

#endif
