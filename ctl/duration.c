#include "duration.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int duration_parse(const char *text, int *ms)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}, {"h", 3600000}};
	char *end;
	double value;

	if (!isdigit((unsigned char)text[0]) && text[0] != '.')
		return -1;
	value = strtod(text, &end);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		double whole = value * units[i].ms;
		if (strcmp(end, units[i].unit) != 0 || !(whole >= 0 && whole <= INT_MAX))
			continue;
		*ms = (int)whole;
		return 0;
	}
	return -1;
}

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
