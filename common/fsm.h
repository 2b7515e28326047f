/* State machines as tables. A machine's own row type begins with struct fsm_rule and adds a typed action; its step
 * function finds the row, runs the action and hands the result to fsm_settle(), the only writer of a state:
 *
 *	FSM_ROW(IN(ACTIVE), EV_DETACH, rx_detach_request, UE_GONE, UE_ACTIVE),
 *
 * A second table says how long a state may last; fsm_settle() starts and ends the timers. */
#ifndef KEYHOP_FSM_H
#define KEYHOP_FSM_H

#include <stddef.h>
#include <stdint.h>

#include "log.h"

#define FSM_MASK(state) (1U << (state))

struct loop;
struct loop_timer;

struct fsm_rule {
	uint32_t states; /* mask of the states in which the row holds */
	uint8_t event;
	uint8_t ok; /* next state when the action gives 0 */
	uint8_t fail; /* next state when it gives an error */
	const char *action; /* its name, for those who draw the table */
};

#define FSM_ROW(states, event, fn, ok, fail) \
	{ \
		{states, event, ok, fail, #fn}, fn \
	}

/* The longest stay in a group of states; a change inside the group leaves the timer running. */
struct fsm_timeout {
	uint32_t states;
	size_t option; /* offset of its milliseconds (uint32_t) in the daemon's options */
	uint32_t (*ms)(const void *owner); /* or computed: back-off with jitter; 0 is for ever */
};

struct fsm {
	const char *name;
	enum log_cat cat;
	const char *const *states;
	const char *const *events;
	uint8_t state_count, event_count;
	const void *rows; /* of the machine's own type, struct fsm_rule first */
	size_t row_count, row_size;
	const struct fsm_timeout *timeouts; /* ends with {0}; may be NULL */
	void (*expired)(void *owner); /* steps the machine with its timeout event */
};

/* The machine `symbol`, out of what stands before it in its file: rows, timeouts, expired(). STATES and EVENTS are
 * lists of X(id, "name"). */
#define FSM_NAME(id, name) name,
/* clang-format off */
#define FSM_MACHINE(symbol, label, category, STATES, EVENTS) \
	static const char *const states[] = {STATES(FSM_NAME)}; \
	static const char *const events[] = {EVENTS(FSM_NAME)}; \
	const struct fsm symbol = { \
		.name = (label), \
		.cat = (category), \
		.states = states, \
		.events = events, \
		.state_count = sizeof states / sizeof states[0], \
		.event_count = sizeof events / sizeof events[0], \
		.rows = rows, \
		.row_count = sizeof rows / sizeof rows[0], \
		.row_size = sizeof rows[0], \
		.timeouts = timeouts, \
		.expired = expired, \
	}
/* clang-format on */

/* What an owner embeds. Zeroed: the first state, no timer. */
struct fsm_state {
	uint8_t now;
	struct loop_timer *timer;
};

/* Who is stepped. */
struct fsm_owner {
	struct fsm_state *state;
	void *owner; /* for `expired` and `ms` */
	const char *name; /* for the log */
	struct loop *loop;
	const void *options;
	uint32_t *counts; /* owners in each state but the first; may be NULL */
};

/* The row for state x event, or NULL: refused, nothing changes. */
const struct fsm_rule *fsm_find(const struct fsm *f, uint8_t state, uint8_t event);
/* Writes the next state, logs a change, and sees to the timer: it runs while the state has a timeout. */
void fsm_settle(const struct fsm *f, const struct fsm_owner *o, const struct fsm_rule *rule,
		int result);
/* Starts the timer of the first state, if that has one. Otherwise it waits for an event. */
void fsm_start(const struct fsm *f, const struct fsm_owner *o);
/* The timer has fired: to be called first by `expired`. */
void fsm_timer_fired(struct fsm_state *state);
/* Ends the timer, before the owner is freed, and counts it no more (`counts` as in struct fsm_owner). */
void fsm_stop(struct fsm_state *state, uint32_t *counts);
/* The timeout that covers `state`, or NULL. */
const struct fsm_timeout *fsm_timeout_of(const struct fsm *f, uint8_t state);
/* Row `i` of the table, for those who draw or test it. */
const struct fsm_rule *fsm_row(const struct fsm *f, size_t i);
const char *fsm_state_name(const struct fsm *f, uint8_t state);
const char *fsm_event_name(const struct fsm *f, uint8_t event);

#endif
