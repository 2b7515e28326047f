#include "tls.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <utlist.h>

#include "mem.h"
#include "tls_internal.h"

#define ALPN_MAX 32
#define INPUT_MAX \
	(1024 * 1024) /* fed and not yet read; whoever reads after each feed is far below */
#define URI_PREFIX "keyhop:"

static void on_info(const SSL *ssl, int where, int value)
{
	struct tls *t = SSL_get_app_data(ssl);

	/* Upper octet: level; close_notify is a warning and no refusal. */
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		t->alert = value & 0xff;
}

static void offer_alpn(struct tls *t)
{
	unsigned char wire[1 + ALPN_MAX];
	size_t len = strlen(t->alpn);

	if (len > ALPN_MAX)
		len = ALPN_MAX;
	wire[0] = (unsigned char)len;
	memcpy(wire + 1, t->alpn, len);
	if (SSL_set_alpn_protos(t->ssl, wire, (unsigned)len + 1) != 0)
		x_out_of_memory();
}

struct tls *tls_new(struct tls_context *c, bool server, const char *alpn)
{
	struct tls *t = x_calloc(1, sizeof *t);

	t->alert = -1;
	t->alpn = x_strdup(alpn);
	t->ssl = tls_context_ssl(c, t);
	t->context = c;
	DL_APPEND(c->connections, t);
	SSL_set_info_callback(t->ssl, on_info);
	if (server) {
		SSL_set_accept_state(t->ssl);
	} else {
		SSL_set_connect_state(t->ssl);
		offer_alpn(t);
	}
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	DL_DELETE(t->context->connections, t);
	SSL_free(t->ssl);
	buf_clear(&t->in);
	buf_clear(&t->out);
	free(t->alpn);
	free(t->error);
	free(t);
}

static int fail_with(struct tls *t, int err, const char *text)
{
	t->err = err;
	free(t->error);
	t->error = x_strdup(text);
	ERR_clear_error();
	return err;
}

static int refused_by_peer(struct tls *t)
{
	const char *name =
		ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + t->alert));
	char text[120];

	if (name)
		snprintf(text, sizeof text, "peer sent: %s", name);
	else
		snprintf(text, sizeof text, "peer sent alert %d", t->alert);
	return fail_with(t, KH_E_REFUSED_BY_PEER, text);
}

static int verify_error(long result)
{
	switch (result) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return KH_E_UNKNOWN_CA;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return KH_E_CERTIFICATE_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return KH_E_CERTIFICATE_NOT_YET_VALID;
	case X509_V_ERR_CERT_REVOKED:
		return KH_E_CERTIFICATE_REVOKED;
	default:
		return KH_E_CERTIFICATE_INVALID;
	}
}

/* What is wrong with which certificate. */
static int refuse_certificate(struct tls *t, long verified)
{
	char text[80 + IDENTITY_MAX];

	snprintf(text, sizeof text, "%s%s%s", X509_verify_cert_error_string(verified),
		 *t->refused ? ": certificate of " : "", t->refused);
	return fail_with(t, verify_error(verified), text);
}

/* Finds the name of what OpenSSL just refused. */
static int fail(struct tls *t)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
	long verified = SSL_get_verify_result(t->ssl);
	const char *text = ERR_reason_error_string(e);

	if (t->cause != 0)
		return fail_with(t, t->cause, "no common application protocol");
	if (t->alert >= 0)
		return refused_by_peer(t);
	if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		return fail_with(t, KH_E_NO_CERTIFICATE, "peer did not return a certificate");
	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
		return refuse_certificate(t, verified);
	return fail_with(t, KH_E_TLS_FAILED, text ? text : "TLS error");
}

int tls_feed(struct tls *t, const uint8_t *data, size_t len)
{
	if (t->err < 0)
		return t->err;
	if (len > INPUT_MAX || t->in.len > INPUT_MAX - len)
		return fail_with(t, KH_E_TLS_FAILED, "too much input waits");
	buf_append(&t->in, data, len);
	return 0;
}

