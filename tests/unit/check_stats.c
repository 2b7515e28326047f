/* The summary of a run: percentiles of few samples are samples, and no smaller ones than they say. */
#include "check_main.h"
#include "stats.h"

static void check(size_t n, json_int_t p50, json_int_t p90, json_int_t p99, json_int_t max)
{
	struct stats s;
	json_int_t got[5] = {-1};

	stats_init(&s);
	/* 10, 20, 30 ... from the largest down. */
	for (size_t i = n; i > 0; i--)
		stats_add(&s, PHASE_TOTAL, 10 * (int64_t)i);
	json_t *all = stats_json(&s);
	ck_assert_int_eq(json_unpack(all, "{s:{s:I, s:I, s:I, s:I, s:I}}", "handover", "samples",
				     &got[0], "p50_us", &got[1], "p90_us", &got[2], "p99_us",
				     &got[3], "max_us", &got[4]),
			 0);
	ck_assert_int_eq(got[0], n);
	ck_assert_int_eq(got[1], p50);
	ck_assert_int_eq(got[2], p90);
	ck_assert_int_eq(got[3], p99);
	ck_assert_int_eq(got[4], max);
	json_decref(all);
	stats_clear(&s);
}

START_TEST(percentiles)
{
	check(0, 0, 0, 0, 0);
	check(1, 10, 10, 10, 10);
	check(2, 10, 20, 20, 20);
	check(3, 20, 30, 30, 30);
	check(6, 30, 60, 60, 60);
	check(10, 50, 90, 100, 100);
	check(11, 60, 100, 110, 110);
	check(99, 500, 900, 990, 990);
	check(100, 500, 900, 990, 1000);
	check(101, 510, 910, 1000, 1010);
	check(1000, 5000, 9000, 9900, 10000);
	check(5000, 25000, 45000, 49500, 50000);
}
END_TEST

START_TEST(causes_are_counted)
{
	struct stats s;

	stats_init(&s);
	stats_cause(&s, "TIMEOUT");
	stats_cause(&s, "UNWRAP_FAILED");
	stats_cause(&s, "TIMEOUT");
	ck_assert_int_eq(json_integer_value(json_object_get(s.causes, "TIMEOUT")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(s.causes, "UNWRAP_FAILED")), 1);
	stats_clear(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stats");

	CHECK_CASE(s, "stats", percentiles, causes_are_counted);
	return check_main(s);
}
