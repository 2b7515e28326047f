/* Counters of a node: one per named cause, one per message and direction, and those of the procedures. */
#ifndef KEYHOP_METRICS_H
#define KEYHOP_METRICS_H

#include <stdint.h>

#include "err.h"
#include "message.h"

/* X(constant, name) */
#define METRICS(X) \
	X(LINKS_UP, "links_up") \
	X(LINKS_DOWN, "links_down") \
	X(ATTACHES, "attaches") \
	X(DETACHES, "detaches") \
	X(RESYNCHRONISATIONS, "resynchronisations") \
	X(HKEYS_ISSUED, "hkeys_issued") \
	X(HKEYS_RECEIVED, "hkeys_received") \
	X(KENBS_DERIVED, "kenbs_derived") \
	X(KEYS_WRAPPED, "keys_wrapped") \
	X(KEYS_UNWRAPPED, "keys_unwrapped") \
	X(MEASUREMENT_REPORTS, "measurement_reports") \
	X(HANDOVERS_STARTED, "handovers_started") \
	X(HANDOVERS_COMPLETED, "handovers_completed") \
	X(HANDOVERS_FAILED, "handovers_failed") \
	X(HANDOVERS_WAITED, "handovers_waited_for_list") \
	X(REESTABLISHMENTS, "reestablishments") \
	X(PINGS, "pings") \
	X(FAULTS_FIRED, "faults_fired")

enum metric {
#define METRIC_ENUM(id, name) METRIC_##id,
	METRICS(METRIC_ENUM)
#undef METRIC_ENUM
		METRIC_COUNT
};

/* X(constant, name): phases of handovers, measured where both ends of the phase are seen */
#define PHASE_METRICS(X) \
	X(PREPARATION, "preparation") \
	X(EXECUTION, "execution") \
	X(INTERRUPTION, "interruption")

enum phase_metric {
#define PHASE_METRIC_ENUM(id, name) PHASE_METRIC_##id,
	PHASE_METRICS(PHASE_METRIC_ENUM)
#undef PHASE_METRIC_ENUM
		PHASE_METRIC_COUNT
};

#define HISTOGRAM_BUCKETS 14
extern const int64_t histogram_bounds_us[HISTOGRAM_BUCKETS];

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS]; /* each counted once; sums are made for who reads */
	uint64_t count;
	int64_t sum_us;
};

struct metrics {
	uint64_t count[METRIC_COUNT];
	uint64_t refused[KH_CAUSE_MAX];
	uint64_t rx[MESSAGE_ROWS_MAX], tx[MESSAGE_ROWS_MAX];
	struct histogram phase[PHASE_METRIC_COUNT];
};

struct json_t;

const char *metric_name(enum metric m);
const char *phase_metric_name(enum phase_metric p);
void histogram_add(struct histogram *h, int64_t us);
/* {"counters": {..}, "refused": {..}, "rx": {"s1.enb_key": n}, "tx": {..}}; every name is there, zeros too. */
struct json_t *metrics_json(const struct metrics *m);

#endif
