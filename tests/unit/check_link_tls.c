/* Links over TCP, and with TLS. */
#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "check_main.h"
#include "mem.h"
#include "test_link.h"
#include "test_pki.h"
#include "tls.h"

#define ALPN "keyhop-s1/1"

static struct loop *loop;
static struct test_pki pki;
static struct tls_context *mme_tls, *enb_tls;
static struct listener *listener;
static struct link_settings server_settings, client_settings;
static struct test_end server, client;

static void on_accept(void *arg, int fd, const struct endpoint *peer)
{
	(void)arg;
	server.link = link_accept(&server_settings, fd, peer);
}

static void set_up_tls(const char *client_leaf)
{
	mme_tls = test_pki_context(&pki, "mme", "ca", NULL);
	enb_tls = test_pki_context(&pki, client_leaf, "ca", NULL);
	server_settings.tls = mme_tls;
	client_settings.tls = enb_tls;
}

static void setup_tcp(void)
{
	const struct link_settings common = {
		.loop = loop = loop_new(), .alpn = ALPN, .ops = &test_end_ops};
	struct endpoint any;

	ck_assert_ptr_nonnull(loop);
	server_settings = client_settings = common;
	server_settings.owner = &server;
	client_settings.owner = &client;
	server.loop = client.loop = loop;
	ck_ok(endpoint_parse(&any, "127.0.0.1", 0));
	ck_ok(listener_open(&listener, loop, TRANSPORT_TCP, &any, on_accept, NULL));
}

static void setup_tls(void)
{
	setup_tcp();
	test_pki_make(&pki);
}

static void teardown_tcp(void)
{
	if (server.link)
		link_close(server.link);
	if (client.link)
		link_close(client.link);
	listener_close(listener);
	loop_free(loop);
	test_end_clear(&server);
	test_end_clear(&client);
	tls_context_free(mme_tls);
	tls_context_free(enb_tls);
}

static void teardown_tls(void)
{
	teardown_tcp();
	test_pki_remove(&pki);
}

static void connect_client(void)
{
	ck_ok(link_connect(&client.link, &client_settings, TRANSPORT_TCP,
			   listener_endpoint(listener), NULL));
	ck_assert(!link_is_up(client.link));
}

static void both_up(void)
{
	connect_client();
	RUN_UNTIL(loop, client.ups && server.ups);
}

/* A plain socket connected to the listener. */
static int connect_raw(void)
{
	const struct endpoint *ep = listener_endpoint(listener);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&ep->addr, ep->len), 0);
	RUN_UNTIL(loop, server.link);
	return fd;
}

START_TEST(tcp_both_ways)
{
	both_up();
	ck_assert_ptr_nonnull(strstr(link_peer_text(server.link), "127.0.0.1:"));
	ck_ok(link_send_raw(client.link, (const uint8_t *)"to server", 9));
	ck_ok(link_send_raw(server.link, (const uint8_t *)"to client", 9));
	RUN_UNTIL(loop, client.frames && server.frames);
	ck_assert_mem_eq(server.seen, "\0\0\0\x09to server", 13);
	ck_assert_mem_eq(client.seen, "\0\0\0\x09to client", 13);
	link_close(client.link);
	client.link = NULL;
	RUN_UNTIL(loop, server.downs);
	ck_err(server.err, KH_E_LINK_LOST);
	ck_assert_int_eq(client.downs, 0);
}
END_TEST

START_TEST(refused)
{
	struct endpoint gone = *listener_endpoint(listener);

	listener_close(listener);
	listener = NULL;
	if (link_connect(&client.link, &client_settings, TRANSPORT_TCP, &gone, NULL) < 0)
		return;
	RUN_UNTIL(loop, client.downs);
	ck_err(client.err, KH_E_CANNOT_CONNECT);
	ck_assert_str_eq(client.detail, strerror(ECONNREFUSED));
	ck_assert_int_eq(client.ups, 0);
}
END_TEST

/* A socket that listens and never accepts; its queue holds one connection. */
static int deaf_listener(struct endpoint *ep)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_ok(endpoint_parse(ep, "127.0.0.1", 0));
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&ep->addr, ep->len), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ep->addr, &ep->len), 0);
	return fd;
}

