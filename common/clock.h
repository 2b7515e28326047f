/* The one door for time. Tests link their own clock.c. */
#ifndef KEYHOP_CLOCK_H
#define KEYHOP_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Microseconds of a clock that never goes back, for durations and deadlines. */
int64_t clock_mono_us(void);
/* Microseconds since 1970 UTC, for people. */
int64_t clock_wall_us(void);

#define CLOCK_TEXT_LEN 28 /* 2026-11-23T15:04:05.123456Z and NUL */
/* RFC 3339 in UTC with microseconds. */
void clock_text(int64_t wall_us, char out[CLOCK_TEXT_LEN]);

#endif
