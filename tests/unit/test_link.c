#include "test_link.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "mem.h"

#define GUARD_MS 60000

static void on_up(struct link *l, void *owner)
{
	struct test_end *e = owner;

	e->ups++;
	snprintf(e->identity, sizeof e->identity, "%s", link_peer_identity(l));
	if (e->close_on_up)
		link_close(l);
}

static void on_frame(struct link *l, void *owner, const uint8_t *data, size_t len)
{
	struct test_end *e = owner;

	e->frames++;
	if (e->seen_cap < e->seen_len + FRAME_HEADER + len) {
		e->seen_cap = 2 * (e->seen_len + FRAME_HEADER + len);
		e->seen = x_realloc(e->seen, e->seen_cap);
	}
	e->seen_len += test_frame(e->seen + e->seen_len, data, len);
	if (e->echo)
		ck_assert_int_eq(link_send_raw(l, data, len), 0);
	if (e->close_at && e->frames == e->close_at)
		link_close(l);
}

static void on_down(struct link *l, void *owner, int err, const char *detail)
{
	struct test_end *e = owner;

	e->downs++;
	e->err = err;
	e->link = NULL;
	snprintf(e->detail, sizeof e->detail, "%s", detail);
	ck_assert(!link_is_up(l));
	ck_assert_int_eq(link_send_raw(l, (const uint8_t *)"x", 1), KH_E_LINK_LOST);
	if (e->close_on_down)
		link_close(l);
}

const struct link_ops test_end_ops = {.up = on_up, .frame = on_frame, .down = on_down};

void test_end_clear(struct test_end *e)
{
	net_free(e->net);
	free(e->seen);
	memset(e, 0, sizeof *e);
}

int test_end_open(struct test_end *e, struct loop *loop, int type, const struct link_settings *more)
{
	struct link_settings s = {0};
	int fds[2];

	if (more)
		s = *more;
	e->net = net_new(loop, NULL);
	s.net = e->net;
	s.ops = &test_end_ops;
	s.owner = e;
	e->loop = loop;
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds), 0);
	e->link = link_accept(&s, conn_from_fd(e->net, fds[0]), NULL);
	return fds[1];
}

int test_link_setup(struct loop **loop, struct test_end *end)
{
	*loop = loop_new();
	ck_assert_ptr_nonnull(*loop);
	int peer = test_end_open(end, *loop, SOCK_STREAM, NULL);
	test_turn(*loop);
	return peer;
}

void test_link_teardown(struct loop *loop, struct test_end *end, int peer)
{
	if (end->link && link_is_up(end->link))
		link_close(end->link);
	test_end_clear(end);
	loop_free(loop);
	close(peer);
}

void test_turn(struct loop *loop)
{
	event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
}

void test_wait(struct loop *loop)
{
	event_base_loop(loop_base(loop), EVLOOP_ONCE);
}

static void on_guard(void *arg)
{
	(void)arg;
	ck_abort_msg("what the test waits for did not happen");
}

struct loop_timer *test_guard(struct loop *loop)
{
	return loop_timer_start(loop, GUARD_MS, on_guard, NULL);
}

void test_write(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		ck_assert_msg(n > 0, "send: %s", strerror(errno));
		p += n;
		len -= (size_t)n;
	}
}

void test_read(struct loop *loop, int fd, void *data, size_t len)
{
	uint8_t *p = data;

	while (len > 0) {
		ssize_t n = recv(fd, p, len, MSG_DONTWAIT);

		ck_assert_msg(n > 0 || (n < 0 && errno == EAGAIN), "recv: %zd %s", n,
			      strerror(errno));
		if (n < 0) {
			test_turn(loop);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
}

size_t test_frame(uint8_t *out, const void *data, size_t len)
{
	put_be32(out, (uint32_t)len);
	memcpy(out + FRAME_HEADER, data, len);
	return FRAME_HEADER + len;
}
