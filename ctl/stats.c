#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const struct {
	const char *name, *text;
} phases[] = {
#define PHASE_ROW(id, name, text) {name, text},
	PHASES(PHASE_ROW)
#undef PHASE_ROW
};

void stats_init(struct stats *s)
{
	memset(s, 0, sizeof *s);
	s->causes = json_object();
}

void stats_clear(struct stats *s)
{
	for (int i = 0; i < PHASE_COUNT; i++)
		free(s->phase[i].us);
	json_decref(s->causes);
}

void stats_add(struct stats *s, enum phase phase, int64_t us)
{
	struct series *x = &s->phase[phase];

	if (x->n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 1024;
		x->us = x_realloc(x->us, x->cap * sizeof *x->us);
	}
	x->us[x->n++] = us;
}

void stats_cause(struct stats *s, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(s->causes, name));

	json_object_set_new(s->causes, name, json_integer(n + 1));
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest sample that so many of a thousand do not exceed. */
static int64_t percentile(const struct series *x, unsigned permille)
{
	return x->n ? x->us[(x->n * permille + 999) / 1000 - 1] : 0;
}

static void sort_all(struct stats *s)
{
	for (int i = 0; i < PHASE_COUNT; i++)
		if (s->phase[i].n)
			qsort(s->phase[i].us, s->phase[i].n, sizeof(int64_t), compare);
}

void stats_print(struct stats *s)
{
	const char *cause;
	json_t *n;

	sort_all(s);
	printf("%-13s %9s %9s %9s %9s %9s   %s\n", "phase", "samples", "p50 us", "p90 us", "p99 us",
	       "max us", "measured from");
	for (int i = 0; i < PHASE_COUNT; i++) {
		const struct series *x = &s->phase[i];
		printf("%-13s %9zu %9lld %9lld %9lld %9lld   %s\n", phases[i].name, x->n,
		       (long long)percentile(x, 500), (long long)percentile(x, 900),
		       (long long)percentile(x, 990), (long long)percentile(x, 1000),
		       phases[i].text);
	}
	json_object_foreach(s->causes, cause, n)
		printf("failed: %s %lld\n", cause, (long long)json_integer_value(n));
	if (s->reattaches)
		printf("NOTE %llu times a UE was lost and attached anew\n",
		       (unsigned long long)s->reattaches);
	if (s->events_lost)
		printf("NOTE %llu events came too fast and are missing above\n",
		       (unsigned long long)s->events_lost);
}

json_t *stats_json(struct stats *s)
{
	json_t *out = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "completed",
				(json_int_t)s->completed, "failed", (json_int_t)s->failed, "pings",
				(json_int_t)s->pings, "attaches", (json_int_t)s->attaches,
				"reattaches", (json_int_t)s->reattaches, "events_lost",
				(json_int_t)s->events_lost, "causes", s->causes);

	sort_all(s);
	for (int i = 0; i < PHASE_COUNT; i++) {
		const struct series *x = &s->phase[i];
		json_object_set_new(out, phases[i].name,
				    json_pack("{s:I, s:I, s:I, s:I, s:I}", "samples",
					      (json_int_t)x->n, "p50_us",
					      (json_int_t)percentile(x, 500), "p90_us",
					      (json_int_t)percentile(x, 900), "p99_us",
					      (json_int_t)percentile(x, 990), "max_us",
					      (json_int_t)percentile(x, 1000)));
	}
	return out;
}
