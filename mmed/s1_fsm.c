#include "s1_fsm.h"

#define IN(state) FSM_MASK(S1_##state)
#define ROW(states, event, action, ok, fail) \
	FSM_ROW(states, S1_EV_##event, action, S1_##ok, S1_##fail)

/* clang-format off */
static const struct s1_fsm_row rows[] = {
	ROW(IN(TUNNEL), LINK_UP,       s1_link_up,          SETUP, GONE),
	ROW(IN(SETUP),  SETUP_REQUEST, s1_setup_rx_request, UP,    GONE),
	ROW(IN(SETUP),  TIMEOUT,       s1_setup_timeout,    GONE,  GONE),
	ROW(IN(UP),     MESSAGE,       s1_rx_message,       UP,    UP),
	ROW(IN(UP),     TIMEOUT,       s1_liveness,         UP,    GONE),
	ROW(IN(TUNNEL) | IN(SETUP) | IN(UP), LINK_DOWN, s1_link_down, GONE, GONE),
	ROW(IN(TUNNEL) | IN(SETUP) | IN(UP), DROP,      s1_drop,      GONE, GONE),
};

static const struct fsm_timeout timeouts[] = {
	{.states = IN(SETUP), .option = offsetof(struct mme_options, setup_timeout_ms)},
	{.states = IN(UP),    .option = offsetof(struct mme_options, liveness_interval_ms)},
	{0},
};
/* clang-format on */

static void expired(void *owner)
{
	struct s1_peer *p = owner;

	fsm_timer_fired(&p->fsm);
	(void)s1_step(p->mme, p, S1_EV_TIMEOUT, &(struct s1_input){.cause = KH_E_TIMEOUT});
}

FSM_MACHINE(mme_s1_fsm, "mme-s1", LOG_TUNNEL, S1_STATES, S1_EVENTS);

static int refuse(struct mme *m, struct s1_peer *p, enum s1_event_id event)
{
	int err = event == S1_EV_MESSAGE && p->fsm.now == S1_SETUP ? KH_E_SETUP_REQUIRED
								   : KH_E_BAD_STATE;

	node_refuse(&m->node, LOG_TUNNEL, err, p->name, "s1 %s in state %s", events[event],
		    states[p->fsm.now]);
	return err;
}

int s1_step(struct mme *m, struct s1_peer *p, enum s1_event_id event, const struct s1_input *in)
{
	const struct fsm_rule *rule = fsm_find(&mme_s1_fsm, p->fsm.now, event);
	const struct fsm_owner owner = {&p->fsm, p, p->name, m->node.loop, &m->opt};

	if (!rule)
		return refuse(m, p, event);
	int err = ((const struct s1_fsm_row *)(const void *)rule)->action(m, p, in);
	fsm_settle(&mme_s1_fsm, &owner, rule, err);
	if (p->fsm.now == S1_GONE)
		s1_free(m, p);
	return err;
}
