#include "s1_fsm.h"

#include "link.h"

#define IN(state) FSM_MASK(S1_##state)
#define ROW(states, event, action, ok, fail) \
	FSM_ROW(states, S1_EV_##event, action, S1_##ok, S1_##fail)

/* clang-format off */
static const struct s1_fsm_row rows[] = {
	ROW(IN(DOWN),       CONNECT,        s1_connect,           CONNECTING, DOWN),
	ROW(IN(DOWN),       TIMEOUT,        s1_connect,           CONNECTING, DOWN),
	ROW(IN(CONNECTING), LINK_UP,        s1_link_up,           SETUP,      DOWN),
	ROW(IN(SETUP),      SETUP_RESPONSE, s1_setup_rx_response, UP,         DOWN),
	ROW(IN(SETUP),      SETUP_FAILURE,  s1_setup_rx_failure,  DOWN,       DOWN),
	ROW(IN(SETUP),      TIMEOUT,        s1_setup_timeout,     DOWN,       DOWN),
	ROW(IN(UP),         MESSAGE,        s1_rx_message,        UP,         UP),
	ROW(IN(UP),         TIMEOUT,        s1_liveness,          UP,         DOWN),
	ROW(IN(CONNECTING) | IN(SETUP) | IN(UP), LINK_DOWN, s1_link_down, DOWN, DOWN),
	ROW(IN(CONNECTING) | IN(SETUP) | IN(UP), DROP,      s1_drop,      DOWN, DOWN),
};

static const struct fsm_timeout timeouts[] = {
	{.states = IN(DOWN),  .ms = s1_backoff_ms},
	{.states = IN(SETUP), .option = offsetof(struct enb_options, association_timeout_ms)},
	{.states = IN(UP),    .option = offsetof(struct enb_options, liveness_interval_ms)},
	{0},
};
/* clang-format on */

static void expired(void *owner)
{
	struct enb *e = owner;

	fsm_timer_fired(&e->s1.fsm);
	(void)s1_step(e, S1_EV_TIMEOUT, &(struct s1_input){.cause = KH_E_TIMEOUT});
}

FSM_MACHINE(enb_s1_fsm, "enb-s1", LOG_TUNNEL, S1_STATES, S1_EVENTS);

static int refuse(struct enb *e, enum s1_event_id event)
{
	int err = event == S1_EV_MESSAGE ? KH_E_SETUP_REQUIRED : KH_E_BAD_STATE;

	node_refuse(&e->node, LOG_TUNNEL, err, "mme", "s1 %s in state %s", events[event],
		    states[e->s1.fsm.now]);
	return err;
}

int s1_step(struct enb *e, enum s1_event_id event, const struct s1_input *in)
{
	const struct fsm_rule *rule = fsm_find(&enb_s1_fsm, e->s1.fsm.now, event);
	const struct fsm_owner owner = {&e->s1.fsm, e, "s1", e->node.loop, &e->opt};
	bool was_up = e->s1.fsm.now == S1_UP;

	if (!rule)
		return refuse(e, event);
	int err = ((const struct s1_fsm_row *)(const void *)rule)->action(e, in);
	fsm_settle(&enb_s1_fsm, &owner, rule, err);
	if (e->s1.fsm.now == S1_DOWN)
		s1_gone(e, was_up);
	else if (e->s1.fsm.now == S1_UP && !was_up)
		s1_back(e);
	return err;
}
