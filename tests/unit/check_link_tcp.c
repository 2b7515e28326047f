/* Links over TCP, without TLS. */
#include "link.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "test_net.h"

static struct test_net net;

static void setup(void)
{
	test_net_open(&net);
}

static void teardown(void)
{
	test_net_close(&net);
}

START_TEST(tcp_both_ways)
{
	test_net_both_up(&net);
	ck_assert_ptr_nonnull(strstr(link_peer_text(net.server.link), "127.0.0.1:"));
	ck_ok(link_send_raw(net.client.link, (const uint8_t *)"to server", 9));
	ck_ok(link_send_raw(net.server.link, (const uint8_t *)"to client", 9));
	RUN_UNTIL(net.loop, net.client.frames && net.server.frames);
	ck_assert_mem_eq(net.server.seen, "\0\0\0\x09to server", 13);
	ck_assert_mem_eq(net.client.seen, "\0\0\0\x09to client", 13);
	link_close(net.client.link);
	net.client.link = NULL;
	RUN_UNTIL(net.loop, net.server.downs);
	ck_err(net.server.err, KH_E_LINK_LOST);
	ck_assert_int_eq(net.client.downs, 0);
}
END_TEST

START_TEST(refused)
{
	const struct conn_peer gone = test_net_server(&net);

	listener_close(net.listener);
	net.listener = NULL;
	if (link_connect(&net.client.link, &net.client_settings, &gone, NULL) < 0)
		return;
	RUN_UNTIL(net.loop, net.client.downs);
	ck_err(net.client.err, KH_E_CANNOT_CONNECT);
	ck_assert_str_eq(net.client.detail, strerror(ECONNREFUSED));
	ck_assert_int_eq(net.client.ups, 0);
}
END_TEST

START_TEST(connect_in_vain)
{
	struct conn_peer deaf = {.at.n = 1};
	struct conn *full[3];
	int fd = test_net_deaf(&deaf.at.at[0]);

	for (int i = 0; i < 3; i++)
		ck_ok(conn_connect(&full[i], net.net, &deaf, NULL, 0));
	net.client_settings.setup_timeout_ms = 30;
	ck_ok(link_connect(&net.client.link, &net.client_settings, &deaf, NULL));
	RUN_UNTIL(net.loop, net.client.downs);
	ck_err(net.client.err, KH_E_TIMEOUT);
	ck_assert_str_eq(net.client.detail, "no connection in time");
	for (int i = 0; i < 3; i++)
		conn_close(full[i]);
	close(fd);
}
END_TEST

/* A reset after a frame: the frame is still delivered, also when our own send finds out first. */
START_TEST(last_words_before_a_reset)
{
	uint8_t wire[16];
	size_t len = test_frame(wire, "why", 3);
	int fd = test_net_connect_raw(&net);

	RUN_UNTIL(net.loop, net.server.ups);
	ck_ok(link_send_raw(net.server.link, (const uint8_t *)"unread", 6));
	test_turn(net.loop);
	test_write(fd, wire, len);
	close(fd); /* with octets it has not read: a reset */
	ck_ok(link_send_raw(net.server.link, (const uint8_t *)"too late", 8));
	RUN_UNTIL(net.loop, net.server.downs);
	ck_assert_uint_eq(net.server.frames, 1);
	ck_err(net.server.err, KH_E_LINK_LOST);
	ck_assert_int_eq(net.server.downs, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link-tcp");

	CHECK_CASE_WITH(s, "tcp", setup, teardown, tcp_both_ways, refused, connect_in_vain,
			last_words_before_a_reset);
	return check_main(s);
}