START_TEST(connect_in_vain)
{
	struct endpoint ep;
	int fd = deaf_listener(&ep), full[3];

	for (int i = 0; i < 3; i++)
		ck_ok(net_connect(&full[i], TRANSPORT_TCP, &ep, NULL));
	client_settings.setup_timeout_ms = 30;
	ck_ok(link_connect(&client.link, &client_settings, TRANSPORT_TCP, &ep, NULL));
	RUN_UNTIL(loop, client.downs);
	ck_err(client.err, KH_E_TIMEOUT);
	ck_assert_str_eq(client.detail, "no connection in time");
	for (int i = 0; i < 3; i++)
		close(full[i]);
	close(fd);
}
END_TEST

/* A reset after a frame: the frame is still delivered, also when our own send finds out first. */
START_TEST(last_words_before_a_reset)
{
	uint8_t wire[16];
	size_t len = test_frame(wire, "why", 3);
	int fd = connect_raw();

	RUN_UNTIL(loop, server.ups);
	ck_ok(link_send_raw(server.link, (const uint8_t *)"unread", 6));
	test_turn(loop);
	test_write(fd, wire, len);
	close(fd); /* with octets it has not read: a reset */
	ck_ok(link_send_raw(server.link, (const uint8_t *)"too late", 8));
	RUN_UNTIL(loop, server.downs);
	ck_assert_uint_eq(server.frames, 1);
	ck_err(server.err, KH_E_LINK_LOST);
	ck_assert_int_eq(server.downs, 1);
}
END_TEST

START_TEST(tls_both_ways)
{
	set_up_tls("enb1");
	both_up();
	ck_assert_str_eq(client.identity, "keyhop:mme:mme1");
	ck_assert_str_eq(server.identity, "keyhop:enb:00101-1");
	ck_assert(link_has_tls(server.link));
	ck_ok(link_send_raw(client.link, (const uint8_t *)"to server", 9));
	ck_ok(link_send_raw(server.link, (const uint8_t *)"to client", 9));
	RUN_UNTIL(loop, client.frames && server.frames);
	ck_assert_mem_eq(server.seen, "\0\0\0\x09to server", 13);
	ck_assert_mem_eq(client.seen, "\0\0\0\x09to client", 13);
	ck_ok(link_send_raw(client.link, (const uint8_t *)"last", 4));
	link_close(client.link);
	client.link = NULL;
	RUN_UNTIL(loop, server.downs);
	ck_assert_uint_eq(server.frames, 2);
	ck_err(server.err, KH_E_LINK_LOST);
	ck_assert_str_eq(server.detail, "closed by the peer");
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
	set_up_tls(bad_clients[_i].leaf);
	connect_client();
	RUN_UNTIL(loop, server.downs && client.downs);
	ck_err(server.err, bad_clients[_i].err);
	ck_assert_int_eq(server.ups, 0);
	ck_err(client.err, KH_E_REFUSED_BY_PEER);
	ck_assert_msg(strstr(client.detail, bad_clients[_i].told) != NULL, "%s", client.detail);
}
END_TEST

/* The client speaks at once when it is up: its frames must not hide the server's refusal. */
START_TEST(tls_talkative_client_refused)
{
	static const uint8_t block[60000];

	set_up_tls("foreign");
	connect_client();
	RUN_UNTIL(loop, client.ups);
	for (int i = 0; i < 20 && client.link && link_is_up(client.link); i++)
		ck_ok(link_send_raw(client.link, block, sizeof block));
	RUN_UNTIL(loop, server.downs && client.downs);
	ck_err(server.err, KH_E_UNKNOWN_CA);
	ck_assert_uint_eq(server.frames, 0);
	ck_err(client.err, KH_E_REFUSED_BY_PEER);
}
END_TEST

START_TEST(tls_other_protocol)
{
	set_up_tls("enb1");
	client_settings.alpn = "keyhop-x2/1";
	connect_client();
	RUN_UNTIL(loop, server.downs && client.downs);
	ck_err(server.err, KH_E_ALPN_MISMATCH);
	ck_err(client.err, KH_E_REFUSED_BY_PEER);
	ck_assert_int_eq(client.ups, 0);
}
END_TEST

START_TEST(tls_silent_peer)
{
	int fd;

	set_up_tls("enb1");
	server_settings.setup_timeout_ms = 30;
	fd = connect_raw();
	RUN_UNTIL(loop, server.downs);
	ck_err(server.err, KH_E_TIMEOUT);
	ck_assert_int_eq(server.ups, 0);
	close(fd);
}
END_TEST

