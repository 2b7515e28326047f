#include "link.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"
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

/* Three frames of 5, 1 and 7 octets. */
static size_t three_frames(uint8_t out[64])
{
	size_t len = test_frame(out, "hello", 5);

	len += test_frame(out + len, "x", 1);
	return len + test_frame(out + len, "goodbye", 7);
}

static void expect_seen(const uint8_t *wire, size_t len, size_t frames)
{
	ck_assert_uint_eq(end.frames, frames);
	ck_assert_uint_eq(end.seen_len, len);
	ck_assert_mem_eq(end.seen, wire, len);
}

static void expect_down(int err)
{
	ck_assert_int_eq(end.downs, 1);
	ck_err(end.err, err);
	ck_assert_str_ne(end.detail, "");
	test_turn(loop);
	ck_assert_int_eq(end.downs, 1);
}

START_TEST(up_without_tls)
{
	ck_assert_int_eq(end.ups, 1);
	ck_assert(link_is_up(end.link));
	ck_assert(!link_has_tls(end.link));
	ck_assert_str_eq(link_peer_identity(end.link), "");
	ck_assert_str_eq(link_peer_text(end.link), "");
}
END_TEST

START_TEST(frames_in_one_write)
{
	uint8_t wire[64];
	size_t len = three_frames(wire);

	test_write(peer, wire, len);
	test_turn(loop);
	expect_seen(wire, len, 3);
}
END_TEST

START_TEST(octet_by_octet)
{
	uint8_t wire[64];
	size_t len = three_frames(wire);

	for (size_t i = 0; i < len; i++) {
		test_write(peer, wire + i, 1);
		test_turn(loop);
	}
	expect_seen(wire, len, 3);
}
END_TEST

START_TEST(cut_anywhere)
{
	uint8_t wire[64];
	size_t len = three_frames(wire);

	for (size_t cut = 1; cut < len; cut++) {
		test_write(peer, wire, cut);
		test_turn(loop);
		test_write(peer, wire + cut, len - cut);
		test_turn(loop);
		expect_seen(wire, len, 3);
		reopen(NULL, SOCK_STREAM);
	}
}
END_TEST

START_TEST(longest_frame)
{
	uint8_t *wire = x_calloc(1, FRAME_HEADER + FRAME_MAX);

	memset(wire + FRAME_HEADER, 0xa5, FRAME_MAX);
	put_be32(wire, FRAME_MAX);
	test_write(peer, wire, FRAME_HEADER + FRAME_MAX);
	RUN_UNTIL(loop, end.frames == 1);
	expect_seen(wire, FRAME_HEADER + FRAME_MAX, 1);
	ck_ok(link_send_raw(end.link, wire + FRAME_HEADER, FRAME_MAX));
	test_read(loop, peer, wire, FRAME_HEADER + FRAME_MAX);
	ck_assert_uint_eq(get_be32(wire), FRAME_MAX);
	free(wire);
}
END_TEST

static const struct {
	uint32_t len;
	int err;
} bad_lengths[] = {
	{0, KH_E_FRAME_EMPTY},
	{FRAME_MAX + 1, KH_E_FRAME_TOO_LONG},
	{0x80000000, KH_E_FRAME_TOO_LONG},
	{0xffffffff, KH_E_FRAME_TOO_LONG},
};

START_TEST(bad_length)
{
	uint8_t wire[64];
	size_t len = test_frame(wire, "good", 4);

	put_be32(wire + len, bad_lengths[_i].len);
	memset(wire + len + FRAME_HEADER, 1, 8);
	test_write(peer, wire, len + FRAME_HEADER + 8);
	test_turn(loop);
	expect_seen(wire, len, 1);
	expect_down(bad_lengths[_i].err);
}
END_TEST

START_TEST(bad_length_octet_by_octet)
{
	uint8_t wire[4];

	put_be32(wire, bad_lengths[_i].len);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(end.downs, 0);
		test_write(peer, wire + i, 1);
		test_turn(loop);
	}
	/* The error shows when the fourth octet is there, not later. */
	expect_down(bad_lengths[_i].err);
}
END_TEST

START_TEST(end_between_frames)
{
	uint8_t wire[64];
	size_t len = three_frames(wire);

	test_write(peer, wire, len);
	shutdown(peer, SHUT_RDWR);
	RUN_UNTIL(loop, end.downs);
	expect_seen(wire, len, 3);
	expect_down(KH_E_LINK_LOST);
}
END_TEST

START_TEST(truncated_anywhere)
{
	uint8_t wire[64];
	size_t len = test_frame(wire, "0123456789", 10);

	for (size_t cut = 1; cut < len; cut++) {
		test_write(peer, wire, cut);
		close(peer);
		RUN_UNTIL(loop, end.downs);
		ck_assert_uint_eq(end.frames, 0);
		expect_down(KH_E_FRAME_TRUNCATED);
		test_end_clear(&end);
		peer = test_end_open(&end, loop, SOCK_STREAM, NULL);
		test_turn(loop);
	}
}
END_TEST

