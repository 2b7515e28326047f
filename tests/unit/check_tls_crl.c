/* Revocation lists and the ends of certificates, by a clock that the test holds. */
#include "tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "check_main.h"
#include "fake_clock.h"
#include "test_tls.h"
#include "tls_internal.h"
#include "tls_peer.h"

#define DAY_US (24LL * 3600 * 1000000)

static struct test_pki pki;

static void setup(void)
{
	test_pki_make(&pki);
	fake_wall_us = (int64_t)time(NULL) * 1000000;
}

static void teardown(void)
{
	test_pki_remove(&pki);
}

static int load(struct tls_context *c, const struct test_crl *what, char why[200])
{
	char path[TEST_PKI_PATH];

	test_pki_crl(&pki, "crl", what);
	test_pki_path(&pki, "crl", ".pem", path);
	return tls_context_load_crl(c, path, why, 200);
}

static void count(void *arg)
{
	++*(int *)arg;
}

static const struct {
	const char *revoked;
	bool at_server; /* who has the list */
	const char *said;
} handshakes[] = {
	{"enb1", true, "certificate revoked: certificate of keyhop:enb:00101-1"},
	{"mme", false, "certificate revoked: certificate of keyhop:mme:mme1"},
};

START_TEST(refused_in_the_handshake)
{
	const struct test_crl list = {.names = {handshakes[_i].revoked}};
	struct tls_pair p = {0};
	struct tls_end *one = handshakes[_i].at_server ? &p.server : &p.client;
	struct tls_end *other = handshakes[_i].at_server ? &p.client : &p.server;
	char why[200];

	tls_pair_open(&p, &pki, "enb1", "ca");
	ck_ok(load(one->context, &list, why));
	tls_pair_run(&p, SIZE_MAX);
	ck_err(one->result, KH_E_CERTIFICATE_REVOKED);
	ck_assert_str_eq(tls_error_text(one->tls), handshakes[_i].said);
	ck_err(other->result, KH_E_REFUSED_BY_PEER);
	ck_assert_ptr_nonnull(strstr(tls_error_text(other->tls), "certificate revoked"));
	tls_pair_close(&p);
}
END_TEST

/* The server has verified the client and waits for the end of its last flight, when the list comes. */
START_TEST(revoked_before_it_is_up)
{
	const struct test_crl list = {.names = {"enb1"}};
	struct tls_pair p = {0};
	char why[200];
	int calls = 0;

	tls_pair_open(&p, &pki, "enb1", "ca");
	tls_on_revoked(p.server.tls, count, &calls);
	while (!SSL_get0_verified_chain(p.server.tls->ssl)) {
		tls_end_advance(&p.client);
		tls_end_move(&p.server, &p.client, SIZE_MAX);
		tls_end_move(&p.client, &p.server, 1);
		tls_end_advance(&p.server);
	}
	ck_assert_int_eq(p.server.result, 0);
	ck_ok(load(p.server.context, &list, why));
	ck_assert_int_eq(calls, 1);
	tls_pair_close(&p);
}
END_TEST

START_TEST(others_are_served)
{
	const struct test_crl list = {.names = {"enb2", "expired"}, .number = 7};
	struct tls_pair p = {0};
	char why[200];

	tls_pair_open(&p, &pki, "enb1", "ca");
	ck_assert_ptr_null(tls_context_crl(p.server.context));
	ck_ok(load(p.server.context, &list, why));
	ck_assert_uint_eq(tls_context_crl(p.server.context)->entries, 2);
	ck_assert_uint_eq(tls_context_crl(p.server.context)->number, 7);
	tls_pair_run(&p, SIZE_MAX);
	tls_pair_expect_up(&p);
	tls_pair_close(&p);
}
END_TEST

