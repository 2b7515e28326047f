/* Where octets of a link are cut: between frames, or records, also in messages of SCTP. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "check_main.h"
#include "ids.h"
#include "link.h"
#include "sctp_stream.h"
#include "tls.h"

#define MESSAGES_MAX 64

static uint8_t octets[400000];
static size_t n_octets;

static void frame(size_t len)
{
	put_be32(octets + n_octets, (uint32_t)len);
	memset(octets + n_octets + FRAME_HEADER, 0x5a, len);
	n_octets += FRAME_HEADER + len;
}

static void record(size_t len)
{
	const uint8_t header[] = {23, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

	memcpy(octets + n_octets, header, sizeof header);
	memset(octets + n_octets + sizeof header, 0, len);
	n_octets += sizeof header + len;
}

/* Messages as a transport is given them; it has no room for more than `room` of them. */
static size_t length[MESSAGES_MAX];
static unsigned n_messages, room;

static ssize_t take(struct conn *c, const void *data, size_t len)
{
	(void)c;
	(void)data;
	if (n_messages == room) {
		errno = EAGAIN;
		return -1;
	}
	length[n_messages++] = len;
	return (ssize_t)len;
}

static const struct sctp_source source = {.send = take};

static ssize_t send_from(struct sctp_stream *s, size_t at)
{
	return sctp_stream_send(NULL, s, &source, octets + at, n_octets - at);
}

static void setup(void)
{
	n_octets = 0;
	n_messages = 0;
	room = MESSAGES_MAX;
}

/* Every message begins with a unit and ends with one. Number of units in all. */
static unsigned units_in_messages(void)
{
	unsigned units = 0;
	size_t at = 0;

	for (unsigned i = 0; i < n_messages; i++) {
		size_t end = at + length[i];

		for (; at < end; units++)
			at += unit_len(octets + at, n_octets - at);
		ck_assert_uint_eq(at, end);
	}
	ck_assert_uint_eq(at, n_octets);
	return units;
}

START_TEST(length_of_units)
{
	frame(7);
	ck_assert_uint_eq(unit_len(octets, 11), 11);
	ck_assert_uint_eq(unit_len(octets, 4), 11);
	ck_assert_uint_eq(unit_len(octets, 3), 3);
	setup();
	record(300);
	ck_assert_uint_eq(unit_len(octets, n_octets), 305);
	ck_assert_uint_eq(unit_len(octets, 5), 305);
	ck_assert_uint_eq(unit_len(octets, 4), 4);
}
END_TEST

START_TEST(whole_units_only)
{
	frame(6);
	frame(16);
	frame(26);
	ck_assert_uint_eq(units_within(octets, n_octets, 1000), 60);
	ck_assert_uint_eq(units_within(octets, n_octets, 60), 60);
	ck_assert_uint_eq(units_within(octets, n_octets, 59), 30);
	ck_assert_uint_eq(units_within(octets, n_octets, 9), 0);
	ck_assert_uint_eq(units_within(octets, 59, 1000), 30);
	ck_assert_uint_eq(units_within(octets, 0, 1000), 0);
}
END_TEST

START_TEST(messages_of_whole_frames)
{
	struct sctp_stream s = {0};

	for (unsigned i = 0; i < 300; i++)
		frame(1 + i * 37 % 900);
	ck_assert_int_eq(send_from(&s, 0), (ssize_t)n_octets);
	ck_assert_uint_gt(n_messages, 4);
	ck_assert_uint_eq(units_in_messages(), 300);
}
END_TEST

START_TEST(messages_of_whole_records)
{
	struct sctp_stream s = {0};

	for (unsigned i = 0; i < 10; i++)
		record(TLS_RECORD_MAX + 17);
	record(40);
	ck_assert_int_eq(send_from(&s, 0), (ssize_t)n_octets);
	ck_assert_uint_eq(units_in_messages(), 11);
	ck_assert_uint_eq(n_messages, 10);
}
END_TEST

START_TEST(no_room_for_more)
{
	struct sctp_stream s = {0};

	for (unsigned i = 0; i < 100; i++)
		frame(1000);
	room = 2;
	ssize_t sent = send_from(&s, 0);
	ck_assert_int_gt(sent, 0);
	ck_assert_int_eq(send_from(&s, (size_t)sent), -1);
	ck_assert_int_eq(errno, EAGAIN);
	room = MESSAGES_MAX;
	ck_assert_int_eq(send_from(&s, (size_t)sent), (ssize_t)n_octets - sent);
	ck_assert_uint_eq(units_in_messages(), 100);
}
END_TEST

/* The frame after one that is longer than a message begins a message, also when there was no room on the way. */
START_TEST(longer_than_a_message)
{
	struct sctp_stream s = {0};
	size_t longest = FRAME_HEADER + FRAME_MAX, sum = 0;
	unsigned i = 1;

	frame(10);
	frame(FRAME_MAX);
	frame(10);
	frame(10);
	room = 3;
	ssize_t sent = send_from(&s, 0);
	ck_assert_int_gt(sent, 14);
	ck_assert_int_lt(sent, (ssize_t)longest);
	room = MESSAGES_MAX;
	ck_assert_int_eq(send_from(&s, (size_t)sent), (ssize_t)n_octets - sent);
	ck_assert_uint_eq(length[0], 14);
	while (sum < longest)
		sum += length[i++];
	ck_assert_uint_eq(sum, longest);
	ck_assert_uint_eq(length[i], 28);
	ck_assert_uint_eq(n_messages, i + 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("unit");

	CHECK_CASE_WITH(s, "units", setup, NULL, length_of_units, whole_units_only);
	CHECK_CASE_WITH(s, "messages of SCTP", setup, NULL, messages_of_whole_frames,
			messages_of_whole_records, no_room_for_more, longer_than_a_message);
	return check_main(s);
}
