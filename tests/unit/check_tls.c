#include "tls.h"

#include <string.h>

#include "check_main.h"
#include "test_tls.h"

static struct test_pki pki;

static void setup(void)
{
	test_pki_make(&pki);
}

static void teardown(void)
{
	test_pki_remove(&pki);
}

START_TEST(good_pair)
{
	struct tls_pair p = {0};

	tls_pair_open(&p, &pki, "enb1", "ca");
	ck_assert_str_eq(tls_peer_identity(p.client.tls), "");
	tls_pair_run(&p, SIZE_MAX);
	tls_pair_expect_up(&p);
	ck_assert_str_eq(tls_peer_identity(p.client.tls), "keyhop:mme:mme1");
	ck_assert_str_eq(tls_peer_identity(p.server.tls), "keyhop:enb:00101-1");
	ck_assert_str_eq(tls_error_text(p.server.tls), "");
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"ping", 4));
	ck_ok(tls_write(p.server.tls, (const uint8_t *)"pong!", 5));
	tls_pair_run(&p, SIZE_MAX);
	ck_assert_mem_eq(p.server.read, "ping", 4);
	ck_assert_mem_eq(p.client.read, "pong!", 5);
	tls_pair_close(&p);
}
END_TEST

START_TEST(octet_by_octet)
{
	struct tls_pair p = {0};

	tls_pair_open(&p, &pki, "enb2", "ca");
	tls_pair_run(&p, 1);
	tls_pair_expect_up(&p);
	ck_assert_str_eq(tls_peer_identity(p.server.tls), "keyhop:enb:00101-2");
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"slowly", 6));
	tls_pair_run(&p, 1);
	ck_assert_uint_eq(p.server.read_len, 6);
	ck_assert_mem_eq(p.server.read, "slowly", 6);
	tls_pair_close(&p);
}
END_TEST

START_TEST(one_write_few_records)
{
	static uint8_t data[40000];
	const uint8_t *out;
	struct tls_pair p = {0};

	tls_pair_open(&p, &pki, "enb1", "ca");
	tls_pair_run(&p, SIZE_MAX);
	ck_ok(tls_write(p.client.tls, data, sizeof data));
	/* Three records of at most 16 KiB, 22 octets more each. */
	ck_assert_uint_eq(tls_output(p.client.tls, &out), sizeof data + 3 * 22);
	ck_ok(tls_write(p.client.tls, NULL, 0));
	ck_assert_uint_eq(tls_output(p.client.tls, &out), sizeof data + 3 * 22);
	tls_pair_close(&p);
}
END_TEST

START_TEST(close_notify)
{
	struct tls_pair p = {0};

	tls_pair_open(&p, &pki, "enb1", "ca");
	tls_pair_run(&p, SIZE_MAX);
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"bye", 3));
	tls_shutdown(p.client.tls);
	tls_pair_run(&p, SIZE_MAX);
	ck_assert_uint_eq(p.server.read_len, 3);
	ck_err(p.server.result, KH_E_LINK_LOST);
	ck_assert_str_eq(tls_error_text(p.server.tls), "closed by the peer");
	ck_err(tls_write(p.server.tls, (const uint8_t *)"x", 1), KH_E_LINK_LOST);
	tls_pair_close(&p);
}
END_TEST

START_TEST(nothing_before_the_handshake)
{
	struct tls_pair p = {0};
	uint8_t octet = 0;

	tls_pair_open(&p, &pki, "enb1", "ca");
	ck_assert_int_eq(tls_read(p.server.tls, &octet, 1), 0);
	ck_err(tls_write(p.server.tls, &octet, 1), KH_E_INTERNAL);
	tls_shutdown(p.server.tls);
	tls_pair_run(&p, SIZE_MAX);
	tls_pair_expect_up(&p);
	tls_pair_close(&p);
}
END_TEST

static const struct {
	const char *leaf, *ca; /* of the client */
	int server, client;
	const char *told; /* to the client, by the server's alert */
} refused[] = {
	{"foreign", "ca", KH_E_UNKNOWN_CA, KH_E_REFUSED_BY_PEER, "unknown ca"},
	{"expired", "ca", KH_E_CERTIFICATE_EXPIRED, KH_E_REFUSED_BY_PEER, "certificate expired"},
	{"future", "ca", KH_E_CERTIFICATE_NOT_YET_VALID, KH_E_REFUSED_BY_PEER, "bad certificate"},
	{"server", "ca", KH_E_CERTIFICATE_INVALID, KH_E_REFUSED_BY_PEER, "unsupported certificate"},
	{"enb1", "foreign-ca", KH_E_REFUSED_BY_PEER, KH_E_UNKNOWN_CA, NULL},
};

