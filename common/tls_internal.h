/* Between tls_context.c (what a node has once) and tls.c (what a connection has). */
#ifndef KEYHOP_TLS_INTERNAL_H
#define KEYHOP_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "buf.h"
#include "tls.h"

struct tls_context {
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	int keylog_fd; /* -1: none */
	struct tls_handshakes handshakes;
};

struct tls {
	SSL *ssl;
	struct tls_handshakes *handshakes; /* of the context */
	struct buf in, out; /* octets of the transport: ciphertext, so nothing to wipe */
	char *alpn;
	bool done; /* with the handshake */
	int err; /* the first error is the last: every later call gives it again */
	int cause; /* what a callback knows and OpenSSL's error does not tell */
	char *error; /* text of err, or NULL */
	int alert; /* fatal alert of the peer, -1: none */
	char identity[IDENTITY_MAX];
};

/* An SSL over t->in and t->out. */
SSL *tls_context_ssl(struct tls_context *c, struct tls *t);

#endif
