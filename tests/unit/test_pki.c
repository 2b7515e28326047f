#include "test_pki.h"

#include <check.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls.h"

#define DAY (24L * 60 * 60)
#define LONG_NAME \
	"keyhop:mme:a-name-that-is-longer-than-any-identity-of-a-node-may-be-0123456789-" \
	"0123456789-0123456789"

struct issuer {
	X509 *cert;
	EVP_PKEY *key;
};

struct leaf {
	const char *name;
	const char *uris[2];
	int uri_len; /* of uris[0] when it is not that of a string */
	const char *usage;
	long from, to; /* seconds from now */
	bool foreign;
};

static const struct leaf leaves[] = {
	{"mme", {"keyhop:mme:mme1"}, 0, NULL, -DAY, DAY, false},
	{"enb1", {"keyhop:enb:00101-1", "https://example.org/"}, 0, NULL, -DAY, DAY, false},
	{"enb2", {"keyhop:enb:00101-2"}, 0, "clientAuth,serverAuth", -DAY, DAY, false},
	{"expired", {"keyhop:enb:00101-3"}, 0, NULL, -2 * DAY, -DAY, false},
	{"future", {"keyhop:enb:00101-3"}, 0, NULL, DAY, 2 * DAY, false},
	{"foreign", {"keyhop:enb:00101-1"}, 0, NULL, -DAY, DAY, true},
	{"nameless", {"https://example.org/keyhop:enb:00101-1"}, 0, NULL, -DAY, DAY, false},
	{"two", {"keyhop:enb:00101-1", "keyhop:enb:00101-2"}, 0, NULL, -DAY, DAY, false},
	{"nul", {"keyhop:enb:00101-1\0.example.org"}, 31, NULL, -DAY, DAY, false},
	{"long", {LONG_NAME}, 0, NULL, -DAY, DAY, false},
	{"server", {"keyhop:enb:00101-4"}, 0, "serverAuth", -DAY, DAY, false},
};

void test_pki_path(const struct test_pki *pki, const char *name, const char *suffix,
		   char out[TEST_PKI_PATH])
{
	snprintf(out, TEST_PKI_PATH, "%s/%s%s", pki->dir, name, suffix);
}

static FILE *new_file(const struct test_pki *pki, const char *name, const char *suffix)
{
	char path[TEST_PKI_PATH];
	FILE *f;

	test_pki_path(pki, name, suffix, path);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(chmod(path, 0600), 0);
	return f;
}

static void save_cert(const struct test_pki *pki, const char *name, X509 *cert)
{
	FILE *f = new_file(pki, name, ".pem");

	ck_assert_int_eq(PEM_write_X509(f, cert), 1);
	fclose(f);
}

static void save_key(const struct test_pki *pki, const char *name, EVP_PKEY *key)
{
	FILE *f = new_file(pki, name, ".key");

	ck_assert_int_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	ck_assert_ptr_nonnull(ext);
	ck_assert_int_eq(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static void add_uri(GENERAL_NAMES *names, const char *uri, int len)
{
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	GENERAL_NAME *name = GENERAL_NAME_new();

	ck_assert_int_eq(ASN1_STRING_set(text, uri, len), 1);
	GENERAL_NAME_set0_value(name, GEN_URI, text);
	sk_GENERAL_NAME_push(names, name);
}

static void add_names(X509 *cert, const struct leaf *leaf)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	for (int i = 0; i < 2 && leaf->uris[i]; i++)
		add_uri(names, leaf->uris[i],
			leaf->uri_len ? leaf->uri_len : (int)strlen(leaf->uris[i]));
	ck_assert_int_eq(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0), 1);
	GENERAL_NAMES_free(names);
}

static X509 *new_cert(const char *name, EVP_PKEY *key, long from, long to)
{
	static long serial;
	X509 *cert = X509_new();

	ck_assert_ptr_nonnull(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), from);
	X509_gmtime_adj(X509_getm_notAfter(cert), to);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_pubkey(cert, key);
	return cert;
}

static void make_ca(const struct test_pki *pki, const char *name, struct issuer *ca)
{
	ca->key = EVP_EC_gen("P-256");
	ca->cert = new_cert(name, ca->key, -3 * DAY, 3 * DAY);
	X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert));
	add_extension(ca->cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	ck_assert_int_gt(X509_sign(ca->cert, ca->key, EVP_sha256()), 0);
	save_cert(pki, name, ca->cert);
	save_key(pki, name, ca->key);
}