START_TEST(close_in_frame)
{
	uint8_t wire[64], back[9];
	size_t len = three_frames(wire);

	end.echo = true;
	end.close_at = 1;
	test_write(peer, wire, len);
	test_turn(loop);
	ck_assert_uint_eq(end.frames, 1);
	/* What was queued goes out, then the end; the owner is not told. */
	ck_assert_int_eq(recv(peer, back, sizeof back, 0), 9);
	ck_assert_mem_eq(back, wire, 9);
	ck_assert_int_eq(recv(peer, back, 1, 0), 0);
	ck_assert_int_eq(end.downs, 0);
	end.link = NULL;
}
END_TEST

START_TEST(close_in_kept_frame)
{
	uint8_t wire[64];
	size_t len = three_frames(wire);

	end.close_at = 1;
	test_write(peer, wire, 6);
	test_turn(loop);
	test_write(peer, wire + 6, len - 6);
	test_turn(loop);
	ck_assert_uint_eq(end.frames, 1);
	ck_assert_int_eq(end.downs, 0);
	end.link = NULL;
}
END_TEST

START_TEST(close_in_up_and_down)
{
	struct test_end other = {.close_on_up = true};
	int fd = test_end_open(&other, loop, SOCK_STREAM, NULL);
	char octet;

	test_turn(loop);
	ck_assert_int_eq(other.ups, 1);
	ck_assert_int_eq(other.downs, 0);
	ck_assert_int_eq(recv(fd, &octet, 1, 0), 0);
	close(fd);
	test_end_clear(&other);
	end.close_on_down = true;
	shutdown(peer, SHUT_RDWR);
	RUN_UNTIL(loop, end.downs);
	expect_down(KH_E_LINK_LOST);
}
END_TEST

START_TEST(close_before_up)
{
	struct test_end other = {0};
	int fd = test_end_open(&other, loop, SOCK_STREAM, NULL);

	ck_assert(!link_is_up(other.link));
	ck_err(link_send_raw(other.link, (const uint8_t *)"x", 1), KH_E_LINK_LOST);
	link_close(other.link);
	test_turn(loop);
	ck_assert_int_eq(other.ups + other.downs, 0);
	close(fd);
	test_end_clear(&other);
}
END_TEST

START_TEST(closed_after_a_failure)
{
	struct link_settings s = {.output_limit = 10};
	uint8_t octet;

	reopen(&s, SOCK_STREAM);
	ck_err(link_send_raw(end.link, (const uint8_t *)"0123456789", 10), KH_E_OUTPUT_OVERFLOW);
	/* `down` is due, but the owner is faster. */
	link_close(end.link);
	test_turn(loop);
	ck_assert_int_eq(end.downs, 0);
	ck_assert_int_eq(recv(peer, &octet, 1, MSG_DONTWAIT), 0);
	end.link = NULL;
}
END_TEST

START_TEST(sends_refused)
{
	uint8_t *big = x_calloc(1, FRAME_MAX + 1);
	uint8_t octet;

	ck_err(link_send_raw(end.link, big, FRAME_MAX + 1), KH_E_FRAME_TOO_LONG);
	ck_err(link_send_raw(end.link, big, 0), KH_E_FRAME_EMPTY);
	ck_assert_uint_eq(link_output_len(end.link), 0);
	link_close(end.link);
	link_close(end.link);
	ck_assert(!link_is_up(end.link));
	ck_err(link_send_raw(end.link, big, 1), KH_E_LINK_LOST);
	test_turn(loop);
	ck_assert_int_eq(recv(peer, &octet, 1, MSG_DONTWAIT), 0);
	end.link = NULL;
	free(big);
}
END_TEST

START_TEST(owner_changes)
{
	struct test_end other = {0};
	uint8_t wire[64];
	size_t len = test_frame(wire, "abc", 3);

	link_set_owner(end.link, &test_end_ops, &other);
	test_write(peer, wire, len);
	test_turn(loop);
	ck_assert_uint_eq(end.frames, 0);
	ck_assert_uint_eq(other.frames, 1);
	test_end_clear(&other);
	link_set_owner(end.link, &test_end_ops, &end);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link");
	TCase *lengths = tcase_create("lengths");

	CHECK_CASE_WITH(s, "frames", setup, teardown, up_without_tls, frames_in_one_write,
			octet_by_octet, cut_anywhere, longest_frame, end_between_frames,
			truncated_anywhere);
	tcase_set_timeout(lengths, 120);
	tcase_add_checked_fixture(lengths, setup, teardown);
	tcase_add_loop_test(lengths, bad_length, 0, 4);
	tcase_add_loop_test(lengths, bad_length_octet_by_octet, 0, 4);
	suite_add_tcase(s, lengths);
	CHECK_CASE_WITH(s, "close", setup, teardown, close_in_frame, close_in_kept_frame,
			close_in_up_and_down, close_before_up, closed_after_a_failure);
	CHECK_CASE_WITH(s, "calls", setup, teardown, sends_refused, owner_changes);
	return check_main(s);
}
