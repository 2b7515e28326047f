#include "ue_fsm.h"

#define IN(state) FSM_MASK(UE_##state)
#define TRYING (IN(CONNECTING) | IN(ATTACHING))
#define ALIVE (TRYING | IN(ATTACHED) | IN(MOVING) | IN(RETURNING) | IN(DETACHING))
#define ROW(states, event, action, ok, fail) FSM_ROW(states, EV_##event, action, UE_##ok, UE_##fail)
#define STAY(state, event, action) ROW(IN(state), event, action, state, state)

/* clang-format off */
static const struct ue_row rows[] = {
	/* Attach: RRC connection, EPS AKA, NAS and AS security. */
	ROW(IN(DETACHED),   OP_ATTACH,       attach_start,              CONNECTING, DETACHED),
	ROW(IN(DETACHED),   TIMEOUT,         attach_again,              CONNECTING, DETACHED),
	ROW(IN(CONNECTING), RRC_SETUP,       attach_rx_setup,           ATTACHING,  DETACHED),
	ROW(IN(CONNECTING), RRC_REJECT,      attach_rx_reject_rrc,      DETACHED,   DETACHED),
	STAY(ATTACHING,     AUTH_REQUEST,    authentication_rx_request),
	ROW(IN(ATTACHING),  AUTH_REJECT,     authentication_rx_reject,  DETACHED,   DETACHED),
	STAY(ATTACHING,     NAS_SMC,         security_mode_rx_nas),
	STAY(ATTACHING,     RRC_SMC,         security_mode_rx_rrc),
	STAY(ATTACHING,     RECONFIGURATION, security_mode_rx_reconfiguration),
	ROW(IN(ATTACHING),  ATTACH_ACCEPT,   attach_rx_accept,          ATTACHED,   DETACHED),
	ROW(IN(ATTACHING),  ATTACH_REJECT,   attach_rx_reject,          DETACHED,   DETACHED),
	ROW(TRYING,         TIMEOUT,         attach_timeout,            DETACHED,   DETACHED),

	/* Step 5. */
	STAY(ATTACHED,      HKEY,            hkey_delivery_rx),

	/* Steps 9, 9a, 9b, 10 (sent again until it is acknowledged), and the way back. */
	ROW(IN(ATTACHED),   HO_COMMAND,      ho_execute_rx_command,     MOVING,     ATTACHED),
	ROW(IN(MOVING),     HO_ACK,          ho_execute_rx_ack,         ATTACHED,   ATTACHED),
	ROW(IN(MOVING),     TIMEOUT,         ho_execute_timeout,        MOVING,     RETURNING),
	ROW(IN(MOVING),     RADIO_LOST,      ho_execute_return,         RETURNING,  DETACHED),
	ROW(IN(RETURNING),  REEST,           reestablishment_rx,        ATTACHED,   DETACHED),
	ROW(IN(RETURNING),  REEST_REJECT,    reestablishment_rx_reject, DETACHED,   DETACHED),
	ROW(IN(RETURNING),  TIMEOUT,         attach_timeout,            DETACHED,   DETACHED),

	/* Its cell has no grant for it: is it known there? */
	ROW(IN(ATTACHED),   RADIO_FAILURE,   reestablishment_start,     RETURNING,  DETACHED),
	ROW(IN(ATTACHING) | IN(DETACHING), RADIO_FAILURE, attach_lost,  DETACHED,   DETACHED),

	/* The end. */
	ROW(IN(ATTACHED),   OP_DETACH,       detach_start,              DETACHING,  ATTACHED),
	ROW(IN(ATTACHED) | IN(DETACHING), NAS_DETACH, detach_rx_request,     DETACHING,  DETACHING),
	STAY(DETACHING,     DETACH_ACCEPT,   detach_rx_accept),
	ROW(IN(DETACHING),  TIMEOUT,         detach_timeout,            DETACHING,  DETACHED),
	ROW(ALIVE,          RELEASE,         context_release_rx,        DETACHED,   DETACHED),
	ROW(TRYING | IN(ATTACHED) | IN(RETURNING) | IN(DETACHING), RADIO_LOST, attach_lost, DETACHED, DETACHED),
};

static const struct fsm_timeout timeouts[] = {
	{.states = IN(DETACHED),  .ms = attach_backoff_ms},
	{.states = TRYING,        .option = offsetof(struct ued_options, attach_timeout_ms)},
	{.states = IN(MOVING),    .option = offsetof(struct ued_options, confirm_timeout_ms)},
	{.states = IN(RETURNING), .option = offsetof(struct ued_options, confirm_timeout_ms)},
	{.states = IN(DETACHING), .option = offsetof(struct ued_options, detach_timeout_ms)},
	{0},
};
/* clang-format on */

static void expired(void *owner)
{
	struct ue *ue = owner;

	fsm_timer_fired(&ue->fsm);
	(void)ue_step(ue, EV_TIMEOUT, &(struct ue_input){.cause = KH_E_TIMEOUT});
}

FSM_MACHINE(ued_ue_fsm, "ue", LOG_NAS, UE_STATES, UE_EVENTS);

static struct fsm_owner owner_of(struct ue *ue)
{
	struct ue_node *u = ue->node;

	return (struct fsm_owner){&ue->fsm,	ue,	 ue->imsi.s,
				  u->node.loop, &u->opt, u->node.metrics.ue_states};
}

void ue_start(struct ue *ue)
{
	const struct fsm_owner owner = owner_of(ue);

	fsm_start(&ued_ue_fsm, &owner);
}

int ue_step(struct ue *ue, enum ue_event_id event, const struct ue_input *in)
{
	struct ue_node *u = ue->node;
	const struct fsm_rule *rule = fsm_find(&ued_ue_fsm, ue->fsm.now, event);
	const struct fsm_owner owner = owner_of(ue);

	if (!rule) {
		node_refuse(&u->node, LOG_NAS, KH_E_BAD_STATE, ue->imsi.s, "%s in state %s",
			    events[event], states[ue->fsm.now]);
		return KH_E_BAD_STATE;
	}
	int err = ((const struct ue_row *)(const void *)rule)->action(u, ue, in);
	fsm_settle(&ued_ue_fsm, &owner, rule, err);
	traffic_settled(ue);
	if (ue->fsm.now == UE_DETACHED) {
		ue_forget_security(ue);
		ue_answer(ue, err ? err : in->cause);
	} else if (event == EV_ATTACH_ACCEPT) {
		ue_answer(ue, 0);
	}
	return err;
}

const char *ue_state_name(const struct ue *ue)
{
	return fsm_state_name(&ued_ue_fsm, ue->fsm.now);
}
