/* The association with the MME: its states, its events, and the one function that steps it. */
#ifndef KEYHOP_ENBD_S1_FSM_H
#define KEYHOP_ENBD_S1_FSM_H

#include "enb.h"
#include "fsm.h"

/* clang-format off */
#define S1_STATES(X) \
	X(DOWN, "down") \
	X(CONNECTING, "connecting") \
	X(SETUP, "setup") \
	X(UP, "up")

#define S1_EVENTS(X) \
	X(CONNECT, "connect") \
	X(LINK_UP, "link-up") \
	X(LINK_DOWN, "link-down") \
	X(SETUP_RESPONSE, "s1_setup_response") \
	X(SETUP_FAILURE, "s1_setup_failure") \
	X(MESSAGE, "other message") \
	X(DROP, "drop") \
	X(TIMEOUT, "timeout")
/* clang-format on */

enum s1_state {
#define S1_STATE_ENUM(id, name) S1_##id,
	S1_STATES(S1_STATE_ENUM)
#undef S1_STATE_ENUM
		S1_STATE_COUNT
};

enum s1_event_id {
#define S1_EVENT_ENUM(id, name) S1_EV_##id,
	S1_EVENTS(S1_EVENT_ENUM)
#undef S1_EVENT_ENUM
		S1_EV_COUNT
};

struct s1_row;

/* What came with an event; only what the event has is set. */
struct s1_input {
	const Keyhop__S1__S1 *s1;
	const struct s1_row *row; /* of the dispatch table, with s1 */
	int cause;
	const char *detail; /* of LINK_DOWN */
};

typedef int s1_action(struct enb *e, const struct s1_input *in);

struct s1_fsm_row {
	struct fsm_rule rule; /* first */
	s1_action *action;
};

/* Runs the row of state x event. KH_E_SETUP_REQUIRED or KH_E_BAD_STATE, made known, when there is none. In S1_DOWN
 * there is no link. */
int s1_step(struct enb *e, enum s1_event_id event, const struct s1_input *in);
extern const struct fsm enb_s1_fsm;

/* Actions, by file. */
s1_action s1_connect, s1_link_up, s1_link_down, s1_drop, s1_setup_timeout, s1_liveness;
s1_action s1_setup_rx_response, s1_setup_rx_failure;
s1_action s1_rx_message;

/* random(base, min(cap, base * 2^attempts)): many eNodeBs do not come back in the same instant. */
uint32_t s1_backoff_ms(const void *enb);

#endif
