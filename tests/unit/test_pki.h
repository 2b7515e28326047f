/* Certificates for tests, made at the start of each: keys and certificates of a trusted and a foreign
 * CA in a folder of their own. The leaves by name:
 *
 *	mme, enb1, enb2    good, keyhop:mme:mme1 and keyhop:enb:00101-1 and -2
 *	expired, future    not valid now
 *	foreign            of the foreign CA
 *	nameless           without a name of ours
 *	two, nul, long     with two, with a NUL inside, with one too long
 *	server             good for TLS servers only
 *
 * The CAs may sign revocation lists. */
#ifndef KEYHOP_TEST_PKI_H
#define KEYHOP_TEST_PKI_H

#include <stddef.h>

#define TEST_PKI_PATH 160

struct tls_context;

struct test_pki {
	char dir[64];
};

void test_pki_make(struct test_pki *pki);
void test_pki_remove(struct test_pki *pki);
/* "<dir>/<name><suffix>"; suffixes are ".pem" and ".key", the CAs are "ca" and "foreign-ca". */
void test_pki_path(const struct test_pki *pki, const char *name, const char *suffix,
		   char out[TEST_PKI_PATH]);
/* What a revocation list is like; zeros make a good one. */
struct test_crl {
	const char *names[4]; /* leaves that it revokes */
	int reason; /* CRL_REASON_*; 0: none is given */
	long number; /* cRLNumber; 0: none */
	long until; /* nextUpdate, seconds from now; 0: a day */
	int foreign; /* of the foreign CA */
	int partial; /* with a critical extension */
};
/* Writes it as "<dir>/<file>.pem". */
void test_pki_crl(const struct test_pki *pki, const char *file, const struct test_crl *what);
/* A context of leaf `name` that trusts `ca`; keylog may be NULL. Fails the test without it. */
struct tls_context *test_pki_context(const struct test_pki *pki, const char *name, const char *ca,
				     const char *keylog);

#endif
