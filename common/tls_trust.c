/* Whom a node trusts, as it changes while the node runs: the revocation list, own certificate, the files of the CA. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <utlist.h>

#include "clock.h"
#include "mem.h"
#include "tls_internal.h"

/* The leaf's name goes to the log although nothing is proved: it tells which node has the wrong certificate. */
static void note_refused(struct tls *t, X509_STORE_CTX *store)
{
	X509 *cert = X509_STORE_CTX_get0_cert(store);

	tls_identity_of(cert, t->refused);
}

/* In the place of X509_verify_cert(), which does the work: with our clock and our revocation list. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
	const struct tls_context *c = arg;
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	int good;

	X509_STORE_CTX_set_time(store, 0, (time_t)(clock_wall_us() / 1000000));
	good = X509_verify_cert(store);
	if (good == 1 && tls_crl_names(c->crl, X509_STORE_CTX_get0_chain(store))) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED);
		good = 0;
	}
	if (good != 1)
		note_refused(SSL_get_app_data(ssl), store);
	return good;
}

void tls_trust_init(struct tls_context *c, SSL_CTX *ctx)
{
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, c);
}

static void end_revoked(struct tls_context *c)
{
	struct tls *t, *tmp;

	/* One that is verified and waits for the peer's Finished is in, too. */
	DL_FOREACH_SAFE (c->connections, t, tmp)
		if (t->on_revoked && tls_crl_names(c->crl, SSL_get0_verified_chain(t->ssl)))
			t->on_revoked(t->on_revoked_arg);
}

int tls_context_load_crl(struct tls_context *c, const char *path, char *why, size_t why_len)
{
	struct tls_crl *fresh;
	int err = tls_crl_read(&fresh, path, SSL_CTX_get_cert_store(c->ctx), c->crl, why, why_len);

	if (err)
		return err;
	tls_crl_free(c->crl);
	c->crl = fresh;
	end_revoked(c);
	return 0;
}

const struct tls_crl_facts *tls_context_crl(const struct tls_context *c)
{
	return tls_crl_facts(c->crl);
}

enum tls_revocation tls_context_revocation(const struct tls_context *c)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	enum tls_revocation revoked;

	if (sk_X509_push(chain, SSL_CTX_get0_certificate(c->ctx)) == 0)
		x_out_of_memory();
	revoked = tls_crl_names(c->crl, chain);
	sk_X509_free(chain);
	return revoked;
}

int64_t tls_context_expiry(const struct tls_context *c)
{
	return tls_time(X509_get0_notAfter(SSL_CTX_get0_certificate(c->ctx)));
}

int64_t tls_context_ca_expiry(const struct tls_context *c)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(c->ctx));
	int64_t soonest = 0;

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
		int64_t end = ca ? tls_time(X509_get0_notAfter(ca)) : 0;
		if (end && (!soonest || end < soonest))
			soonest = end;
	}
	return soonest;
}

static int make_fresh(struct tls_context *c, const struct tls_settings *s, SSL_CTX **fresh,
		      bool *renewed, char *why, size_t why_len)
{
	int err = tls_context_make(c, s, fresh, why, why_len);

	if (!err)
		*renewed = X509_cmp(SSL_CTX_get0_certificate(c->ctx),
				    SSL_CTX_get0_certificate(*fresh)) != 0;
	return err;
}

int tls_context_check(struct tls_context *c, const struct tls_settings *s, bool *renewed, char *why,
		      size_t why_len)
{
	SSL_CTX *fresh = NULL;
	int err = make_fresh(c, s, &fresh, renewed, why, why_len);

	SSL_CTX_free(fresh);
	return err;
}

int tls_context_reload(struct tls_context *c, const struct tls_settings *s, bool *renewed,
		       char *why, size_t why_len)
{
	SSL_CTX *fresh;
	int err = make_fresh(c, s, &fresh, renewed, why, why_len);

	if (err)
		return err;
	/* Connections that are up keep what they began with. */
	SSL_CTX_free(c->ctx);
	c->ctx = fresh;
	return 0;
}

void tls_on_revoked(struct tls *t, void (*fn)(void *arg), void *arg)
{
	t->on_revoked = fn;
	t->on_revoked_arg = arg;
}
