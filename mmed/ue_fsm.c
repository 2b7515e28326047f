#include "ue_fsm.h"

#define IN(state) FSM_MASK(UE_##state)
#define ATTACHING (IN(AUTHENTICATING) | IN(SECURING) | IN(CONTEXT_SETUP))
#define REGISTERED (IN(ATTACHED) | IN(DETACHING))
#define ROW(states, event, action, ok, fail) FSM_ROW(states, EV_##event, action, UE_##ok, UE_##fail)
#define STAY(state, event, action) ROW(IN(state), event, action, state, state)

/* clang-format off */
static const struct ue_row rows[] = {
	/* Attach: EPS AKA, NAS security mode, first context. */
	ROW(IN(NEW),            ATTACH_REQUEST,   attach_rx_request,           AUTHENTICATING, GONE),
	ROW(IN(AUTHENTICATING), AUTH_RESPONSE,    authentication_rx_response,  SECURING,       GONE),
	ROW(IN(AUTHENTICATING), AUTH_FAILURE,     authentication_rx_failure,   AUTHENTICATING, GONE),
	ROW(IN(SECURING),       SMC_COMPLETE,     security_mode_rx_complete,   CONTEXT_SETUP,  GONE),
	ROW(IN(SECURING),       SMC_REJECT,       security_mode_rx_reject,     GONE,           GONE),
	ROW(IN(CONTEXT_SETUP),  ICS_RESPONSE,     context_setup_rx_response,   ATTACHED,       GONE),
	ROW(IN(CONTEXT_SETUP),  ICS_FAILURE,      context_setup_rx_failure,    GONE,           GONE),
	STAY(CONTEXT_SETUP,     ATTACH_COMPLETE,  attach_rx_complete),
	STAY(ATTACHED,          ATTACH_COMPLETE,  attach_rx_complete),
	STAY(DETACHING,         ATTACH_COMPLETE,  attach_rx_complete),
	ROW(ATTACHING,          TIMEOUT,          attach_timeout,              RELEASING,      GONE),

	/* Key lists and moves. */
	STAY(ATTACHED,          NEIGHBOUR_LIST,   neighbour_list_rx),
	STAY(ATTACHED,          LOCATION_UPDATE,  location_update_rx),
	STAY(ATTACHED,          OP_HKEY,          hkey_issue_by_operator),
	STAY(ATTACHED,          LIST_RENEWAL,     list_renew),
	STAY(DETACHING,         NEIGHBOUR_LIST,   neighbour_list_rx),
	STAY(DETACHING,         LOCATION_UPDATE,  location_update_rx),

	/* After a restart of mmed. */
	ROW(IN(NEW),            RESTORED,         contexts_restore,            ATTACHED,       GONE),

	/* The end. */
	ROW(REGISTERED,         DETACH_REQUEST,   detach_rx_request,           RELEASING,      GONE),
	ROW(REGISTERED,         DETACH_ACCEPT,    detach_rx_accept,            RELEASING,      GONE),
	ROW(REGISTERED,         OP_DETACH,        detach_by_operator,          DETACHING,      GONE),
	ROW(IN(DETACHING),      TIMEOUT,          detach_again,                DETACHING,      RELEASING),
	ROW(ATTACHING | REGISTERED, SUPERSEDED,   detach_superseded,           RELEASING,      GONE),
	ROW(ATTACHING | REGISTERED, RELEASE_REQUEST, context_release_rx_request, RELEASING,    GONE),
	ROW(IN(RELEASING),      RELEASE_COMPLETE, context_release_rx_complete, GONE,           GONE),
	ROW(IN(RELEASING),      TIMEOUT,          context_release_again,       RELEASING,      GONE),
	ROW(IN(NEW) | ATTACHING | REGISTERED | IN(RELEASING), ENB_LOST, context_release_enb_lost, GONE, GONE),
};

static const struct fsm_timeout timeouts[] = {
	{.states = ATTACHING,     .option = offsetof(struct mme_options, attach_timeout_ms)},
	{.states = IN(DETACHING), .option = offsetof(struct mme_options, detach_timeout_ms)},
	{.states = IN(RELEASING), .option = offsetof(struct mme_options, release_timeout_ms)},
	{0},
};
/* clang-format on */

static void expired(void *owner)
{
	struct ue *ue = owner;

	fsm_timer_fired(&ue->fsm);
	ue_step(ue->mme, ue, EV_TIMEOUT, &(struct ue_input){.cause = KH_E_TIMEOUT});
}

FSM_MACHINE(mme_ue_fsm, "mme-ue", LOG_MME, UE_STATES, UE_EVENTS);

int ue_step(struct mme *m, struct ue *ue, enum ue_event_id event, const struct ue_input *in)
{
	const struct fsm_rule *rule = fsm_find(&mme_ue_fsm, ue->fsm.now, event);
	const struct fsm_owner owner = {&ue->fsm,     ue,      ue_name(ue),
					m->node.loop, &m->opt, m->node.metrics.ue_states};

	if (!rule) {
		node_refuse(&m->node, LOG_MME, KH_E_BAD_STATE, in->from ? in->from->name : NULL,
			    "ue=%s %s in state %s", ue_name(ue), events[event],
			    states[ue->fsm.now]);
		return KH_E_BAD_STATE;
	}
	int err = ((const struct ue_row *)(const void *)rule)->action(m, ue, in);
	fsm_settle(&mme_ue_fsm, &owner, rule, err);
	if (ue->fsm.now == UE_GONE)
		ue_free(m, ue);
	else
		contexts_touch_ue(m, ue);
	return err;
}

bool ue_is_registered(const struct ue *ue)
{
	return (REGISTERED & FSM_MASK(ue->fsm.now)) != 0;
}

const char *ue_state_name(const struct ue *ue)
{
	return fsm_state_name(&mme_ue_fsm, ue->fsm.now);
}