START_TEST(tls_client_of_silent_server)
{
	struct endpoint ep;
	int fd = deaf_listener(&ep);

	set_up_tls("enb1");
	client_settings.setup_timeout_ms = 30;
	/* The kernel takes the connection; nobody accepts it. */
	ck_ok(link_connect(&client.link, &client_settings, TRANSPORT_TCP, &ep, NULL));
	RUN_UNTIL(loop, client.downs);
	ck_err(client.err, KH_E_TIMEOUT);
	ck_assert_str_eq(client.detail, "TLS handshake not done in time");
	ck_assert_int_eq(client.ups, 0);
	close(fd);
}
END_TEST

START_TEST(tls_garbage)
{
	uint8_t alert[2];
	int fd;

	set_up_tls("enb1");
	fd = connect_raw();
	test_write(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	RUN_UNTIL(loop, server.downs);
	ck_err(server.err, KH_E_TLS_FAILED);
	close(fd);
	/* A record of an unknown version is answered by an alert. */
	server.link = NULL;
	server.downs = 0;
	fd = connect_raw();
	test_write(fd, "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9);
	RUN_UNTIL(loop, server.downs);
	ck_err(server.err, KH_E_TLS_FAILED);
	ck_assert_int_eq(recv(fd, alert, 2, 0), 2);
	ck_assert_int_eq(alert[0], 21);
	close(fd);
}
END_TEST

START_TEST(tls_closed_in_handshake)
{
	int fd;

	set_up_tls("enb1");
	fd = connect_raw();
	test_write(fd, "\x16\x03\x01", 3);
	close(fd);
	RUN_UNTIL(loop, server.downs);
	ck_err(server.err, KH_E_LINK_LOST);
	ck_assert_str_eq(server.detail, "closed in the TLS handshake");
}
END_TEST

/* A client made of a struct tls and a plain socket, to end where no link would. */
static void raw_tls_flush(int fd, struct tls *t, size_t cut)
{
	const uint8_t *out;
	size_t len = tls_output(t, &out);

	for (size_t at = 0; at < len; at += cut) {
		test_write(fd, out + at, cut < len - at ? cut : len - at);
		test_turn(loop);
	}
	tls_output_drain(t, len);
}

static struct tls *raw_tls_client(int fd, size_t cut)
{
	struct tls *t = tls_new(enb_tls, false, ALPN);
	uint8_t buf[4096];
	ssize_t n;

	while (!server.ups) {
		ck_assert_int_ge(tls_handshake(t), 0);
		raw_tls_flush(fd, t, cut);
		test_turn(loop);
		n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
		if (n > 0)
			ck_ok(tls_feed(t, buf, (size_t)n));
	}
	return t;
}

static void raw_tls_write(int fd, struct tls *t, const void *data, size_t len)
{
	ck_ok(tls_write(t, data, len));
	raw_tls_flush(fd, t, 65536);
}

static const struct {
	size_t octets; /* of a frame of 10 sent */
	bool notify;
	int err;
	const char *detail;
} tls_ends[] = {
	{10, true, KH_E_LINK_LOST, "closed by the peer"},
	{10, false, KH_E_LINK_LOST, "closed by the peer without close_notify"},
	{9, true, KH_E_FRAME_TRUNCATED, "closed by the peer"},
	{9, false, KH_E_FRAME_TRUNCATED, "closed by the peer"},
	{1, true, KH_E_FRAME_TRUNCATED, "closed by the peer"},
};

START_TEST(tls_end)
{
	uint8_t wire[10];
	struct tls *t;
	int fd;

	set_up_tls("enb1");
	fd = connect_raw();
	t = raw_tls_client(fd, 65536);
	test_frame(wire, "sixsix", 6);
	/* A record an octet: frames do not follow records. */
	for (size_t i = 0; i < tls_ends[_i].octets; i++)
		raw_tls_write(fd, t, wire + i, 1);
	if (tls_ends[_i].notify)
		tls_shutdown(t);
	raw_tls_flush(fd, t, 65536);
	shutdown(fd, SHUT_WR);
	RUN_UNTIL(loop, server.downs);
	ck_assert_uint_eq(server.frames, tls_ends[_i].octets / 10);
	ck_err(server.err, tls_ends[_i].err);
	ck_assert_str_eq(server.detail, tls_ends[_i].detail);
	tls_free(t);
	close(fd);
}
END_TEST

START_TEST(tls_bad_length)
{
	struct tls *t;
	int fd;

	set_up_tls("enb1");
	fd = connect_raw();
	t = raw_tls_client(fd, 65536);
	raw_tls_write(fd, t, "\0\0\0\x01x\0\1\0\1", 9);
	RUN_UNTIL(loop, server.downs);
	ck_assert_uint_eq(server.frames, 1);
	ck_err(server.err, KH_E_FRAME_TOO_LONG);
	tls_free(t);
	close(fd);
}
END_TEST

/* A server's link over one end of a socket pair of `type`; gives the other end. */
static int server_over_pair(int type)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds), 0);
	server.link = link_accept(&server_settings, fds[0], NULL);
	return fds[1];
}