START_TEST(certificates_refused)
{
	struct tls_pair p = {0};

	tls_pair_open(&p, &pki, refused[_i].leaf, refused[_i].ca);
	tls_pair_run(&p, SIZE_MAX);
	ck_err(p.server.result, refused[_i].server);
	ck_err(p.client.result, refused[_i].client);
	if (refused[_i].told)
		ck_assert_msg(strstr(tls_error_text(p.client.tls), refused[_i].told) != NULL, "%s",
			      tls_error_text(p.client.tls));
	ck_assert_str_ne(tls_error_text(p.server.tls), "");
	/* An error stays. */
	ck_err(tls_handshake(p.server.tls), refused[_i].server);
	ck_err(tls_feed(p.server.tls, (const uint8_t *)"", 1), refused[_i].server);
	tls_pair_close(&p);
}
END_TEST

START_TEST(late_alert_has_a_name)
{
	struct tls_pair p = {0};

	/* The client is done before the server has seen its certificate. */
	tls_pair_open(&p, &pki, "foreign", "ca");
	tls_end_advance(&p.client);
	tls_end_move(&p.client, &p.server, SIZE_MAX);
	tls_end_advance(&p.server);
	tls_end_move(&p.server, &p.client, SIZE_MAX);
	tls_end_advance(&p.client);
	ck_assert_int_eq(p.client.result, 1);
	ck_assert_int_eq(p.server.result, 0);
	tls_pair_run(&p, SIZE_MAX);
	ck_err(p.server.result, KH_E_UNKNOWN_CA);
	ck_err(p.client.result, KH_E_REFUSED_BY_PEER);
	tls_pair_close(&p);
}
END_TEST

START_TEST(names_refused)
{
	static const char *const leaf[] = {"nameless", "two", "nul", "long"};
	struct tls_pair p = {0};

	tls_pair_open(&p, &pki, leaf[_i], "ca");
	tls_pair_run(&p, SIZE_MAX);
	tls_pair_expect_up(&p);
	ck_assert_str_eq(tls_peer_identity(p.server.tls), "");
	tls_pair_close(&p);
}
END_TEST

START_TEST(other_protocol)
{
	struct tls_pair p = {0};

	tls_end_open(&p.client, &pki, "enb1", "ca", false, "keyhop-x2/1");
	tls_end_open(&p.server, &pki, "mme", "ca", true, TEST_ALPN);
	tls_pair_run(&p, SIZE_MAX);
	ck_err(p.server.result, KH_E_ALPN_MISMATCH);
	ck_err(p.client.result, KH_E_REFUSED_BY_PEER);
	ck_assert_msg(strstr(tls_error_text(p.client.tls), "no application protocol") != NULL, "%s",
		      tls_error_text(p.client.tls));
	tls_pair_close(&p);
}
END_TEST

/* A flipped bit anywhere ends the connection, never in a crash and never in other plaintext. */
START_TEST(damage_is_noticed)
{
	const uint8_t *data;
	uint8_t record[64];
	struct tls_pair p = {0};
	size_t len;

	tls_pair_open(&p, &pki, "enb1", "ca");
	tls_pair_run(&p, SIZE_MAX);
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"0123456789abcdef", 16));
	len = tls_output(p.client.tls, &data);
	ck_assert_uint_le(len, sizeof record);
	memcpy(record, data, len);
	record[5 + (unsigned)_i] ^= 0x10;
	ck_ok(tls_feed(p.server.tls, record, len));
	tls_end_advance(&p.server);
	ck_err(p.server.result, KH_E_TLS_FAILED);
	ck_assert_uint_eq(p.server.read_len, 0);
	tls_pair_close(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls");
	TCase *tables = tcase_create("refused");

	CHECK_CASE_WITH(s, "pair", setup, teardown, good_pair, octet_by_octet,
			one_write_few_records, close_notify, nothing_before_the_handshake,
			late_alert_has_a_name, other_protocol);
	tcase_set_timeout(tables, 120);
	tcase_add_checked_fixture(tables, setup, teardown);
	tcase_add_loop_test(tables, certificates_refused, 0, sizeof refused / sizeof *refused);
	tcase_add_loop_test(tables, names_refused, 0, 4);
	tcase_add_loop_test(tables, damage_is_noticed, 0, 17 + 16);
	suite_add_tcase(s, tables);
	return check_main(s);
}
