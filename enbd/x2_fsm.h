/* An X2 association: its states, its events, and the one function that steps it. */
#ifndef KEYHOP_ENBD_X2_FSM_H
#define KEYHOP_ENBD_X2_FSM_H

#include "enb.h"
#include "fsm.h"

/* clang-format off */
#define X2_STATES(X) \
	X(NEW, "new") \
	X(CONNECTING, "connecting") \
	X(ACCEPTED, "accepted") \
	X(REQUESTED, "requested") \
	X(SETUP, "setup") \
	X(UP, "up") \
	X(GONE, "gone")

#define X2_EVENTS(X) \
	X(CONNECT, "connect") \
	X(ACCEPT, "accept") \
	X(LINK_UP, "link-up") \
	X(LINK_DOWN, "link-down") \
	X(SETUP_REQUEST, "x2_setup_request") \
	X(SETUP_RESPONSE, "x2_setup_response") \
	X(SETUP_FAILURE, "x2_setup_failure") \
	X(MESSAGE, "other message") \
	X(DROP, "drop") \
	X(TIMEOUT, "timeout")
/* clang-format on */

enum x2_state {
#define X2_STATE_ENUM(id, name) X2_##id,
	X2_STATES(X2_STATE_ENUM)
#undef X2_STATE_ENUM
		X2_STATE_COUNT
};

enum x2_event_id {
#define X2_EVENT_ENUM(id, name) X2_EV_##id,
	X2_EVENTS(X2_EVENT_ENUM)
#undef X2_EVENT_ENUM
		X2_EV_COUNT
};

struct x2_row;

/* What came with an event; only what the event has is set. */
struct x2_input {
	const Keyhop__X2__X2 *x2;
	const struct x2_row *row; /* of the dispatch table, with x2 */
	struct neighbour *nb; /* CONNECT */
	struct conn *conn; /* ACCEPT */
	const struct endpoint *from; /* ACCEPT */
	int cause;
	const char *detail; /* of LINK_DOWN */
};

typedef int x2_action(struct enb *e, struct x2_peer *p, const struct x2_input *in);

struct x2_fsm_row {
	struct fsm_rule rule; /* first */
	x2_action *action;
};

/* Runs the row of state x event. KH_E_SETUP_REQUIRED or KH_E_BAD_STATE, made known, when there is none. The peer
 * is freed and its link closed when it comes to X2_GONE: do not use `p` afterwards. */
int x2_step(struct x2_peer *p, enum x2_event_id event, const struct x2_input *in);
extern const struct fsm enb_x2_fsm;

/* Actions, by file. */
x2_action x2_begin_connect, x2_begin_accept, x2_link_up, x2_link_down, x2_drop, x2_setup_timeout,
	x2_liveness;
x2_action x2_setup_tx_request, x2_setup_rx_request, x2_setup_rx_response, x2_setup_rx_failure;
x2_action x2_rx_message;

#endif