START_TEST(tls_octet_by_octet)
{
	struct tls *t;
	int fd;

	set_up_tls("enb2");
	fd = server_over_pair(SOCK_STREAM);
	t = raw_tls_client(fd, 1);
	ck_assert_str_eq(server.identity, "keyhop:enb:00101-2");
	ck_ok(tls_write(t, (const uint8_t *)"\0\0\0\x05slow!", 9));
	raw_tls_flush(fd, t, 1);
	ck_assert_uint_eq(server.frames, 1);
	ck_assert_mem_eq(server.seen, "\0\0\0\x05slow!", 9);
	tls_free(t);
	close(fd);
}
END_TEST

/* On a socket that keeps boundaries a packet is a write; TLS makes one record of it. */
START_TEST(tls_one_write_a_turn)
{
	uint8_t packet[4096], plain[4096];
	struct tls *t;
	ssize_t n;
	int fd;

	set_up_tls("enb1");
	fd = server_over_pair(SOCK_SEQPACKET);
	t = raw_tls_client(fd, 65536);
	for (int i = 0; i < 100; i++)
		ck_ok(link_send_raw(server.link, (const uint8_t *)"0123456789", 10));
	test_turn(loop);
	n = recv(fd, packet, sizeof packet, MSG_DONTWAIT);
	ck_assert_int_eq(n, 1400 + 22);
	ck_assert_int_eq(recv(fd, packet, sizeof packet, MSG_DONTWAIT), -1);
	ck_ok(tls_feed(t, packet, (size_t)n));
	ck_assert_int_eq(tls_read(t, plain, sizeof plain), 1400);
	tls_free(t);
	close(fd);
}
END_TEST

START_TEST(tls_much)
{
	uint8_t block[40000];

	set_up_tls("enb1");
	both_up();
	server.echo = true;
	for (size_t i = 0; i < 250; i++) {
		memset(block, (int)i, sizeof block);
		ck_ok(link_send_raw(client.link, block, sizeof block - i));
	}
	RUN_UNTIL(loop, client.frames == 250);
	ck_assert_uint_eq(server.frames, 250);
	ck_assert_uint_eq(client.seen_len, server.seen_len);
	ck_assert_mem_eq(client.seen, server.seen, server.seen_len);
	ck_assert_uint_eq(link_output_len(client.link), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link-tls");
	TCase *tables = tcase_create("tables");

	CHECK_CASE_WITH(s, "tcp", setup_tcp, teardown_tcp, tcp_both_ways, refused, connect_in_vain,
			last_words_before_a_reset);
	CHECK_CASE_WITH(s, "tls", setup_tls, teardown_tls, tls_both_ways,
			tls_talkative_client_refused, tls_other_protocol, tls_silent_peer,
			tls_client_of_silent_server, tls_garbage, tls_closed_in_handshake,
			tls_bad_length, tls_octet_by_octet, tls_one_write_a_turn, tls_much);
	tcase_set_timeout(tables, 120);
	tcase_add_checked_fixture(tables, setup_tls, teardown_tls);
	tcase_add_loop_test(tables, tls_client_refused, 0,
			    sizeof bad_clients / sizeof *bad_clients);
	tcase_add_loop_test(tables, tls_end, 0, sizeof tls_ends / sizeof *tls_ends);
	suite_add_tcase(s, tables);
	return check_main(s);
}
