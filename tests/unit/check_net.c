#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check_main.h"
#include "log.h"
#include "net_fd.h"
#include "test_link.h"

#define FDS 16

static struct loop *loop;
static struct net *net;
static struct listener *listener;
static struct conn *conns[FDS];
static int n_conns;
static char peer_text[ENDPOINT_TEXT_LEN];
static bool close_on_accept;

static void on_accept(void *arg, struct conn *c, const struct endpoint *peer)
{
	ck_assert_ptr_eq(arg, &listener);
	ck_assert_int_lt(n_conns, FDS);
	conns[n_conns++] = c;
	endpoint_text(peer, peer_text);
	if (close_on_accept) {
		listener_close(listener);
		listener = NULL;
	}
}

static void listen_on(const char *address)
{
	struct endpoints at;

	ck_ok(endpoints_parse(&at, address, 0));
	ck_ok(listener_open(&listener, net, TRANSPORT_TCP, &at, on_accept, &listener));
}

static void setup(void)
{
	loop = loop_new();
	net = net_new(loop, NULL);
	n_conns = 0;
	close_on_accept = false;
	listen_on("127.0.0.1");
}

static void teardown(void)
{
	for (int i = 0; i < n_conns; i++)
		conn_close(conns[i]);
	listener_close(listener);
	net_free(net);
	loop_free(loop);
}

static struct conn_peer here(void)
{
	return (struct conn_peer){.at = {.at = {*listener_endpoint(listener)}, .n = 1}};
}

static struct conn *connect_one(void)
{
	const struct conn_peer peer = here();
	struct conn *c = NULL;

	ck_ok(conn_connect(&c, net, &peer, NULL, 0));
	return c;
}

START_TEST(endpoints)
{
	static const struct {
		const char *address, *text;
	} good[] = {
		{"127.0.1.1", "127.0.1.1:36512"},
		{"0.0.0.0", "0.0.0.0:36512"},
		{"::1", "[::1]:36512"},
		{"2001:db8:0:0:0:0:0:2", "[2001:db8::2]:36512"},
	};
	struct endpoint ep;
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ck_ok(endpoint_parse(&ep, good[i].address, 36512));
		ck_assert_uint_eq(endpoint_port(&ep), 36512);
		endpoint_text(&ep, text);
		ck_assert_str_eq(text, good[i].text);
	}
}
END_TEST

START_TEST(endpoints_refused)
{
	static const char *const bad[] = {"",	     "localhost", "127.0.0",  "127.0.0.256",
					  "[::1]",   "::g",	  "1.2.3.4 ", "1.2.3.4:5",
					  "127.1:1", "0x7f000001"};
	struct endpoint ep;
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_err(endpoint_parse(&ep, bad[i], 1), KH_E_BAD_FIELD);
	endpoint_text(&ep, text);
	ck_assert_str_eq(text, "-");
	ck_assert_uint_eq(endpoint_port(&ep), 0);
}
END_TEST

static int option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void expect_tuned(const struct conn *c)
{
	int fd = ((const struct fd_conn *)c)->fd;

	ck_assert_int_ne(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 4000);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 1);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

START_TEST(connect_and_accept)
{
	struct conn *c;

	ck_assert_uint_ne(endpoint_port(listener_endpoint(listener)), 0);
	c = connect_one();
	RUN_UNTIL(loop, n_conns == 1);
	expect_tuned(c);
	expect_tuned(conns[0]);
	ck_assert_int_eq(strncmp(peer_text, "127.0.0.1:", 10), 0);
	conn_close(c);
}
END_TEST

START_TEST(several_in_one_turn)
{
	struct conn *own[10];

	for (int i = 0; i < 10; i++)
		own[i] = connect_one();
	test_turn(loop);
	ck_assert_int_eq(n_conns, 10);
	for (int i = 0; i < 10; i++)
		conn_close(own[i]);
}
END_TEST

START_TEST(from_a_local_address)
{
	const struct conn_peer peer = here();
	struct endpoints local;
	struct conn *c, *again;

	ck_ok(endpoints_parse(&local, "127.0.5.1", 0));
	ck_ok(conn_connect(&c, net, &peer, &local, 0));
	RUN_UNTIL(loop, n_conns == 1);
	ck_assert_int_eq(strncmp(peer_text, "127.0.5.1:", 10), 0);
	/* An address that is not ours. */
	ck_ok(endpoints_parse(&local, "192.0.2.1", 0));
	ck_err(conn_connect(&again, net, &peer, &local, 0), KH_E_CANNOT_CONNECT);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	conn_close(c);
}
END_TEST

START_TEST(listening_refused)
{
	struct listener *other = NULL;
	struct conn_peer taken = here();
	struct endpoints at;

	ck_err(listener_open(&other, net, TRANSPORT_TCP, &taken.at, on_accept, NULL),
	       KH_E_CANNOT_CONNECT);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_ok(endpoints_parse(&at, "192.0.2.1", 0));
	ck_err(listener_open(&other, net, TRANSPORT_TCP, &at, on_accept, NULL),
	       KH_E_CANNOT_CONNECT);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	ck_assert_ptr_null(other);
	listener_close(NULL);
}
END_TEST

START_TEST(close_in_accept)
{
	struct conn *a = connect_one(), *b = connect_one();

	close_on_accept = true;
	test_turn(loop);
	ck_assert_int_eq(n_conns, 1);
	ck_assert_ptr_null(listener);
	conn_close(a);
	conn_close(b);
}
END_TEST

/* The lowest descriptor that is free. */
static int next_fd(void)
{
	int fd = dup(0);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return fd;
}

/* Valgrind plays the limit itself, by closing what accept() has taken. */
static bool limit_is_real(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return !preload || !strstr(preload, "vgpreload");
}

START_TEST(out_of_descriptors)
{
	struct rlimit old, low;
	struct conn *c;
	int turns = 0;

	if (!limit_is_real())
		return;
	c = connect_one();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)next_fd();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	log_set_category(LOG_TUNNEL, LOG_ERROR);
	test_turn(loop);
	ck_assert_int_eq(n_conns, 0);
	/* Paused: the next thing that happens is the timer, then another attempt in vain. */
	for (; turns < 2; turns++)
		test_wait(loop);
	ck_assert_int_eq(n_conns, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	RUN_UNTIL(loop, n_conns == 1);
	conn_close(c);
	c = connect_one();
	RUN_UNTIL(loop, n_conns == 2);
	conn_close(c);
}
END_TEST

START_TEST(close_while_paused)
{
	struct rlimit old, low;
	struct conn *c;

	if (!limit_is_real())
		return;
	c = connect_one();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)next_fd();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	log_set_category(LOG_TUNNEL, LOG_ERROR);
	test_turn(loop);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	listener_close(listener);
	listener = NULL;
	test_turn(loop);
	ck_assert_int_eq(n_conns, 0);
	conn_close(c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net");

	CHECK_CASE(s, "endpoints", endpoints, endpoints_refused);
	CHECK_CASE_WITH(s, "sockets", setup, teardown, connect_and_accept, several_in_one_turn,
			from_a_local_address, listening_refused, close_in_accept);
	CHECK_CASE_WITH(s, "shortage", setup, teardown, out_of_descriptors, close_while_paused);
	return check_main(s);
}
