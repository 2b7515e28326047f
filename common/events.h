/* Events: what a node did, step by step, in the contribution's numbers. Fixed-size records in a ring, those that are
 * messages of a trace in one of their own; JSON is made only for those who read (subscribers, the events file, a
 * replay). */
#ifndef KEYHOP_EVENTS_H
#define KEYHOP_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"
#include "err.h"
#include "ids.h"
#include "keys.h"

struct events;
struct json_t;
struct message_row;

#define EVENT_DETAIL_LEN 96

/* Strings without a length are static and are not copied. What is 0, NULL or "" is left out of the JSON, except
 * where `has_` says that a zero counts. */
struct node_event {
	uint64_t seq; /* filled by events_emit() */
	int64_t wall_us; /* filled by events_emit() */
	const char *topic; /* "handover.completed" */
	const char *step; /* "7a", or NULL */
	struct imsi ue;
	uint32_t mme_ue_id;
	uint32_t enb; /* the eNodeB this is about (target of a handover, holder of a key) */
	uint32_t source; /* the other one: source of a handover */
	uint64_t gen;
	bool has_gen;
	uint32_t kid;
	const char *key; /* key name that `fp` belongs to */
	char fp[FINGERPRINT_LEN];
	int err; /* KH_E_*: becomes "cause" */
	int64_t duration_us;
	bool has_duration;
	char detail[EVENT_DETAIL_LEN]; /* more, as text; never key octets */

	/* Of a message that a trace tells (trace.h); NULL: of a procedure. */
	const struct message_row *message;
	const char *interface, *protection;
	uint32_t octets;
	char peer[ENDPOINT_TEXT_LEN];
};

/* Called for every event; the callee keeps nothing of it. */
typedef void events_sink_fn(void *arg, const struct node_event *e);

/* `node` is borrowed; ring of `ring` records (0: none), and another one of that size for messages. */
struct events *events_new(const char *node, size_t ring);
void events_free(struct events *ev);
/* Appends every event as a line of JSON to `path`. KH_E_CONFIG with errno set. */
int events_to_file(struct events *ev, const char *path) KH_MUST_CHECK;
enum events_sink { EVENTS_TO_CONTROL, EVENTS_TO_CAPTURE, EVENTS_SINKS };
void events_set_sink(struct events *ev, enum events_sink which, events_sink_fn *fn, void *arg);

/* False when nobody would see an event: do not compute fingerprints then. */
bool events_wanted(const struct events *ev);
/* Takes `e` (seq and time are filled in), keeps a copy. A NULL `ev` does nothing. */
void events_emit(struct events *ev, struct node_event *e);

uint64_t events_last_seq(const struct events *ev);
/* Oldest record still in a ring with seq > since; NULL when there is none. */
const struct node_event *events_after(const struct events *ev, uint64_t since);
/* The same for those who want no messages. */
const struct node_event *events_procedure_after(const struct events *ev, uint64_t since);
/* Highest number of a procedure's record that has left the ring; 0 when none has. */
uint64_t events_procedure_left(const struct events *ev);
/* New JSON object {topic, seq, ts, node, step, ue, ...}. */
struct json_t *event_json(const struct events *ev, const struct node_event *e);

#endif
