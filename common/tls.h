/* TLS 1.3 between frame and transport, on memory BIOs: octets in and octets out, no sockets, so the same code
 * serves every transport and the tests. Both sides show a certificate; the node's name is its URI SAN. */
#ifndef KEYHOP_TLS_H
#define KEYHOP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "ids.h"

struct tls_context; /* one per node: certificate, CA, key log */
struct tls; /* one per connection */

struct tls_handshakes {
	uint64_t done, failed;
};

struct tls_settings {
	const char *ca, *cert, *key; /* PEM files */
	const char *keylog; /* NSS key log file, mode 0600, or NULL */
	const char *crl; /* PEM file of revocation lists, or NULL */
};

/* What a revocation list says of a certificate. */
enum tls_revocation {
	TLS_NOT_REVOKED,
	TLS_SUPERSEDED, /* by a newer one of the same node: nobody else has its key */
	TLS_REVOKED,
};

/* Of the revocation lists in force. */
struct tls_crl_facts {
	int64_t next_update; /* the soonest, in seconds since 1970; 0: none */
	uint64_t entries;
	uint64_t number; /* cRLNumber of the last list of the file */
};

/* KH_E_CONFIG, with a text that names the file in `why` (200 octets). TLS 1.3 only, no tickets, no 0-RTT. A key
 * that others may read is refused, and so is a key log that group or others may read. A revocation list that is past
 * its nextUpdate is taken: there is no better one. */
int tls_context_new(struct tls_context **out, const struct tls_settings *s, char *why,
		    size_t why_len) KH_MUST_CHECK;
/* Of all its connections. */
const struct tls_handshakes *tls_context_handshakes(const struct tls_context *t);
/* Only when its connections are freed: links that were closed are, after loop_free() at the latest. */
void tls_context_free(struct tls_context *t);

/* Files may have changed: new connections use them, those that are up stay. Nothing changes on an error. `renewed`: own
 * certificate is another one. */
int tls_context_reload(struct tls_context *t, const struct tls_settings *s, bool *renewed,
		       char *why, size_t why_len) KH_MUST_CHECK;
/* What tls_context_reload() would say; changes nothing. */
int tls_context_check(struct tls_context *t, const struct tls_settings *s, bool *renewed, char *why,
		      size_t why_len) KH_MUST_CHECK;
/* Takes a revocation list into force, then calls what tls_on_revoked() set for connections whose peer it names.
 * KH_E_CRL_INVALID or KH_E_CRL_STALE with `why` (200 octets): the one before stays in force. */
int tls_context_load_crl(struct tls_context *t, const char *path, char *why,
			 size_t why_len) KH_MUST_CHECK;
/* NULL without a list. */
const struct tls_crl_facts *tls_context_crl(const struct tls_context *t);
/* Of own certificate. */
enum tls_revocation tls_context_revocation(const struct tls_context *t);
/* notAfter of own certificate, and the soonest of those of the CA file; seconds since 1970. */
int64_t tls_context_expiry(const struct tls_context *t);
int64_t tls_context_ca_expiry(const struct tls_context *t);

#define TLS_RECORD_MAX 16384U /* octets of plaintext in a record */

/* A connection. `alpn` ("keyhop-s1/1") is mandatory on both sides. */
struct tls *tls_new(struct tls_context *t, bool server, const char *alpn);
void tls_free(struct tls *t);

/* Gives octets from the transport to TLS. */
int tls_feed(struct tls *t, const uint8_t *data, size_t len) KH_MUST_CHECK;
/* Goes on with the handshake: 1 when it is done, 0 when it needs more octets, or a named error:
 * KH_E_NO_CERTIFICATE, KH_E_UNKNOWN_CA, KH_E_CERTIFICATE_EXPIRED, KH_E_CERTIFICATE_NOT_YET_VALID,
 * KH_E_CERTIFICATE_REVOKED, KH_E_CERTIFICATE_INVALID, KH_E_ALPN_MISMATCH,
 * KH_E_REFUSED_BY_PEER (the peer sent an alert), KH_E_TLS_FAILED. There may be an alert to send after an error. */
int tls_handshake(struct tls *t) KH_MUST_CHECK;
/* Plaintext: octets read (> 0), 0 when there are none now, KH_E_LINK_LOST after close_notify, or an error. */
int tls_read(struct tls *t, uint8_t *out, size_t len) KH_MUST_CHECK;
int tls_write(struct tls *t, const uint8_t *data, size_t len) KH_MUST_CHECK;
/* Queues close_notify. */
void tls_shutdown(struct tls *t);
/* Octets for the transport; *data stays valid until tls_output_drain(). */
size_t tls_output(struct tls *t, const uint8_t **data);
void tls_output_drain(struct tls *t, size_t len);

/* The peer's URI SAN that begins with "keyhop:", after the handshake; "" when it has none or more than one. */
const char *tls_peer_identity(const struct tls *t);
/* To be called when the peer's certificate turns up in a revocation list while the connection is up. */
void tls_on_revoked(struct tls *t, void (*fn)(void *arg), void *arg);
/* What OpenSSL or the peer's alert said, for the log. */
const char *tls_error_text(const struct tls *t);

#endif
