#include "net.h"

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
#include "test_link.h"

#define FDS 16

static struct loop *loop;
static struct listener *listener;
static int fds[FDS], n_fds;
static char peer_text[ENDPOINT_TEXT_LEN];
static bool close_on_accept;

static void on_accept(void *arg, int fd, const struct endpoint *peer)
{
	ck_assert_ptr_eq(arg, &listener);
	ck_assert_int_lt(n_fds, FDS);
	fds[n_fds++] = fd;
	endpoint_text(peer, peer_text);
	if (close_on_accept) {
		listener_close(listener);
		listener = NULL;
	}
}

static void listen_on(const char *address)
{
	struct endpoint ep;

	ck_ok(endpoint_parse(&ep, address, 0));
	ck_ok(listener_open(&listener, loop, TRANSPORT_TCP, &ep, on_accept, &listener));
}

static void setup(void)
{
	loop = loop_new();
	n_fds = 0;
	close_on_accept = false;
	listen_on("127.0.0.1");
}

static void teardown(void)
{
	for (int i = 0; i < n_fds; i++)
		close(fds[i]);
	listener_close(listener);
	loop_free(loop);
}

static int connect_one(void)
{
	int fd = -1;

	ck_ok(net_connect(&fd, TRANSPORT_TCP, listener_endpoint(listener), NULL));
	return fd;
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

static void expect_tuned(int fd)
{
	ck_assert_int_ne(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 10000);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

START_TEST(connect_and_accept)
{
	int fd;

	ck_assert_uint_ne(endpoint_port(listener_endpoint(listener)), 0);
	fd = connect_one();
	RUN_UNTIL(loop, n_fds == 1);
	expect_tuned(fd);
	expect_tuned(fds[0]);
	ck_assert_int_eq(strncmp(peer_text, "127.0.0.1:", 10), 0);
	close(fd);
}
END_TEST

START_TEST(several_in_one_turn)
{
	int own[10];

	for (int i = 0; i < 10; i++)
		own[i] = connect_one();
	test_turn(loop);
	ck_assert_int_eq(n_fds, 10);
	for (int i = 0; i < 10; i++)
		close(own[i]);
}
END_TEST

START_TEST(from_a_local_address)
{
	struct endpoint local;
	int fd, again;

	ck_ok(endpoint_parse(&local, "127.0.5.1", 0));
	ck_ok(net_connect(&fd, TRANSPORT_TCP, listener_endpoint(listener), &local));
	RUN_UNTIL(loop, n_fds == 1);
	ck_assert_int_eq(strncmp(peer_text, "127.0.5.1:", 10), 0);
	/* An address that is not ours. */
	ck_ok(endpoint_parse(&local, "192.0.2.1", 0));
	ck_err(net_connect(&again, TRANSPORT_TCP, listener_endpoint(listener), &local),
	       KH_E_CANNOT_CONNECT);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	close(fd);
}
END_TEST

START_TEST(listening_refused)
{
	struct listener *other = NULL;
	struct endpoint ep;

	ck_err(listener_open(&other, loop, TRANSPORT_TCP, listener_endpoint(listener), on_accept,
			     NULL),
	       KH_E_CANNOT_CONNECT);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_ok(endpoint_parse(&ep, "192.0.2.1", 0));
	ck_err(listener_open(&other, loop, TRANSPORT_TCP, &ep, on_accept, NULL),
	       KH_E_CANNOT_CONNECT);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	ck_assert_ptr_null(other);
	listener_close(NULL);
}
END_TEST

START_TEST(close_in_accept)
{
	int a = connect_one(), b = connect_one();

	close_on_accept = true;
	test_turn(loop);
	ck_assert_int_eq(n_fds, 1);
	ck_assert_ptr_null(listener);
	close(a);
	close(b);
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
	int fd, turns = 0;

	if (!limit_is_real())
		return;
	fd = connect_one();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)next_fd();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	log_set_category(LOG_TUNNEL, LOG_ERROR);
	test_turn(loop);
	ck_assert_int_eq(n_fds, 0);
	/* Paused: the next thing that happens is the timer, then another attempt in vain. */
	for (; turns < 2; turns++)
		test_wait(loop);
	ck_assert_int_eq(n_fds, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	RUN_UNTIL(loop, n_fds == 1);
	close(fd);
	fd = connect_one();
	RUN_UNTIL(loop, n_fds == 2);
	close(fd);
}
END_TEST

START_TEST(close_while_paused)
{
	struct rlimit old, low;
	int fd;

	if (!limit_is_real())
		return;
	fd = connect_one();
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
	ck_assert_int_eq(n_fds, 0);
	close(fd);
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
