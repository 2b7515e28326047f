#include "tls_peer.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "mem.h"
#include "tls_internal.h"

struct tls_peer {
	STACK_OF(X509) * chain;
};

struct tls_peer *tls_peer_keep(const struct tls *t)
{
	STACK_OF(X509) *chain = t->done ? SSL_get0_verified_chain(t->ssl) : NULL;
	struct tls_peer *p;

	if (!chain)
		return NULL;
	p = x_calloc(1, sizeof *p);
	p->chain = X509_chain_up_ref(chain);
	return p;
}

enum tls_revocation tls_peer_revocation(const struct tls_context *c, const struct tls_peer *p)
{
	return p ? tls_crl_names(c->crl, p->chain) : TLS_NOT_REVOKED;
}

bool tls_peer_same(const struct tls_peer *a, const struct tls_peer *b)
{
	if (!a || !b)
		return a == b;
	if (sk_X509_num(a->chain) != sk_X509_num(b->chain))
		return false;
	for (int i = 0; i < sk_X509_num(a->chain); i++)
		if (X509_cmp(sk_X509_value(a->chain, i), sk_X509_value(b->chain, i)) != 0)
			return false;
	return true;
}

size_t tls_peer_encode(const struct tls_peer *p, uint8_t **out)
{
	size_t len = 0;

	*out = NULL;
	for (int i = 0; p && i < sk_X509_num(p->chain); i++) {
		X509 *cert = sk_X509_value(p->chain, i);
		int more = i2d_X509(cert, NULL);
		if (more <= 0)
			x_out_of_memory();
		*out = x_realloc(*out, len + (size_t)more);
		unsigned char *at = *out + len;
		len += (size_t)i2d_X509(cert, &at);
	}
	return len;
}

int tls_peer_decode(struct tls_peer **out, const uint8_t *der, size_t len)
{
	const unsigned char *at = der;
	struct tls_peer *p;
	X509 *cert = NULL;

	*out = NULL;
	if (!len)
		return 0;
	const unsigned char *end = der + len;
	p = x_calloc(1, sizeof *p);
	p->chain = sk_X509_new_null();
	while (at < end && (cert = d2i_X509(NULL, &at, end - at)))
		if (sk_X509_push(p->chain, cert) == 0)
			x_out_of_memory();
	ERR_clear_error();
	if (at == end && cert) {
		*out = p;
		return 0;
	}
	tls_peer_free(p);
	return KH_E_BAD_FIELD;
}

void tls_peer_free(struct tls_peer *p)
{
	if (!p)
		return;
	sk_X509_pop_free(p->chain, X509_free);
	free(p);
}
