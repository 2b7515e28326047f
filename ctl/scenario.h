/* A scenario file: what the UEs of a run do, step by step. YAML, read as strictly as a configuration. */
#ifndef KEYHOP_CTL_SCENARIO_H
#define KEYHOP_CTL_SCENARIO_H

#include "config.h"

/* X(constant, word, help) */
/* clang-format off */
#define STEP_KINDS(X) \
	X(ATTACH, "attach", "every UE that is not attached attaches to `cell`, or to the first there is") \
	X(DETACH, "detach", "every UE detaches") \
	X(MOVE, "move", "every UE is handed over along `path`, from wherever it is") \
	X(PING_PONG, "ping-pong", "every UE is handed over `moves` times between the two cells of `path`") \
	X(WALK, "walk", "every UE is handed over `moves` times, each time to a random neighbour of its cell") \
	X(MEASURE, "measure", "every UE hears `to` best; event A3 and the cells do the rest") \
	X(TRACE, "trace", "measurements from the CSV `file`, played by its time column") \
	X(PING, "ping", "user data of every UE there and back") \
	X(ROTATE, "rotate", "a new MME-eNB_key for `node`, or for every eNodeB") \
	X(FAULT, "fault", "sets `fault` on `message` at `node`") \
	X(CLEAR, "clear", "ends all faults") \
	X(AIR, "air", "the radio of every UE has this `loss`, `latency` and `jitter`; a good one without any") \
	X(CALL, "call", "calls `method` of `node` with `params`; `cause` is the error that it shall end with") \
	X(EXPECT, "expect", "an event `topic` of `node`, with `cause` if given, within `timeout`; or none, with `never`") \
	X(STATE, "state", "every UE is in `state`, at `cell` if given, within `timeout`") \
	X(WAIT, "wait", "nothing, for `delay`") \
	X(READY, "ready", "waits until every association and cell is up")
/* clang-format on */

enum step_kind {
#define STEP_KIND_ENUM(id, word, help) STEP_##id,
	STEP_KINDS(STEP_KIND_ENUM)
#undef STEP_KIND_ENUM
		STEP_KIND_COUNT
};

struct step {
	int32_t kind;
	char *cell, *path, *to, *file, *node, *topic, *cause;
	char *fault, *message, *direction;
	char *method, *params, *state;
	uint32_t moves, count, delay_ms, timeout_ms, probability; /* the last in percent */
	int32_t loss; /* hundredths of a per cent */
	uint32_t latency_ms, jitter_ms;
	bool failures; /* handovers and pings of this step may fail */
	bool never; /* an event that must not come */
};

struct scenario {
	char *name;
	uint32_t ues, rate, in_flight, seed, repeat;
	bool settle;
	struct config_list steps; /* of struct step */
};

extern const struct config_row scenario_rows[];
const char *step_word(enum step_kind kind);

#endif
