/* Links with TLS against a client that chooses its records. */
#include "link.h"

#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "test_net.h"
#include "tls.h"

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

/* A client made of a struct tls and a plain socket, to end where no link would. */
static void raw_tls_flush(int fd, struct tls *t, size_t cut)
{
	const uint8_t *out;
	size_t len = tls_output(t, &out);

	for (size_t at = 0; at < len; at += cut) {
		test_write(fd, out + at, cut < len - at ? cut : len - at);
		test_turn(net.loop);
	}
	tls_output_drain(t, len);
}

static struct tls *raw_tls_client(int fd, size_t cut)
{
	struct tls *t = tls_new(net.client_tls, false, TEST_ALPN);
	uint8_t buf[4096];
	ssize_t n;

	while (!net.server.ups) {
		ck_assert_int_ge(tls_handshake(t), 0);
		raw_tls_flush(fd, t, cut);
		test_turn(net.loop);
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

	test_net_set_tls(&net, &pki, "enb1");
	fd = test_net_connect_raw(&net);
	t = raw_tls_client(fd, 65536);
	test_frame(wire, "sixsix", 6);
	/* A record an octet: frames do not follow records. */
	for (size_t i = 0; i < tls_ends[_i].octets; i++)
		raw_tls_write(fd, t, wire + i, 1);
	if (tls_ends[_i].notify)
		tls_shutdown(t);
	raw_tls_flush(fd, t, 65536);
	shutdown(fd, SHUT_WR);
	RUN_UNTIL(net.loop, net.server.downs);
	ck_assert_uint_eq(net.server.frames, tls_ends[_i].octets / 10);
	ck_err(net.server.err, tls_ends[_i].err);
	ck_assert_str_eq(net.server.detail, tls_ends[_i].detail);
	tls_free(t);
	close(fd);
}
END_TEST

START_TEST(tls_bad_length)
{
	struct tls *t;
	int fd;

	test_net_set_tls(&net, &pki, "enb1");
	fd = test_net_connect_raw(&net);
	t = raw_tls_client(fd, 65536);
	raw_tls_write(fd, t, "\0\0\0\x01x\0\1\0\1", 9);
	RUN_UNTIL(net.loop, net.server.downs);
	ck_assert_uint_eq(net.server.frames, 1);
	ck_err(net.server.err, KH_E_FRAME_TOO_LONG);
	tls_free(t);
	close(fd);
}
END_TEST

/* A server's link over one end of a socket pair of `type`; gives the other end. */
static int server_over_pair(int type)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds), 0);
	net.server.link = link_accept(&net.server_settings, conn_from_fd(net.net, fds[0]), NULL);
	return fds[1];
}

START_TEST(tls_octet_by_octet)
{
	struct tls *t;
	int fd;

	test_net_set_tls(&net, &pki, "enb2");
	fd = server_over_pair(SOCK_STREAM);
	t = raw_tls_client(fd, 1);
	ck_assert_str_eq(net.server.identity, "keyhop:enb:00101-2");
	ck_ok(tls_write(t, (const uint8_t *)"\0\0\0\x05slow!", 9));
	raw_tls_flush(fd, t, 1);
	ck_assert_uint_eq(net.server.frames, 1);
	ck_assert_mem_eq(net.server.seen, "\0\0\0\x05slow!", 9);
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

	test_net_set_tls(&net, &pki, "enb1");
	fd = server_over_pair(SOCK_SEQPACKET);
	t = raw_tls_client(fd, 65536);
	for (int i = 0; i < 100; i++)
		ck_ok(link_send_raw(net.server.link, (const uint8_t *)"0123456789", 10));
	test_turn(net.loop);
	n = recv(fd, packet, sizeof packet, MSG_DONTWAIT);
	ck_assert_int_eq(n, 1400 + 22);
	ck_assert_int_eq(recv(fd, packet, sizeof packet, MSG_DONTWAIT), -1);
	ck_ok(tls_feed(t, packet, (size_t)n));
	ck_assert_int_eq(tls_read(t, plain, sizeof plain), 1400);
	tls_free(t);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link-records");
	TCase *table = tcase_create("ends");

	CHECK_CASE_WITH(s, "records", setup, teardown, tls_bad_length, tls_octet_by_octet,
			tls_one_write_a_turn);
	tcase_set_timeout(table, 120);
	tcase_add_checked_fixture(table, setup, teardown);
	tcase_add_loop_test(table, tls_end, 0, sizeof tls_ends / sizeof *tls_ends);
	suite_add_tcase(s, table);
	return check_main(s);
}
