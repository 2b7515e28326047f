/* Links with TLS, and what else may come to their port. */
#include "link.h"

#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "test_net.h"

static struct test_net net;
static struct test_pki pki;

static void setup(void)
{
	test_net_open(&net);
	test_pki_make(&pki);
}

static void teardown(void)
{
	test_net_close(&net);
	test_pki_remove(&pki);
}

START_TEST(tls_both_ways)
{
	test_net_set_tls(&net, &pki, "enb1");
	test_net_both_up(&net);
	ck_assert_str_eq(net.client.identity, "keyhop:mme:mme1");
	ck_assert_str_eq(net.server.identity, "keyhop:enb:00101-1");
	ck_assert(link_has_tls(net.server.link));
	ck_ok(link_send_raw(net.client.link, (const uint8_t *)"to server", 9));
	ck_ok(link_send_raw(net.server.link, (const uint8_t *)"to client", 9));
	RUN_UNTIL(net.loop, net.client.frames && net.server.frames);
	ck_assert_mem_eq(net.server.seen, "\0\0\0\x09to server", 13);
	ck_assert_mem_eq(net.client.seen, "\0\0\0\x09to client", 13);
	ck_ok(link_send_raw(net.client.link, (const uint8_t *)"last", 4));
	link_close(net.client.link);
	net.client.link = NULL;
	RUN_UNTIL(net.loop, net.server.downs);
	ck_assert_uint_eq(net.server.frames, 2);
	ck_err(net.server.err, KH_E_LINK_LOST);
	ck_assert_str_eq(net.server.detail, "closed by the peer");
}
END_TEST

static const struct {
	const char *leaf;
	int err;
	const char *told;
} bad_clients[] = {
	{"foreign", KH_E_UNKNOWN_CA, "unknown ca"},
	{"expired", KH_E_CERTIFICATE_EXPIRED, "certificate expired"},
	{"server", KH_E_CERTIFICATE_INVALID, "unsupported certificate"},
};

START_TEST(tls_client_refused)
{
	test_net_set_tls(&net, &pki, bad_clients[_i].leaf);
	test_net_connect(&net);
	RUN_UNTIL(net.loop, net.server.downs && net.client.downs);
	ck_err(net.server.err, bad_clients[_i].err);
	ck_assert_int_eq(net.server.ups, 0);
	ck_err(net.client.err, KH_E_REFUSED_BY_PEER);
	ck_assert_msg(strstr(net.client.detail, bad_clients[_i].told) != NULL, "%s",
		      net.client.detail);
}
END_TEST

/* The client speaks at once when it is up: its frames must not hide the server's refusal. */
START_TEST(tls_talkative_client_refused)
{
	static const uint8_t block[60000];

	test_net_set_tls(&net, &pki, "foreign");
	test_net_connect(&net);
	RUN_UNTIL(net.loop, net.client.ups);
	for (int i = 0; i < 20 && net.client.link && link_is_up(net.client.link); i++)
		ck_ok(link_send_raw(net.client.link, block, sizeof block));
	RUN_UNTIL(net.loop, net.server.downs && net.client.downs);
	ck_err(net.server.err, KH_E_UNKNOWN_CA);
	ck_assert_uint_eq(net.server.frames, 0);
	ck_err(net.client.err, KH_E_REFUSED_BY_PEER);
}
END_TEST

START_TEST(tls_other_protocol)
{
	test_net_set_tls(&net, &pki, "enb1");
	net.client_settings.alpn = "keyhop-x2/1";
	test_net_connect(&net);
	RUN_UNTIL(net.loop, net.server.downs && net.client.downs);
	ck_err(net.server.err, KH_E_ALPN_MISMATCH);
	ck_err(net.client.err, KH_E_REFUSED_BY_PEER);
	ck_assert_int_eq(net.client.ups, 0);
}
END_TEST

START_TEST(tls_silent_peer)
{
	int fd;

	test_net_set_tls(&net, &pki, "enb1");
	net.server_settings.setup_timeout_ms = 30;
	fd = test_net_connect_raw(&net);
	RUN_UNTIL(net.loop, net.server.downs);
	ck_err(net.server.err, KH_E_TIMEOUT);
	ck_assert_int_eq(net.server.ups, 0);
	close(fd);
}
END_TEST

START_TEST(tls_client_of_silent_server)
{
	struct conn_peer deaf = {.at.n = 1};
	int fd = test_net_deaf(&deaf.at.at[0]);

	test_net_set_tls(&net, &pki, "enb1");
	net.client_settings.setup_timeout_ms = 30;
	/* The kernel takes the connection; nobody accepts it. */
	ck_ok(link_connect(&net.client.link, &net.client_settings, &deaf, NULL));
	RUN_UNTIL(net.loop, net.client.downs);
	ck_err(net.client.err, KH_E_TIMEOUT);
	ck_assert_str_eq(net.client.detail, "TLS handshake not done in time");
	ck_assert_int_eq(net.client.ups, 0);
	close(fd);
}
END_TEST

START_TEST(tls_garbage)
{
	uint8_t alert[2];
	int fd;

	test_net_set_tls(&net, &pki, "enb1");
	fd = test_net_connect_raw(&net);
	test_write(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	RUN_UNTIL(net.loop, net.server.downs);
	ck_err(net.server.err, KH_E_TLS_FAILED);
	close(fd);
	/* A record of an unknown version is answered by an alert. */
	net.server.link = NULL;
	net.server.downs = 0;
	fd = test_net_connect_raw(&net);
	test_write(fd, "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9);
	RUN_UNTIL(net.loop, net.server.downs);
	ck_err(net.server.err, KH_E_TLS_FAILED);
	ck_assert_int_eq(recv(fd, alert, 2, 0), 2);
	ck_assert_int_eq(alert[0], 21);
	close(fd);
}
END_TEST

START_TEST(tls_closed_in_handshake)
{
	int fd;

	test_net_set_tls(&net, &pki, "enb1");
	fd = test_net_connect_raw(&net);
	test_write(fd, "\x16\x03\x01", 3);
	close(fd);
	RUN_UNTIL(net.loop, net.server.downs);
	ck_err(net.server.err, KH_E_LINK_LOST);
	ck_assert_str_eq(net.server.detail, "closed in the TLS handshake");
}
END_TEST

START_TEST(tls_much)
{
	uint8_t block[40000];

	test_net_set_tls(&net, &pki, "enb1");
	test_net_both_up(&net);
	net.server.echo = true;
	for (size_t i = 0; i < 250; i++) {
		memset(block, (int)i, sizeof block);
		ck_ok(link_send_raw(net.client.link, block, sizeof block - i));
	}
	RUN_UNTIL(net.loop, net.client.frames == 250);
	ck_assert_uint_eq(net.server.frames, 250);
	ck_assert_uint_eq(net.client.seen_len, net.server.seen_len);
	ck_assert_mem_eq(net.client.seen, net.server.seen, net.server.seen_len);
	ck_assert_uint_eq(link_output_len(net.client.link), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link-tls");
	TCase *table = tcase_create("refused");

	CHECK_CASE_WITH(s, "tls", setup, teardown, tls_both_ways, tls_talkative_client_refused,
			tls_other_protocol, tls_silent_peer, tls_client_of_silent_server,
			tls_garbage, tls_closed_in_handshake, tls_much);
	tcase_set_timeout(table, 120);
	tcase_add_checked_fixture(table, setup, teardown);
	tcase_add_loop_test(table, tls_client_refused, 0, sizeof bad_clients / sizeof *bad_clients);
	suite_add_tcase(s, table);
	return check_main(s);
}
