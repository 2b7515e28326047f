/* Frames that a link holds back: they come, in the order of their lane, and are not too many. */
#include "link.h"

#include <string.h>
#include <unistd.h>

#include "air.h"
#include "check_main.h"
#include "common.pb-c.h"
#include "node.h"
#include "test_link.h"

static struct loop *loop;
static struct test_end end;
static int peer;
static struct held_total total;
static struct link_lane lane;

static void setup(void)
{
	peer = test_link_setup(&loop, &end);
	memset(&lane, 0, sizeof lane);
	memset(&total, 0, sizeof total);
}

static void teardown(void)
{
	test_link_teardown(loop, &end, peer);
	ck_assert_uint_eq(total.frames, 0);
	ck_assert_uint_eq(total.octets, 0);
}

static int hold(struct link_lane *in, enum link_direction dir, uint32_t ms, const char *text)
{
	const struct link_held held = {
		.frame = (const uint8_t *)text, .len = strlen(text), .total = &total, .lane = in};

	return link_hold(end.link, dir, ms, &held);
}

/* What has come so far, without lengths. */
static void expect_seen(const char *text)
{
	size_t at = 0;

	for (; *text; text++, at += FRAME_HEADER + 1) {
		ck_assert_uint_ge(end.seen_len, at + FRAME_HEADER + 1);
		ck_assert_int_eq(end.seen[at + FRAME_HEADER], *text);
	}
	ck_assert_uint_eq(end.seen_len, at);
}

START_TEST(a_lane_keeps_its_order)
{
	char text[2] = "";

	/* The first is the latest, and all others are due at once. */
	ck_ok(hold(&lane, LINK_RX, 30, "0"));
	for (text[0] = '1'; text[0] <= '9'; text[0]++)
		ck_ok(hold(&lane, LINK_RX, 0, text));
	ck_ok(hold(NULL, LINK_RX, 0, "x"));
	RUN_UNTIL(loop, end.frames == 11);
	expect_seen("x0123456789");
	ck_assert_ptr_null(lane.first);
	/* What is in it is not waited for any more. */
	ck_ok(hold(&lane, LINK_RX, 1000000, "a"));
	link_lane_clear(&lane);
	ck_ok(hold(&lane, LINK_RX, 0, "b"));
	RUN_UNTIL(loop, end.frames == 12);
	expect_seen("x0123456789b");
}
END_TEST

START_TEST(a_lane_through_two_links)
{
	struct test_end other = {0};
	int fd = test_end_open(&other, loop, SOCK_STREAM, NULL);
	const struct link_held held = {
		.frame = (const uint8_t *)"b", .len = 1, .total = &total, .lane = &lane};
	uint8_t wire[FRAME_HEADER + 1];

	test_turn(loop);
	ck_ok(hold(&lane, LINK_TX, 20, "a"));
	ck_ok(link_hold(other.link, LINK_TX, 0, &held));
	/* With its link goes the one ahead, and nobody waits for it. */
	link_close(end.link);
	end.link = NULL;
	test_turn(loop);
	ck_assert_uint_le(total.frames, 1);
	test_read(loop, fd, wire, sizeof wire);
	ck_assert_int_eq(wire[FRAME_HEADER], 'b');
	link_close(other.link);
	test_turn(loop);
	test_end_clear(&other);
	close(fd);
}
END_TEST

START_TEST(no_more_than_the_bound)
{
	for (unsigned i = 0; i < HELD_FRAMES_MAX; i++)
		ck_ok(hold(i % 2 ? &lane : NULL, LINK_RX, 1000000, "x"));
	ck_err(hold(NULL, LINK_RX, 0, "x"), KH_E_NO_RESOURCES);
	ck_err(hold(&lane, LINK_TX, 0, "x"), KH_E_NO_RESOURCES);
	ck_assert_uint_eq(total.frames, HELD_FRAMES_MAX);
	link_lane_clear(&lane);
	ck_assert_uint_eq(total.frames, HELD_FRAMES_MAX / 2);
	ck_ok(hold(&lane, LINK_RX, 0, "y"));
	RUN_UNTIL(loop, end.frames == 1);
	total.octets = HELD_OCTETS_MAX;
	ck_err(hold(NULL, LINK_RX, 0, "z"), KH_E_NO_RESOURCES);
	total.octets = total.frames;
}
END_TEST

/* ---- the radio ---- */

static struct node n;
static struct air air;