/* A URI of printable octets only: it goes to logs, and a NUL inside would hide what follows. */
static bool uri_is_identity(const ASN1_IA5STRING *uri)
{
	const unsigned char *p = ASN1_STRING_get0_data(uri);
	int len = ASN1_STRING_length(uri);

	for (int i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	return len < IDENTITY_MAX;
}

static bool has_prefix(const ASN1_IA5STRING *uri)
{
	size_t len = strlen(URI_PREFIX);

	return (size_t)ASN1_STRING_length(uri) >= len &&
	       memcmp(ASN1_STRING_get0_data(uri), URI_PREFIX, len) == 0;
}

static void take_identity(const GENERAL_NAMES *names, char out[IDENTITY_MAX])
{
	const ASN1_IA5STRING *found = NULL;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_URI || !has_prefix(name->d.uniformResourceIdentifier))
			continue;
		/* Two names would let the reader choose who the peer is. */
		if (found)
			return;
		found = name->d.uniformResourceIdentifier;
	}
	if (found && uri_is_identity(found))
		memcpy(out, ASN1_STRING_get0_data(found), (size_t)ASN1_STRING_length(found));
}

void tls_identity_of(X509 *cert, char out[IDENTITY_MAX])
{
	GENERAL_NAMES *names =
		cert ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL) : NULL;

	if (names)
		take_identity(names, out);
	GENERAL_NAMES_free(names);
	ERR_clear_error();
}

static bool alpn_agreed(const struct tls *t)
{
	const unsigned char *chosen = NULL;
	unsigned len = 0;

	SSL_get0_alpn_selected(t->ssl, &chosen, &len);
	return len == strlen(t->alpn) && memcmp(chosen, t->alpn, len) == 0;
}

static int shake_hands(struct tls *t)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(t->ssl);
	if (result != 1)
		return SSL_get_error(t->ssl, result) == SSL_ERROR_WANT_READ ? 0 : fail(t);
	if (!alpn_agreed(t)) {
		/* A server without ALPN is none of ours, and there is no call to send the alert. */
		SSL_shutdown(t->ssl);
		return fail_with(t, KH_E_ALPN_MISMATCH, "server chose no application protocol");
	}
	t->done = true;
	tls_identity_of(SSL_get0_peer_certificate(t->ssl), t->identity);
	return 1;
}

int tls_handshake(struct tls *t)
{
	if (t->err < 0)
		return t->err;
	if (t->done)
		return 1;
	int result = shake_hands(t);
	t->context->handshakes.done += result > 0;
	t->context->handshakes.failed += result < 0;
	return result;
}

int tls_read(struct tls *t, uint8_t *out, size_t len)
{
	int result;

	if (t->err < 0)
		return t->err;
	if (!t->done)
		return 0;
	ERR_clear_error();
	result = SSL_read(t->ssl, out, len > INT_MAX ? INT_MAX : (int)len);
	if (result > 0)
		return result;
	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return fail_with(t, KH_E_LINK_LOST, "closed by the peer");
	default:
		return fail(t);
	}
}

int tls_write(struct tls *t, const uint8_t *data, size_t len)
{
	size_t written;

	if (t->err < 0)
		return t->err;
	if (!t->done)
		return KH_E_INTERNAL;
	ERR_clear_error();
	/* All or nothing: the BIO below takes everything. */
	if (len > 0 && SSL_write_ex(t->ssl, data, len, &written) != 1)
		return fail(t);
	return 0;
}

void tls_shutdown(struct tls *t)
{
	/* After an error the alert has been queued, or the peer's close_notify asks for ours. */
	if (!t->done || (t->err < 0 && t->err != KH_E_LINK_LOST))
		return;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}

size_t tls_output(struct tls *t, const uint8_t **data)
{
	*data = buf_data(&t->out);
	return t->out.len;
}

void tls_output_drain(struct tls *t, size_t len)
{
	buf_drain(&t->out, len);
}

const char *tls_peer_identity(const struct tls *t)
{
	return t->identity;
}

const char *tls_error_text(const struct tls *t)
{
	return t->error ? t->error : "";
}
