/* Durations and failures of a run. */
#ifndef KEYHOP_CTL_STATS_H
#define KEYHOP_CTL_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* X(constant, name, what is measured, at one node's clock) */
/* clang-format off */
#define PHASES(X) \
	X(TOTAL, "handover", "decision 6a to 11, at the source") \
	X(PREPARATION, "preparation", "7 to 9, at the source") \
	X(EXECUTION, "execution", "9 to 11, at the source") \
	X(COMPLETION, "completion", "10 to 13, at the target: the next list is there") \
	X(INTERRUPTION, "interruption", "9 to the acknowledgement of 10, at the UE: no user data")
/* clang-format on */

enum phase {
#define PHASE_ENUM(id, name, text) PHASE_##id,
	PHASES(PHASE_ENUM)
#undef PHASE_ENUM
		PHASE_COUNT
};

struct series {
	int64_t *us;
	size_t n, cap;
};

struct stats {
	struct series phase[PHASE_COUNT];
	uint64_t completed, failed, pings, attaches, events_lost;
	uint64_t reattaches; /* of UEs that were lost */
	json_t *causes; /* name: count */
};

void stats_init(struct stats *s);
void stats_clear(struct stats *s);
void stats_add(struct stats *s, enum phase phase, int64_t us);
void stats_cause(struct stats *s, const char *name);
/* As a table for people, and as JSON. */
void stats_print(struct stats *s);
json_t *stats_json(struct stats *s);

#endif
