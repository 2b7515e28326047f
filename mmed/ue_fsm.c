#include "fsm.h"

#include "ue_fsm.h"

#define IN(state) FSM_MASK(UE_##state)
#define ATTACHING (IN(AUTHENTICATING) | IN(SECURING) | IN(CONTEXT_SETUP))
#define STAY(state, event, action) \
	{ \
		{IN(state), EV_##event, UE_##state, UE_##state}, action \
	}

static const struct ue_row rows[] = {
	/* Attach: EPS AKA, NAS security mode, first context. */
	{{IN(NEW), EV_ATTACH_REQUEST, UE_AUTHENTICATING, UE_GONE}, attach_rx_request},
	{{IN(AUTHENTICATING), EV_AUTH_RESPONSE, UE_SECURING, UE_GONE}, authentication_rx_response},
	{{IN(AUTHENTICATING), EV_AUTH_FAILURE, UE_AUTHENTICATING, UE_GONE},
	 authentication_rx_failure},
	{{IN(SECURING), EV_SMC_COMPLETE, UE_CONTEXT_SETUP, UE_GONE}, security_mode_rx_complete},
	{{IN(SECURING), EV_SMC_REJECT, UE_GONE, UE_GONE}, security_mode_rx_reject},
	{{IN(CONTEXT_SETUP), EV_ICS_RESPONSE, UE_ATTACHED, UE_GONE}, context_setup_rx_response},
	{{IN(CONTEXT_SETUP), EV_ICS_FAILURE, UE_GONE, UE_GONE}, context_setup_rx_failure},
	STAY(CONTEXT_SETUP, ATTACH_COMPLETE, attach_rx_complete),
	STAY(ATTACHED, ATTACH_COMPLETE, attach_rx_complete),
	{{ATTACHING, EV_TIMEOUT, UE_RELEASING, UE_GONE}, attach_timeout},

	/* Key lists and moves. */
	STAY(ATTACHED, NEIGHBOUR_LIST, neighbour_list_rx),
	STAY(ATTACHED, LOCATION_UPDATE, location_update_rx),
	STAY(ATTACHED, OP_HKEY, hkey_issue_by_operator),

	/* The end. */
	{{IN(ATTACHED), EV_DETACH_REQUEST, UE_RELEASING, UE_GONE}, detach_rx_request},
	{{IN(ATTACHED), EV_DETACH_ACCEPT, UE_RELEASING, UE_GONE}, detach_rx_accept},
	{{IN(ATTACHED), EV_OP_DETACH, UE_ATTACHED, UE_GONE}, detach_by_operator},
	{{IN(ATTACHED), EV_SUPERSEDED, UE_RELEASING, UE_GONE}, detach_superseded},
	{{ATTACHING | IN(ATTACHED), EV_RELEASE_REQUEST, UE_RELEASING, UE_GONE},
	 context_release_rx_request},
	{{IN(RELEASING), EV_RELEASE_COMPLETE, UE_GONE, UE_GONE}, context_release_rx_complete},
	{{ATTACHING | IN(NEW) | IN(ATTACHED) | IN(RELEASING), EV_ENB_LOST, UE_GONE, UE_GONE},
	 context_release_enb_lost},
};

static const char *const states[] = {
#define UE_STATE_NAME(id, name) name,
	UE_STATES(UE_STATE_NAME)
#undef UE_STATE_NAME
};

static const char *const events[] = {
#define UE_EVENT_NAME(id, name) name,
	UE_EVENTS(UE_EVENT_NAME)
#undef UE_EVENT_NAME
};

static const struct fsm ue_fsm = {
	.name = "mme-ue",
	.cat = LOG_MME,
	.states = states,
	.events = events,
	.state_count = UE_STATE_COUNT,
	.event_count = EV_COUNT,
	.rows = rows,
	.row_count = sizeof rows / sizeof rows[0],
	.row_size = sizeof rows[0],
};

int ue_step(struct mme *m, struct ue *ue, enum ue_event_id event, const struct ue_input *in)
{
	const struct fsm_rule *rule = fsm_find(&ue_fsm, ue->state, event);

	if (!rule) {
		node_refuse(&m->node, LOG_MME, KH_E_BAD_STATE, in->from ? in->from->name : NULL,
			    "ue=%s %s in state %s", ue_name(ue), events[event], states[ue->state]);
		return KH_E_BAD_STATE;
	}
	int err = ((const struct ue_row *)(const void *)rule)->action(m, ue, in);
	fsm_settle(&ue_fsm, &ue->state, rule, err, ue_name(ue));
	if (ue->state == UE_GONE)
		ue_free(m, ue);
	return err;
}

const char *ue_state_name(const struct ue *ue)
{
	return fsm_state_name(&ue_fsm, ue->state);
}
