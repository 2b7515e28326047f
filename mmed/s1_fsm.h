/* An S1 association at the MME: its states, its events, and the one function that steps it. */
#ifndef KEYHOP_MMED_S1_FSM_H
#define KEYHOP_MMED_S1_FSM_H

#include "fsm.h"
#include "mme.h"

/* clang-format off */
#define S1_STATES(X) \
	X(TUNNEL, "tunnel") \
	X(SETUP, "setup") \
	X(UP, "up") \
	X(GONE, "gone")

#define S1_EVENTS(X) \
	X(LINK_UP, "link-up") \
	X(LINK_DOWN, "link-down") \
	X(SETUP_REQUEST, "s1_setup_request") \
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

typedef int s1_action(struct mme *m, struct s1_peer *p, const struct s1_input *in);

struct s1_fsm_row {
	struct fsm_rule rule; /* first */
	s1_action *action;
};

/* Runs the row of state x event. KH_E_SETUP_REQUIRED or KH_E_BAD_STATE, made known, when there is none. The peer
 * is freed and its link closed when it comes to S1_GONE: do not use `p` afterwards. */
int s1_step(struct mme *m, struct s1_peer *p, enum s1_event_id event, const struct s1_input *in);
extern const struct fsm mme_s1_fsm;

/* Actions, by file. */
s1_action s1_link_up, s1_link_down, s1_drop, s1_liveness;
s1_action s1_setup_rx_request, s1_setup_timeout;
s1_action s1_rx_message;

#endif
