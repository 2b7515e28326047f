#include "x2_fsm.h"

#define IN(state) FSM_MASK(X2_##state)
#define ALIVE (IN(CONNECTING) | IN(ACCEPTED) | IN(REQUESTED) | IN(SETUP) | IN(UP))
#define ROW(states, event, action, ok, fail) \
	FSM_ROW(states, X2_EV_##event, action, X2_##ok, X2_##fail)

/* clang-format off */
static const struct x2_fsm_row rows[] = {
	ROW(IN(NEW),        CONNECT,        x2_begin_connect,     CONNECTING, GONE),
	ROW(IN(NEW),        ACCEPT,         x2_begin_accept,      ACCEPTED,   GONE),
	ROW(IN(CONNECTING), LINK_UP,        x2_setup_tx_request,  REQUESTED,  GONE),
	ROW(IN(ACCEPTED),   LINK_UP,        x2_link_up,           SETUP,      GONE),
	ROW(IN(SETUP),      SETUP_REQUEST,  x2_setup_rx_request,  UP,         GONE),
	ROW(IN(REQUESTED),  SETUP_RESPONSE, x2_setup_rx_response, UP,         GONE),
	ROW(IN(REQUESTED),  SETUP_FAILURE,  x2_setup_rx_failure,  GONE,       GONE),
	ROW(IN(SETUP) | IN(REQUESTED), TIMEOUT, x2_setup_timeout, GONE,       GONE),
	ROW(IN(UP),         MESSAGE,        x2_rx_message,        UP,         UP),
	ROW(IN(UP),         TIMEOUT,        x2_liveness,          UP,         GONE),
	ROW(ALIVE,          LINK_DOWN,      x2_link_down,         GONE,       GONE),
	ROW(ALIVE,          DROP,           x2_drop,              GONE,       GONE),
};

static const struct fsm_timeout timeouts[] = {
	{.states = IN(SETUP) | IN(REQUESTED), .option = offsetof(struct enb_options, association_timeout_ms)},
	{.states = IN(UP),                    .option = offsetof(struct enb_options, liveness_interval_ms)},
	{0},
};
/* clang-format on */

static void expired(void *owner)
{
	struct x2_peer *p = owner;

	fsm_timer_fired(&p->fsm);
	(void)x2_step(p, X2_EV_TIMEOUT, &(struct x2_input){.cause = KH_E_TIMEOUT});
}

FSM_MACHINE(enb_x2_fsm, "enb-x2", LOG_X2, X2_STATES, X2_EVENTS);

static int refuse(struct x2_peer *p, enum x2_event_id event)
{
	int err = event == X2_EV_MESSAGE ? KH_E_SETUP_REQUIRED : KH_E_BAD_STATE;

	node_refuse(&p->enb->node, LOG_X2, err, p->name, "x2 %s in state %s", events[event],
		    states[p->fsm.now]);
	return err;
}

int x2_step(struct x2_peer *p, enum x2_event_id event, const struct x2_input *in)
{
	struct enb *e = p->enb;
	const struct fsm_rule *rule = fsm_find(&enb_x2_fsm, p->fsm.now, event);
	const struct fsm_owner owner = {&p->fsm, p, p->name, e->node.loop, &e->opt};

	if (!rule)
		return refuse(p, event);
	int err = ((const struct x2_fsm_row *)(const void *)rule)->action(e, p, in);
	fsm_settle(&enb_x2_fsm, &owner, rule, err);
	if (p->fsm.now == X2_GONE)
		x2_free(p);
	return err;
}
