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

struct metrics {
	uint64_t count[METRIC_COUNT];
	uint64_t refused[KH_CAUSE_MAX];
	uint64_t rx[MESSAGE_ROWS_MAX], tx[MESSAGE_ROWS_MAX];
};

struct json_t;

const char *metric_name(enum metric m);
/* {"counters": {..}, "refused": {..}, "rx": {"s1.enb_key": n}, "tx": {..}}; every name is there, zeros too. */
struct json_t *metrics_json(const struct metrics *m);

#endif
