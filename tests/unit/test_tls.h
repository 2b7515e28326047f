/* Two ends of TLS joined in memory. */
#ifndef KEYHOP_TEST_TLS_H
#define KEYHOP_TEST_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test_pki.h"
#include "tls.h"

#define TEST_ALPN "keyhop-s1/1"

/* One end: a connection, how far it got, and what it read. */
struct tls_end {
	struct tls_context *context;
	struct tls *tls;
	int result; /* of the handshake, then KH_E_* of the first error */
	uint8_t read[256];
	size_t read_len;
};

struct tls_pair {
	struct tls_end client, server;
};

void tls_end_open(struct tls_end *e, const struct test_pki *pki, const char *leaf, const char *ca,
		  bool server, const char *alpn);
void tls_end_close(struct tls_end *e);
/* Handshake, then reading, as far as they get. */
void tls_end_advance(struct tls_end *e);
/* Moves at most `most` octets; true when there were any. */
bool tls_end_move(struct tls_end *from, struct tls_end *to, size_t most);

/* A client of leaf `client` that trusts `client_ca`, and a server mme that trusts ca. */
void tls_pair_open(struct tls_pair *p, const struct test_pki *pki, const char *client,
		   const char *client_ca);
void tls_pair_close(struct tls_pair *p);
/* Runs both, `most` octets at once, until nothing moves. */
void tls_pair_run(struct tls_pair *p, size_t most);
void tls_pair_expect_up(const struct tls_pair *p);

#endif
