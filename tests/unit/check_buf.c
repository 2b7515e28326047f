#include "buf.h"

#include <string.h>

#include "check_main.h"

START_TEST(first_in_first_out)
{
	struct buf b = {0};

	ck_assert_ptr_null(buf_data(&b));
	buf_append(&b, "abcdef", 6);
	buf_drain(&b, 2);
	buf_append(&b, "gh", 2);
	memcpy(buf_extend(&b, 1), "i", 1);
	ck_assert_uint_eq(b.len, 7);
	ck_assert_mem_eq(buf_data(&b), "cdefghi", 7);
	buf_drain(&b, 100);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_uint_eq(b.start, 0);
	buf_clear(&b);
	buf_clear(&b);
	ck_assert_ptr_null(b.base);
}
END_TEST

START_TEST(nothing_appended)
{
	struct buf b = {0};

	buf_append(&b, NULL, 0);
	buf_drain(&b, 1);
	ck_assert_ptr_null(b.base);
}
END_TEST

START_TEST(grows_and_shrinks)
{
	static uint8_t block[10000];
	struct buf b = {.secret = true};

	for (int i = 0; i < 20; i++) {
		memset(block, i, sizeof block);
		buf_append(&b, block, sizeof block);
	}
	for (int i = 0; i < 20; i++) {
		memset(block, i, sizeof block);
		ck_assert_mem_eq(buf_data(&b), block, sizeof block);
		buf_drain(&b, sizeof block);
	}
	ck_assert_uint_le(b.cap, BUF_KEEP);
	buf_clear(&b);
}
END_TEST

/* A backlog that never empties: memory stays near its length. */
START_TEST(steady_backlog)
{
	static uint8_t block[1000];
	struct buf b = {0};

	buf_append(&b, block, sizeof block);
	for (int i = 0; i < 100000; i++) {
		buf_append(&b, block, sizeof block);
		buf_drain(&b, sizeof block);
	}
	ck_assert_uint_eq(b.len, sizeof block);
	ck_assert_uint_le(b.cap, 2 * BUF_KEEP);
	buf_clear(&b);
}
END_TEST

START_TEST(drained_secret_is_wiped)
{
	struct buf b = {.secret = true};
	const uint8_t *p;

	buf_append(&b, "keykeykey", 9);
	p = buf_data(&b);
	buf_drain(&b, 3);
	ck_assert_mem_eq(p, "\0\0\0keykey", 9);
	buf_drain(&b, 6);
	ck_assert_mem_eq(p, "\0\0\0\0\0\0\0\0\0", 9);
	buf_clear(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("buf");

	CHECK_CASE(s, "buf", first_in_first_out, nothing_appended, grows_and_shrinks,
		   steady_backlog, drained_secret_is_wiped);
	return check_main(s);
}