static void air_setup(void)
{
	setup();
	memset(&n, 0, sizeof n);
	memset(&air, 0, sizeof air);
}

static void say(uint32_t number)
{
	Keyhop__Common__KeyMaterial msg = KEYHOP__COMMON__KEY_MATERIAL__INIT;

	msg.key_id = number;
	ck_ok(air_send(&n, &air, end.link, &msg.base));
}

/* On the wire: a length, a tag and the number. */
static int heard(void)
{
	uint8_t wire[FRAME_HEADER + 2];

	test_turn(loop);
	return recv(peer, wire, sizeof wire, MSG_DONTWAIT) == sizeof wire ? wire[FRAME_HEADER + 1]
									  : -1;
}

START_TEST(a_good_radio)
{
	say(1);
	ck_assert_int_eq(heard(), 1);
	ck_assert(!air_received(&n, &air, end.link, (const uint8_t *)"x", 1));
	ck_assert_uint_eq(n.metrics.count[METRIC_AIR_LOST] + n.metrics.count[METRIC_AIR_DELAYED],
			  0);
}
END_TEST

START_TEST(a_radio_that_loses)
{
	air.quality.loss = AIR_LOSS_ALL;
	say(1);
	ck_assert(air_received(&n, &air, end.link, (const uint8_t *)"x", 1));
	ck_assert_int_eq(heard(), -1);
	ck_assert_uint_eq(n.metrics.count[METRIC_AIR_LOST], 2);
	ck_assert_uint_eq(n.held.frames, 0);
	/* One in two: neither all nor none of so many. */
	air.quality.loss = AIR_LOSS_ALL / 2;
	for (int i = 0; i < 200; i++)
		(void)air_received(&n, &air, end.link, (const uint8_t *)"x", 1);
	ck_assert_uint_gt(n.metrics.count[METRIC_AIR_LOST], 2);
	ck_assert_uint_lt(n.metrics.count[METRIC_AIR_LOST], 202);
}
END_TEST

/* One that was sent when the radio had become quick again does not overtake. */
START_TEST(a_radio_that_is_late)
{
	air.quality.delay_ms = 20;
	say(1);
	ck_assert(air_received(&n, &air, end.link, (const uint8_t *)"a", 1));
	ck_assert_uint_eq(n.held.frames, 2);
	air.quality.delay_ms = 0;
	say(2);
	ck_assert(air_received(&n, &air, end.link, (const uint8_t *)"b", 1));
	RUN_UNTIL(loop, n.held.frames == 0);
	expect_seen("ab");
	ck_assert_int_eq(heard(), 1);
	ck_assert_int_eq(heard(), 2);
	ck_assert_uint_eq(n.metrics.count[METRIC_AIR_DELAYED], 4);
	say(3);
	ck_assert_int_eq(heard(), 3);
}
END_TEST

START_TEST(a_radio_that_jitters)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz";

	air.quality.jitter_ms = 50;
	for (size_t i = 0; text[i]; i++)
		ck_assert(air_received(&n, &air, end.link, (const uint8_t *)text + i, 1));
	RUN_UNTIL(loop, end.frames == sizeof text - 1);
	expect_seen(text);
	ck_assert_uint_eq(n.metrics.count[METRIC_AIR_DELAYED], sizeof text - 1);
}
END_TEST

START_TEST(a_radio_that_holds_too_many)
{
	n.held.frames = HELD_FRAMES_MAX;
	n.events = events_new("n", 0);
	air.quality.delay_ms = 20;
	say(1);
	ck_assert_int_eq(heard(), -1);
	ck_assert_uint_eq(n.metrics.refused[-KH_E_NO_RESOURCES], 1);
	ck_assert_uint_eq(n.metrics.count[METRIC_AIR_LOST], 1);
	events_free(n.events);
}
END_TEST

START_TEST(a_ue_that_goes)
{
	air.quality.delay_ms = 1000000;
	say(1);
	ck_assert(air_received(&n, &air, end.link, (const uint8_t *)"x", 1));
	air_clear(&air);
	ck_assert_uint_eq(n.held.frames, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link-hold");

	CHECK_CASE_WITH(s, "held", setup, teardown, a_lane_keeps_its_order,
			a_lane_through_two_links, no_more_than_the_bound);
	CHECK_CASE_WITH(s, "air", air_setup, teardown, a_good_radio, a_radio_that_loses,
			a_radio_that_is_late, a_radio_that_jitters, a_radio_that_holds_too_many,
			a_ue_that_goes);
	return check_main(s);
}
