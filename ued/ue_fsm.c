#include "ue_fsm.h"

#define IN(state) FSM_MASK(UE_##state)
#define TRYING (IN(CONNECTING) | IN(ATTACHING))
#define STAY(state, event, action) \
	{ \
		{IN(state), EV_##event, UE_##state, UE_##state}, action \
	}

static const struct ue_row rows[] = {
	/* Attach: RRC connection, EPS AKA, NAS and AS security. */
	{{IN(DETACHED), EV_OP_ATTACH, UE_CONNECTING, UE_DETACHED}, attach_start},
	{{IN(CONNECTING), EV_RRC_SETUP, UE_ATTACHING, UE_DETACHED}, attach_rx_setup},
	{{IN(CONNECTING), EV_RRC_REJECT, UE_DETACHED, UE_DETACHED}, attach_rx_reject_rrc},
	STAY(ATTACHING, AUTH_REQUEST, authentication_rx_request),
	{{IN(ATTACHING), EV_AUTH_REJECT, UE_DETACHED, UE_DETACHED}, authentication_rx_reject},
	STAY(ATTACHING, NAS_SMC, security_mode_rx_nas),
	STAY(ATTACHING, RRC_SMC, security_mode_rx_rrc),
	STAY(ATTACHING, RECONFIGURATION, security_mode_rx_reconfiguration),
	{{IN(ATTACHING), EV_ATTACH_ACCEPT, UE_ATTACHED, UE_DETACHED}, attach_rx_accept},
	{{IN(ATTACHING), EV_ATTACH_REJECT, UE_DETACHED, UE_DETACHED}, attach_rx_reject},
	{{TRYING, EV_TIMEOUT, UE_DETACHED, UE_DETACHED}, attach_timeout},

	/* Step 5. */
	STAY(ATTACHED, HKEY, hkey_delivery_rx),

	/* Steps 9, 9a, 9b, 10, and the way back. */
	{{IN(ATTACHED), EV_HO_COMMAND, UE_MOVING, UE_ATTACHED}, ho_execute_rx_command},
	{{IN(MOVING), EV_HO_ACK, UE_ATTACHED, UE_ATTACHED}, ho_execute_rx_ack},
	{{IN(MOVING), EV_TIMEOUT, UE_RETURNING, UE_DETACHED}, ho_execute_timeout},
	{{IN(MOVING), EV_RADIO_LOST, UE_RETURNING, UE_DETACHED}, ho_execute_timeout},
	{{IN(RETURNING), EV_REEST, UE_ATTACHED, UE_DETACHED}, reestablishment_rx},
	{{IN(RETURNING), EV_REEST_REJECT, UE_DETACHED, UE_DETACHED}, reestablishment_rx_reject},
	{{IN(RETURNING), EV_TIMEOUT, UE_DETACHED, UE_DETACHED}, attach_timeout},

	/* The end. */
	{{IN(ATTACHED), EV_OP_DETACH, UE_DETACHING, UE_ATTACHED}, detach_start},
	STAY(ATTACHED, NAS_DETACH, detach_rx_request),
	STAY(DETACHING, DETACH_ACCEPT, detach_rx_accept),
	{{IN(DETACHING), EV_TIMEOUT, UE_DETACHED, UE_DETACHED}, detach_timeout},
	{{TRYING | IN(ATTACHED) | IN(DETACHING), EV_RELEASE, UE_DETACHED, UE_DETACHED},
	 context_release_rx},
	{{TRYING | IN(ATTACHED) | IN(RETURNING) | IN(DETACHING), EV_RADIO_LOST, UE_DETACHED,
	  UE_DETACHED},
	 attach_lost},
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
	.name = "ue",
	.cat = LOG_NAS,
	.states = states,
	.events = events,
	.state_count = UE_STATE_COUNT,
	.event_count = EV_COUNT,
	.rows = rows,
	.row_count = sizeof rows / sizeof rows[0],
	.row_size = sizeof rows[0],
};

int ue_step(struct ue *ue, enum ue_event_id event, const struct ue_input *in)
{
	const struct fsm_rule *rule = fsm_find(&ue_fsm, ue->state, event);

	if (!rule) {
		node_refuse(&ue->node->node, LOG_NAS, KH_E_BAD_STATE, ue->imsi.s, "%s in state %s",
			    events[event], states[ue->state]);
		return KH_E_BAD_STATE;
	}
	int err = ((const struct ue_row *)(const void *)rule)->action(ue->node, ue, in);
	fsm_settle(&ue_fsm, &ue->state, rule, err, ue->imsi.s);
	if (ue->state == UE_DETACHED) {
		ue_forget_security(ue);
		ue_answer(ue, err ? err : in->cause);
	} else if (event == EV_ATTACH_ACCEPT) {
		ue_answer(ue, 0);
	}
	return err;
}

const char *ue_state_name(const struct ue *ue)
{
	return fsm_state_name(&ue_fsm, ue->state);
}
