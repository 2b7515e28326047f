#include "metrics.h"

#include <stdio.h>

#include <jansson.h>

static const char *const names[METRIC_COUNT] = {
#define METRIC_NAME(id, name, own, help) name,
	METRICS(METRIC_NAME)
#undef METRIC_NAME
};

static const int causes[] = {
#define CAUSE_NUMBER(id, num, name, code, text) KH_E_##id,
	KH_ERRORS(CAUSE_NUMBER)
#undef CAUSE_NUMBER
};

static const struct histogram_bounds bounds_TIMES = {
	.upper = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
		  1000000, 5000000},
	.divisor = 1e6,
};
static const struct histogram_bounds bounds_SIZES = {
	.upper = {1, 2, 4, 8, 16, 32, 64, 128, 256},
	.divisor = 1,
};

const struct histogram_row histogram_rows[HISTOGRAM_COUNT] = {
#define HISTOGRAM_ROW(id, family, label, bounds) {family, label, &bounds_##bounds},
	HISTOGRAMS(HISTOGRAM_ROW)
#undef HISTOGRAM_ROW
};

const char *const hkey_reason_names[] = {
#define HKEY_REASON_NAME(id, name) name,
	HKEY_REASONS(HKEY_REASON_NAME)
#undef HKEY_REASON_NAME
};

void histogram_add(struct metrics *m, enum histogram_id id, int64_t value)
{
	const struct histogram_bounds *bounds = histogram_rows[id].bounds;
	struct histogram *h = &m->histogram[id];

	h->count++;
	h->sum += value;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS && bounds->upper[i]; i++) {
		if (value > bounds->upper[i])
			continue;
		h->bucket[i]++;
		return;
	}
}

const char *metric_name(enum metric m)
{
	return (unsigned)m < METRIC_COUNT ? names[m] : "unknown";
}

static json_t *messages_json(const uint64_t *counts)
{
	json_t *out = json_object();
	char name[64];

	for (size_t i = 0; i < message_row_count; i++) {
		snprintf(name, sizeof name, "%s.%s", iface_name(message_rows[i].iface),
			 message_rows[i].name);
		json_object_set_new(out, name, json_integer((json_int_t)counts[i]));
	}
	return out;
}

json_t *metrics_json(const struct metrics *m)
{
	json_t *counters = json_object(), *refused = json_object();

	for (unsigned i = 0; i < METRIC_COUNT; i++)
		json_object_set_new(counters, names[i], json_integer((json_int_t)m->count[i]));
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
		json_object_set_new(refused, err_name(causes[i]),
				    json_integer((json_int_t)m->refused[-causes[i]]));
	return json_pack("{s:o, s:o, s:o, s:o}", "counters", counters, "refused", refused, "rx",
			 messages_json(m->rx), "tx", messages_json(m->tx));
}
