/* What links send: in one write a turn, and to peers that do not read. */
#include "link.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <protobuf-c/protobuf-c.h>

#include "check_main.h"
#include "common.pb-c.h"
#include "mem.h"
#include "test_link.h"

static struct loop *loop;
static struct test_end end;
static int peer; /* the other socket, without a link */

static void setup(void)
{
	peer = test_link_setup(&loop, &end);
}

static void teardown(void)
{
	test_link_teardown(loop, &end, peer);
}

static void reopen(const struct link_settings *more, int type)
{
	link_close(end.link);
	test_turn(loop);
	test_end_clear(&end);
	close(peer);
	peer = test_end_open(&end, loop, type, more);
	test_turn(loop);
}

static void expect_down(int err)
{
	ck_assert_int_eq(end.downs, 1);
	ck_err(end.err, err);
	ck_assert_str_ne(end.detail, "");
	test_turn(loop);
	ck_assert_int_eq(end.downs, 1);
}

/* On a socket that keeps boundaries a packet is a write. */
START_TEST(one_write_a_turn)
{
	uint8_t packet[2048];

	reopen(NULL, SOCK_SEQPACKET);
	for (int i = 0; i < 100; i++)
		ck_ok(link_send_raw(end.link, (const uint8_t *)"0123456789", 10));
	ck_assert_int_eq(recv(peer, packet, sizeof packet, MSG_DONTWAIT), -1);
	ck_assert_uint_eq(link_output_len(end.link), 1400);
	test_turn(loop);
	ck_assert_uint_eq(link_output_len(end.link), 0);
	ck_assert_int_eq(recv(peer, packet, sizeof packet, MSG_DONTWAIT), 1400);
	ck_assert_int_eq(recv(peer, packet, sizeof packet, MSG_DONTWAIT), -1);
	ck_assert_mem_eq(packet + 1386,
			 "\0\0\0\x0a"
			 "0123456789",
			 14);
}
END_TEST

START_TEST(answers_in_one_write)
{
	uint8_t wire[64], packet[64];
	size_t len = test_frame(wire, "hello", 5);

	len += test_frame(wire + len, "goodbye", 7);
	reopen(NULL, SOCK_SEQPACKET);
	end.echo = true;
	test_write(peer, wire, len);
	test_turn(loop);
	ck_assert_int_eq(recv(peer, packet, sizeof packet, MSG_DONTWAIT), (int)len);
	ck_assert_mem_eq(packet, wire, len);
}
END_TEST

START_TEST(message_packed)
{
	Keyhop__Common__KeyMaterial msg = KEYHOP__COMMON__KEY_MATERIAL__INIT;
	Keyhop__Common__KeyMaterial *back;
	uint8_t wire[128];
	size_t len;

	ck_err(link_send(end.link, &msg.base), KH_E_FRAME_EMPTY);
	msg.generation = 7;
	msg.key_id = 300;
	ck_ok(link_send(end.link, &msg.base));
	len = protobuf_c_message_get_packed_size(&msg.base);
	test_read(loop, peer, wire, FRAME_HEADER + len);
	ck_assert_uint_eq(get_be32(wire), len);
	back = keyhop__common__key_material__unpack(NULL, len, wire + FRAME_HEADER);
	ck_assert_ptr_nonnull(back);
	ck_assert_uint_eq(back->key_id, 300);
	keyhop__common__key_material__free_unpacked(back, NULL);
}
END_TEST

static void fill_backlog(size_t want)
{
	static const uint8_t block[32768];

	while (link_output_len(end.link) < want) {
		ck_ok(link_send_raw(end.link, block, sizeof block));
		test_turn(loop);
	}
}

static bool send_some(const uint8_t *wire, size_t *sent, size_t total)
{
	ssize_t n = send(peer, wire + *sent, total - *sent, MSG_DONTWAIT);

	if (n > 0)
		*sent += (size_t)n;
	return n > 0;
}

/* A peer that sends and does not read, then reads: what it sent comes back, and no more waits here than
 * it may. */
START_TEST(slow_reader_is_not_read)
{
	size_t total = 8 * 1024 * 1024, sent = 0, back = 0;
	uint8_t *wire = x_calloc(1, total), *echo = x_calloc(1, total);
	bool moved;

	for (size_t at = 0; at < total; at += 1024) {
		memset(wire + at, (int)(at >> 10), 1024);
		put_be32(wire + at, 1020);
	}
	end.echo = true;
	do {
		moved = send_some(wire, &sent, total);
		test_turn(loop);
	} while (moved);
	ck_assert_uint_lt(sent, total);
	ck_assert_uint_gt(link_output_len(end.link), 1024 * 1024);
	ck_assert_uint_lt(link_output_len(end.link), 2 * 1024 * 1024);
	while (back < total) {
		test_read(loop, peer, echo + back, 1024);
		back += 1024;
		send_some(wire, &sent, total);
	}
	ck_assert_mem_eq(wire, echo, total);
	ck_assert_uint_eq(end.frames, total / 1024);
	free(wire);
	free(echo);
}
END_TEST

/* What was not asked for does not keep us from reading: both ends may do it at once. */
START_TEST(own_backlog_does_not_stop_reading)
{
	uint8_t wire[64];

	fill_backlog(3 * 1024 * 1024);
	test_write(peer, wire, test_frame(wire, "more?", 5));
	test_turn(loop);
	ck_assert_uint_eq(end.frames, 1);
}
END_TEST

START_TEST(peer_goes_with_a_backlog)
{
	fill_backlog(1100 * 1024);
	close(peer);
	peer = dup(0);
	RUN_UNTIL(loop, end.downs);
	expect_down(KH_E_LINK_LOST);
}
END_TEST

START_TEST(overflow)
{
	struct link_settings s = {.output_limit = 1000 * 1000};
	static const uint8_t block[50000];
	int err;

	reopen(&s, SOCK_STREAM);
	do {
		err = link_send_raw(end.link, block, sizeof block);
		ck_assert_int_eq(end.downs, 0);
		ck_assert_uint_le(link_output_len(end.link), 1000 * 1000);
	} while (err == 0);
	ck_err(err, KH_E_OUTPUT_OVERFLOW);
	ck_err(link_send_raw(end.link, block, 1), KH_E_LINK_LOST);
	ck_assert_int_eq(end.downs, 0);
	test_turn(loop);
	expect_down(KH_E_OUTPUT_OVERFLOW);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link-output");

	CHECK_CASE_WITH(s, "turn", setup, teardown, one_write_a_turn, answers_in_one_write,
			message_packed);
	CHECK_CASE_WITH(s, "slow", setup, teardown, slow_reader_is_not_read,
			own_backlog_does_not_stop_reading, peer_goes_with_a_backlog, overflow);
	return check_main(s);
}
