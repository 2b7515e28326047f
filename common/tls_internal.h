/* Between tls_context.c (what a node has once), tls_trust.c (whom it trusts) and tls.c (what a connection has). */
#ifndef KEYHOP_TLS_INTERNAL_H
#define KEYHOP_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "buf.h"
#include "tls.h"
#include "tls_crl.h"

struct tls_context {
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	int keylog_fd; /* -1: none */
	struct tls_handshakes handshakes;
	struct tls_crl *crl; /* in force; NULL: none */
	struct tls *connections;
};

struct tls {
	SSL *ssl;
	struct tls_context *context;
	struct tls *prev, *next; /* of the context */
	void (*on_revoked)(void *arg);
	void *on_revoked_arg;
	struct buf in, out; /* octets of the transport: ciphertext, so nothing to wipe */
	char *alpn;
	bool done; /* with the handshake */
	int err; /* the first error is the last: every later call gives it again */
	int cause; /* what a callback knows and OpenSSL's error does not tell */
	char *error; /* text of err, or NULL */
	int alert; /* fatal alert of the peer, -1: none */
	char identity[IDENTITY_MAX];
	char refused[IDENTITY_MAX]; /* name in a certificate that did not verify */
};

/* An SSL over t->in and t->out. */
SSL *tls_context_ssl(struct tls_context *c, struct tls *t);
/* What the files of `s` make; for `c`, which does not have it yet. */
int tls_context_make(struct tls_context *c, const struct tls_settings *s, SSL_CTX **out, char *why,
		     size_t why_len) KH_MUST_CHECK;
/* Verification of peers by `c`. */
void tls_trust_init(struct tls_context *c, SSL_CTX *ctx);
/* The one name of ours in `cert`; `out` stays as it is without it. */
void tls_identity_of(X509 *cert, char out[IDENTITY_MAX]);

#endif
