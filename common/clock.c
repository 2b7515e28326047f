#include "clock.h"

#include <stdio.h>
#include <time.h>

#define US_PER_S 1000000
#define LAST_SECOND 253402300799LL /* 9999-12-31T23:59:59Z, the last of four-digit years */

static int64_t read_clock(clockid_t id)
{
	struct timespec ts = {0};

	/* Both clocks exist on every Linux; a failure would read as time 0. */
	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
	return read_clock(CLOCK_REALTIME);
}

void clock_text(int64_t wall_us, char out[CLOCK_TEXT_LEN])
{
	unsigned us = 0;
	time_t seconds = 0;
	struct tm tm = {0};
	char date[sizeof "2026-11-23T15:04:05"];

	if (wall_us > 0) {
		seconds = wall_us / US_PER_S;
		us = (unsigned)(wall_us % US_PER_S);
	}
	if (seconds > LAST_SECOND)
		seconds = LAST_SECOND;
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, CLOCK_TEXT_LEN, "%s.%06uZ", date, us % US_PER_S);
}
