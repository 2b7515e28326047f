#include "tls_crl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "clock.h"
#include "file.h"
#include "mem.h"

#define FILE_MAX (16LL * 1024 * 1024)

struct tls_crl {
	STACK_OF(X509_CRL) * lists;
	struct tls_crl_facts facts;
};

int64_t tls_time(const ASN1_TIME *at)
{
	struct tm tm;

	return at && ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static X509 *issuer_of(const X509_CRL *list, X509_STORE *cas)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(cas);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
		if (!ca || X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(list)) != 0)
			continue;
		if (!(X509_get_key_usage(ca) & KU_CRL_SIGN))
			continue;
		/* Two CAs may have the same name: the signature decides. */
		if (X509_CRL_verify((X509_CRL *)(uintptr_t)list, X509_get0_pubkey(ca)) == 1)
			return ca;
	}
	return NULL;
}

/* A delta, an indirect list or one for some reasons only says so in a critical extension. */
static bool is_partial(const X509_CRL *list)
{
	for (int i = 0; i < X509_CRL_get_ext_count(list); i++)
		if (X509_EXTENSION_get_critical(X509_CRL_get_ext(list, i)))
			return true;
	return false;
}

/* cRLNumber; NULL without one. The caller frees it. */
static ASN1_INTEGER *number_of(const X509_CRL *list)
{
	return X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
}

static bool goes_back(const X509_CRL *list, const struct tls_crl *old)
{
	bool back = false;

	for (int i = 0; old && !back && i < sk_X509_CRL_num(old->lists); i++) {
		X509_CRL *before = sk_X509_CRL_value(old->lists, i);
		if (X509_NAME_cmp(X509_CRL_get_issuer(before), X509_CRL_get_issuer(list)) != 0)
			continue;
		ASN1_INTEGER *a = number_of(before), *b = number_of(list);
		back = a && (!b || ASN1_INTEGER_cmp(b, a) < 0);
		ASN1_INTEGER_free(a);
		ASN1_INTEGER_free(b);
	}
	return back;
}

static bool has_list_of(const struct tls_crl *crl, const X509_NAME *issuer)
{
	for (int i = 0; i < sk_X509_CRL_num(crl->lists); i++)
		if (X509_NAME_cmp(X509_CRL_get_issuer(sk_X509_CRL_value(crl->lists, i)), issuer) ==
		    0)
			return true;
	return false;
}

/* A list in force whose CA is still trusted, and that `fresh` has none in the place of: what it names would be let in
 * again. */
static bool lacks_one(const struct tls_crl *fresh, const struct tls_crl *old, X509_STORE *cas)
{
	for (int i = 0; old && i < sk_X509_CRL_num(old->lists); i++) {
		const X509_CRL *before = sk_X509_CRL_value(old->lists, i);
		if (!has_list_of(fresh, X509_CRL_get_issuer(before)) && issuer_of(before, cas))
			return true;
	}
	return false;
}

static int check(const X509_CRL *list, X509_STORE *cas, const struct tls_crl *old,
		 const char **reason)
{
	int64_t next = tls_time(X509_CRL_get0_nextUpdate(list));

	*reason = "not signed by a CA of tls.ca that may sign lists";
	if (!issuer_of(list, cas))
		return KH_E_CRL_INVALID;
	*reason = "has a critical extension: deltas and partial lists are not taken";
	if (is_partial(list))
		return KH_E_CRL_INVALID;
	*reason = "its number is below that of the list in force, or missing";
	if (goes_back(list, old))
		return KH_E_CRL_STALE;
	*reason = "its nextUpdate has passed";
	return old && next && next * 1000000 <= clock_wall_us() ? KH_E_CRL_STALE : 0;
}

static void note_facts(struct tls_crl_facts *f, X509_CRL *list)
{
	int64_t next = tls_time(X509_CRL_get0_nextUpdate(list));
	ASN1_INTEGER *number = number_of(list);
	int entries = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list));
	uint64_t n = 0;

	if (next && (!f->next_update || next < f->next_update))
		f->next_update = next;
	f->entries += entries > 0 ? (uint64_t)entries : 0;
	if (number && ASN1_INTEGER_get_uint64(&n, number) == 1)
		f->number = n;
	ASN1_INTEGER_free(number);
	ERR_clear_error();
}

/* Takes all lists of `in`; the end of the file is an error to OpenSSL. */
static int read_lists(struct tls_crl *crl, BIO *in, X509_STORE *cas, const struct tls_crl *old,
		      const char **reason)
{
	X509_CRL *list;
	int err = 0;

	while (!err && (list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL))) {
		err = check(list, cas, old, reason);
		note_facts(&crl->facts, list);
		if (sk_X509_CRL_push(crl->lists, list) == 0)
			x_out_of_memory();
	}
	if (err)
		return err;
	*reason = "not a PEM file of revocation lists";
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return KH_E_CRL_INVALID;
	if (sk_X509_CRL_num(crl->lists) == 0)
		return KH_E_CRL_INVALID;
	*reason = "lacks the list of a CA that one is in force of";
	return lacks_one(crl, old, cas) ? KH_E_CRL_STALE : 0;
}

static BIO *open_file(const char *path, const char **reason)
{
	FILE *f = file_open(path, FILE_MAX, reason);

	return f ? BIO_new_fp(f, BIO_CLOSE) : NULL;
}

int tls_crl_read(struct tls_crl **out, const char *path, X509_STORE *cas, const struct tls_crl *old,
		 char *why, size_t why_len)
{
	struct tls_crl *crl = x_calloc(1, sizeof *crl);
	const char *reason = "";
	BIO *in = open_file(path, &reason);
	int err = KH_E_CRL_INVALID;

	ERR_clear_error();
	crl->lists = sk_X509_CRL_new_null();
	if (in)
		err = read_lists(crl, in, cas, old, &reason);
	BIO_free(in);
	ERR_clear_error();
	if (err) {
		snprintf(why, why_len, "revocation list: %s (%s)", reason, path);
		tls_crl_free(crl);
		return err;
	}
	*out = crl;
	return 0;
}

void tls_crl_free(struct tls_crl *crl)
{
	if (!crl)
		return;
	sk_X509_CRL_pop_free(crl->lists, X509_CRL_free);
	free(crl);
}

static enum tls_revocation revocation_of(const X509_REVOKED *entry)
{
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	bool superseded = reason && ASN1_ENUMERATED_get(reason) == CRL_REASON_SUPERSEDED;

	ASN1_ENUMERATED_free(reason);
	return superseded ? TLS_SUPERSEDED : TLS_REVOKED;
}

/* OpenSSL looks for the serial; the issuer is ours to compare. */
static enum tls_revocation look_up(X509_CRL *list, X509 *cert)
{
	X509_REVOKED *entry;

	if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_issuer_name(cert)) != 0)
		return TLS_NOT_REVOKED;
	return X509_CRL_get0_by_cert(list, &entry, cert) == 1 ? revocation_of(entry)
							      : TLS_NOT_REVOKED;
}

enum tls_revocation tls_crl_names(const struct tls_crl *crl, const STACK_OF(X509) * chain)
{
	enum tls_revocation found = TLS_NOT_REVOKED;

	for (int i = 0; crl && i < sk_X509_num(chain); i++)
		for (int k = 0; k < sk_X509_CRL_num(crl->lists) && !found; k++)
			found = look_up(sk_X509_CRL_value(crl->lists, k), sk_X509_value(chain, i));
	return found;
}

const struct tls_crl_facts *tls_crl_facts(const struct tls_crl *crl)
{
	return crl ? &crl->facts : NULL;
}
