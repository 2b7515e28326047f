/* clock.h for tests: linked in the place of common/clock.c, it stands still until it is told to move. */
#include "fake_clock.h"

#include <stdio.h>

int64_t fake_mono_us = 1000000, fake_wall_us = 1700000000000000;

int64_t clock_mono_us(void)
{
	return fake_mono_us;
}

int64_t clock_wall_us(void)
{
	return fake_wall_us;
}

void clock_text(int64_t wall_us, char out[CLOCK_TEXT_LEN])
{
	snprintf(out, CLOCK_TEXT_LEN, "%lld", (long long)(wall_us % 1000000000));
}