START_TEST(revoked_while_up)
{
	const struct test_crl other = {.names = {"enb2"}, .number = 1};
	const struct test_crl list = {
		.names = {"enb1"}, .reason = CRL_REASON_SUPERSEDED, .number = 2};
	struct tls_pair p = {0};
	struct tls_peer *peer;
	char why[200];
	int calls = 0;

	tls_pair_open(&p, &pki, "enb1", "ca");
	tls_on_revoked(p.server.tls, count, &calls);
	ck_assert_ptr_null(tls_peer_keep(p.server.tls));
	tls_pair_run(&p, SIZE_MAX);
	peer = tls_peer_keep(p.server.tls);
	ck_ok(load(p.server.context, &other, why));
	ck_assert_int_eq(calls, 0);
	ck_assert_int_eq(tls_peer_revocation(p.server.context, peer), TLS_NOT_REVOKED);
	ck_ok(load(p.server.context, &list, why));
	ck_assert_int_eq(calls, 1);
	ck_assert_int_eq(tls_peer_revocation(p.server.context, peer), TLS_SUPERSEDED);
	ck_assert_int_eq(tls_peer_revocation(p.server.context, NULL), TLS_NOT_REVOKED);
	ck_assert_int_eq(tls_context_revocation(p.server.context), TLS_NOT_REVOKED);
	tls_peer_free(peer);
	tls_pair_close(&p);
}
END_TEST

/* What a file keeps of a peer answers as the peer does. */
START_TEST(peers_are_kept_as_octets)
{
	const struct test_crl list = {.names = {"enb1"}};
	struct tls_pair p = {0};
	struct tls_peer *peer, *again, *other;
	char why[200];
	uint8_t *der;

	tls_pair_open(&p, &pki, "enb1", "ca");
	tls_pair_run(&p, SIZE_MAX);
	peer = tls_peer_keep(p.server.tls);
	other = tls_peer_keep(p.client.tls);
	size_t len = tls_peer_encode(peer, &der);
	ck_assert_uint_gt(len, 0);
	ck_ok(tls_peer_decode(&again, der, len));
	ck_assert(tls_peer_same(peer, again));
	ck_assert(!tls_peer_same(peer, other));
	ck_assert(!tls_peer_same(peer, NULL));
	ck_assert(tls_peer_same(NULL, NULL));
	ck_assert_int_eq(tls_peer_revocation(p.server.context, again), TLS_NOT_REVOKED);
	ck_ok(load(p.server.context, &list, why));
	ck_assert_int_eq(tls_peer_revocation(p.server.context, again), TLS_REVOKED);
	tls_peer_free(again);
	ck_err(tls_peer_decode(&again, der, len - 1), KH_E_BAD_FIELD);
	ck_assert_ptr_null(again);
	der[0] ^= 1;
	ck_err(tls_peer_decode(&again, der, len), KH_E_BAD_FIELD);
	free(der);
	ck_assert_uint_eq(tls_peer_encode(NULL, &der), 0);
	ck_ok(tls_peer_decode(&again, der, 0));
	ck_assert_ptr_null(again);
	tls_peer_free(other);
	tls_peer_free(peer);
	tls_pair_close(&p);
}
END_TEST

START_TEST(own_certificate)
{
	const struct test_crl list = {.names = {"mme"}, .reason = CRL_REASON_KEY_COMPROMISE};
	struct tls_context *c = test_pki_context(&pki, "mme", "ca", NULL);
	char why[200];

	ck_ok(load(c, &list, why));
	ck_assert_int_eq(tls_context_revocation(c), TLS_REVOKED);
	tls_context_free(c);
}
END_TEST

static const struct {
	struct test_crl list;
	int err;
	const char *said;
} refused[] = {
	{{.number = 6, .foreign = 1}, KH_E_CRL_INVALID, "not signed"},
	{{.number = 6, .partial = 1}, KH_E_CRL_INVALID, "critical"},
	{{.number = 4}, KH_E_CRL_STALE, "number"},
	{{.number = 0}, KH_E_CRL_STALE, "number"},
	{{.number = 6, .until = -3600}, KH_E_CRL_STALE, "nextUpdate"},
};

START_TEST(the_last_good_one_stays)
{
	const struct test_crl good = {.names = {"enb1"}, .number = 5};
	struct tls_pair p = {0};
	char why[200] = "";

	tls_pair_open(&p, &pki, "enb1", "ca");
	ck_ok(load(p.server.context, &good, why));
	ck_err(load(p.server.context, &refused[_i].list, why), refused[_i].err);
	ck_assert_msg(strstr(why, refused[_i].said) != NULL, "%s", why);
	ck_assert_uint_eq(tls_context_crl(p.server.context)->number, 5);
	tls_pair_run(&p, SIZE_MAX);
	ck_err(p.server.result, KH_E_CERTIFICATE_REVOKED);
	tls_pair_close(&p);
}
END_TEST

