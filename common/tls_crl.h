/* Certificate revocation lists (RFC 5280): reading them, whom they name. Between tls_trust.c and OpenSSL. */
#ifndef KEYHOP_TLS_CRL_H
#define KEYHOP_TLS_CRL_H

#include <openssl/x509.h>

#include "err.h"
#include "tls.h"

struct tls_crl;

/* Reads the lists of the PEM file `path`. Each must be signed by one of `cas`, and not be older than that of the same CA
 * in `old` (may be NULL: then it may be past its nextUpdate, too). KH_E_CRL_INVALID or KH_E_CRL_STALE with `why`. */
int tls_crl_read(struct tls_crl **out, const char *path, X509_STORE *cas, const struct tls_crl *old,
		 char *why, size_t why_len) KH_MUST_CHECK;
void tls_crl_free(struct tls_crl *crl);
/* Is one of the chain in a list of its issuer? NULL lists name nobody. */
enum tls_revocation tls_crl_names(const struct tls_crl *crl, const STACK_OF(X509) * chain);
const struct tls_crl_facts *tls_crl_facts(const struct tls_crl *crl);
/* Seconds since 1970. */
int64_t tls_time(const ASN1_TIME *at);

#endif