static void make_leaf(const struct test_pki *pki, const struct leaf *leaf, const struct issuer *ca)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = new_cert(leaf->name, key, leaf->from, leaf->to);

	X509_set_issuer_name(cert, X509_get_subject_name(ca->cert));
	add_names(cert, leaf);
	if (leaf->usage)
		add_extension(cert, NID_ext_key_usage, leaf->usage);
	ck_assert_int_gt(X509_sign(cert, ca->key, EVP_sha256()), 0);
	save_cert(pki, leaf->name, cert);
	save_key(pki, leaf->name, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void *read_pem(const struct test_pki *pki, const char *name, const char *suffix)
{
	char path[TEST_PKI_PATH];
	void *out;
	FILE *f;

	test_pki_path(pki, name, suffix, path);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	out = strcmp(suffix, ".pem") == 0 ? (void *)PEM_read_X509(f, NULL, NULL, NULL)
					  : (void *)PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	ck_assert_ptr_nonnull(out);
	return out;
}

static void add_revoked(X509_CRL *crl, const struct test_pki *pki, const char *name, int reason)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	X509 *cert = read_pem(pki, name, ".pem");
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
	ASN1_ENUMERATED *why = ASN1_ENUMERATED_new();

	X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert));
	X509_REVOKED_set_revocationDate(entry, now);
	ASN1_ENUMERATED_set(why, reason);
	if (reason)
		X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, why, 0, 0);
	ck_assert_int_eq(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_ENUMERATED_free(why);
	ASN1_TIME_free(now);
	X509_free(cert);
}

static void set_number(X509_CRL *crl, long number)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();

	ASN1_INTEGER_set(n, number);
	if (number)
		ck_assert_int_eq(X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0), 1);
	ASN1_INTEGER_free(n);
}

static void set_partial(X509_CRL *crl)
{
	ISSUING_DIST_POINT *idp = ISSUING_DIST_POINT_new();

	idp->onlyuser = 1;
	ck_assert_int_eq(X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, idp, 1, 0), 1);
	ISSUING_DIST_POINT_free(idp);
}

void test_pki_crl(const struct test_pki *pki, const char *file, const struct test_crl *what)
{
	const char *ca = what->foreign ? "foreign-ca" : "ca";
	X509 *cert = read_pem(pki, ca, ".pem");
	EVP_PKEY *key = read_pem(pki, ca, ".key");
	ASN1_TIME *from = X509_gmtime_adj(NULL, -2 * DAY);
	ASN1_TIME *to = X509_gmtime_adj(NULL, what->until ? what->until : DAY);
	X509_CRL *crl = X509_CRL_new();
	FILE *f = new_file(pki, file, ".pem");

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(cert));
	X509_CRL_set1_lastUpdate(crl, from);
	X509_CRL_set1_nextUpdate(crl, to);
	set_number(crl, what->number);
	if (what->partial)
		set_partial(crl);
	for (int i = 0; i < 4 && what->names[i]; i++)
		add_revoked(crl, pki, what->names[i], what->reason);
	X509_CRL_sort(crl);
	ck_assert_int_gt(X509_CRL_sign(crl, key, EVP_sha256()), 0);
	ck_assert_int_eq(PEM_write_X509_CRL(f, crl), 1);
	fclose(f);
	X509_CRL_free(crl);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	EVP_PKEY_free(key);
	X509_free(cert);
}

void test_pki_make(struct test_pki *pki)
{
	struct issuer own, foreign;

	snprintf(pki->dir, sizeof pki->dir, "/tmp/keyhop-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(pki->dir));
	make_ca(pki, "ca", &own);
	make_ca(pki, "foreign-ca", &foreign);
	for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
		make_leaf(pki, &leaves[i], leaves[i].foreign ? &foreign : &own);
	X509_free(own.cert);
	EVP_PKEY_free(own.key);
	X509_free(foreign.cert);
	EVP_PKEY_free(foreign.key);
}

void test_pki_remove(struct test_pki *pki)
{
	DIR *dir = opendir(pki->dir);
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ck_assert_int_eq(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	closedir(dir);
	ck_assert_int_eq(rmdir(pki->dir), 0);
}

struct tls_context *test_pki_context(const struct test_pki *pki, const char *name, const char *ca,
				     const char *keylog)
{
	char ca_path[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH], why[200] = "";
	struct tls_settings s = {.ca = ca_path, .cert = cert, .key = key, .keylog = keylog};
	struct tls_context *context = NULL;
	int err;

	test_pki_path(pki, ca, ".pem", ca_path);
	test_pki_path(pki, name, ".pem", cert);
	test_pki_path(pki, name, ".key", key);
	err = tls_context_new(&context, &s, why, sizeof why);
	ck_assert_msg(err == 0, "%s", why);
	return context;
}