/* Appends the file `from` to the file `to`. */
static void append(const char *to, const char *from)
{
	char in[TEST_PKI_PATH], out[TEST_PKI_PATH], line[256];

	test_pki_path(&pki, from, ".pem", in);
	test_pki_path(&pki, to, ".pem", out);
	FILE *r = fopen(in, "r"), *w = fopen(out, "a");
	while (fgets(line, sizeof line, r))
		fputs(line, w);
	fclose(r);
	fclose(w);
}

/* Else whoever may write the file, or cuts it between two lists, lets in again whom that CA has revoked. */
START_TEST(a_list_that_is_left_out)
{
	const struct test_crl ours = {.names = {"enb1"}, .number = 1};
	const struct test_crl theirs = {.names = {"foreign"}, .number = 1, .foreign = 1};
	struct tls_context *c;
	char both[TEST_PKI_PATH], path[TEST_PKI_PATH], why[200] = "";

	append("both-ca", "ca");
	append("both-ca", "foreign-ca");
	c = test_pki_context(&pki, "mme", "both-ca", NULL);
	test_pki_crl(&pki, "ours", &ours);
	test_pki_crl(&pki, "theirs", &theirs);
	append("both", "ours");
	append("both", "theirs");
	test_pki_path(&pki, "both", ".pem", both);
	test_pki_path(&pki, "ours", ".pem", path);
	ck_ok(tls_context_load_crl(c, both, why, sizeof why));
	ck_assert_uint_eq(tls_context_crl(c)->entries, 2);
	ck_err(tls_context_load_crl(c, path, why, sizeof why), KH_E_CRL_STALE);
	ck_assert_msg(strstr(why, "lacks") != NULL, "%s", why);
	ck_assert_uint_eq(tls_context_crl(c)->entries, 2);
	/* A CA that is trusted no more needs none. */
	char ca[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH];
	const struct tls_settings s = {.ca = ca, .cert = cert, .key = key};
	bool renewed;
	test_pki_path(&pki, "ca", ".pem", ca);
	test_pki_path(&pki, "mme", ".pem", cert);
	test_pki_path(&pki, "mme", ".key", key);
	ck_ok(tls_context_reload(c, &s, &renewed, why, sizeof why));
	ck_ok(tls_context_load_crl(c, path, why, sizeof why));
	tls_context_free(c);
}
END_TEST

START_TEST(damaged_files)
{
	static const char *const text[] = {
		"", "what is this\n", "-----BEGIN X509 CRL-----\nMIIB\n",
		"-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"};
	struct tls_context *c = test_pki_context(&pki, "mme", "ca", NULL);
	char path[TEST_PKI_PATH], why[200];
	FILE *f;

	test_pki_path(&pki, "crl", ".pem", path);
	ck_err(tls_context_load_crl(c, path, why, sizeof why), KH_E_CRL_INVALID);
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
	f = fopen(path, "w");
	fputs(text[_i], f);
	fclose(f);
	ck_err(tls_context_load_crl(c, path, why, sizeof why), KH_E_CRL_INVALID);
	ck_assert_ptr_nonnull(strstr(why, path));
	ck_assert_ptr_null(tls_context_crl(c));
	tls_context_free(c);
}
END_TEST

START_TEST(what_is_no_file)
{
	struct tls_context *c = test_pki_context(&pki, "mme", "ca", NULL);
	char path[TEST_PKI_PATH], why[200];

	test_pki_path(&pki, "crl", ".pem", path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	const char *const bad[] = {path, "/dev/zero", pki.dir};
	for (size_t i = 0; i < 3; i++) {
		ck_err(tls_context_load_crl(c, bad[i], why, sizeof why), KH_E_CRL_INVALID);
		ck_assert_msg(strstr(why, "not a regular file") != NULL, "%s", why);
	}
	tls_context_free(c);
}
END_TEST

/* At start there is no better one; what it names stays refused when its time is over, and others are served. */
START_TEST(a_list_past_its_end)
{
	const struct test_crl list = {.names = {"enb1"}, .until = -3600};
	struct tls_pair p = {0};
	char why[200];

	tls_pair_open(&p, &pki, "enb1", "ca");
	ck_ok(load(p.server.context, &list, why));
	tls_pair_run(&p, SIZE_MAX);
	ck_err(p.server.result, KH_E_CERTIFICATE_REVOKED);
	tls_pair_close(&p);
}
END_TEST

static const struct {
	const char *leaf;
	int64_t later_us;
	int err;
} times[] = {
	{"enb1", 0, 1},
	{"enb1", 2 * DAY_US, KH_E_CERTIFICATE_EXPIRED},
	{"enb1", -2 * DAY_US, KH_E_CERTIFICATE_NOT_YET_VALID},
	{"future", 3 * DAY_US / 2, 1},
	{"expired", -3 * DAY_US / 2, 1},
};

/* Only the server's clock is asked: each end checks the other. */
START_TEST(the_clock_decides)
{
	struct tls_pair p = {0};

	tls_pair_open(&p, &pki, times[_i].leaf, "ca");
	tls_end_advance(&p.client);
	tls_end_move(&p.client, &p.server, SIZE_MAX);
	tls_end_advance(&p.server);
	tls_end_move(&p.server, &p.client, SIZE_MAX);
	tls_end_advance(&p.client);
	fake_wall_us += times[_i].later_us;
	tls_pair_run(&p, SIZE_MAX);
	ck_err(p.server.result, times[_i].err);
	tls_pair_close(&p);
}
END_TEST

START_TEST(reload_keeps_what_is_up)
{
	char ca[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH], why[200];
	struct tls_settings s = {.ca = ca, .cert = cert, .key = key};
	struct tls_pair p = {0};
	bool renewed = true;

	tls_pair_open(&p, &pki, "enb1", "ca");
	tls_pair_run(&p, SIZE_MAX);
	test_pki_path(&pki, "ca", ".pem", ca);
	test_pki_path(&pki, "enb1", ".pem", cert);
	test_pki_path(&pki, "enb1", ".key", key);
	ck_ok(tls_context_reload(p.client.context, &s, &renewed, why, sizeof why));
	ck_assert(!renewed);
	test_pki_path(&pki, "enb2", ".pem", cert);
	ck_err(tls_context_reload(p.client.context, &s, &renewed, why, sizeof why), KH_E_CONFIG);
	test_pki_path(&pki, "enb2", ".key", key);
	renewed = false;
	ck_ok(tls_context_check(p.client.context, &s, &renewed, why, sizeof why));
	ck_assert(renewed);
	renewed = false;
	ck_ok(tls_context_reload(p.client.context, &s, &renewed, why, sizeof why));
	ck_assert(renewed);
	ck_ok(tls_context_check(p.client.context, &s, &renewed, why, sizeof why));
	ck_assert(!renewed);
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"still", 5));
	tls_pair_run(&p, SIZE_MAX);
	ck_assert_mem_eq(p.server.read, "still", 5);
	/* The next connection shows the new one. */
	tls_free(p.client.tls);
	tls_end_close(&p.server);
	memset(&p.server, 0, sizeof p.server);
	p.client.result = 0;
	p.client.tls = tls_new(p.client.context, false, TEST_ALPN);
	tls_end_open(&p.server, &pki, "mme", "ca", true, TEST_ALPN);
	tls_pair_run(&p, SIZE_MAX);
	tls_pair_expect_up(&p);
	ck_assert_str_eq(tls_peer_identity(p.server.tls), "keyhop:enb:00101-2");
	tls_pair_close(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls-crl");
	TCase *tables = tcase_create("tables");

	CHECK_CASE_WITH(s, "lists", setup, teardown, revoked_before_it_is_up, others_are_served,
			revoked_while_up, peers_are_kept_as_octets, own_certificate,
			what_is_no_file, a_list_past_its_end, a_list_that_is_left_out,
			reload_keeps_what_is_up);
	tcase_set_timeout(tables, 120);
	tcase_add_checked_fixture(tables, setup, teardown);
	tcase_add_loop_test(tables, refused_in_the_handshake, 0, 2);
	tcase_add_loop_test(tables, the_last_good_one_stays, 0, sizeof refused / sizeof *refused);
	tcase_add_loop_test(tables, damaged_files, 0, 4);
	tcase_add_loop_test(tables, the_clock_decides, 0, sizeof times / sizeof *times);
	suite_add_tcase(s, tables);
	return check_main(s);
}
