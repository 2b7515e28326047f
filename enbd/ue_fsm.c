#include "ue_fsm.h"

#define IN(state) FSM_MASK(UE_##state)
#define SERVING (IN(ACTIVE) | IN(WAITING) | IN(PREPARING))
#define ATTACHING (IN(SETUP) | IN(CONNECTED) | IN(SECURING) | IN(CONFIGURING))
#define STAY(state, event, action) \
	{ \
		{IN(state), EV_##event, UE_##state, UE_##state}, action \
	}

static const struct ue_row rows[] = {
	/* RRC connection, NAS relay, first context. */
	{{IN(SETUP), EV_SETUP_COMPLETE, UE_CONNECTED, UE_GONE}, attach_rx_setup_complete},
	STAY(CONNECTED, UL_NAS, nas_relay_rx_uplink),
	STAY(ACTIVE, UL_NAS, nas_relay_rx_uplink),
	STAY(WAITING, UL_NAS, nas_relay_rx_uplink),
	STAY(PREPARING, UL_NAS, nas_relay_rx_uplink),
	STAY(CONNECTED, DL_NAS, nas_relay_rx_downlink),
	STAY(CONFIGURING, DL_NAS, nas_relay_rx_downlink),
	STAY(ACTIVE, DL_NAS, nas_relay_rx_downlink),
	STAY(WAITING, DL_NAS, nas_relay_rx_downlink),
	STAY(PREPARING, DL_NAS, nas_relay_rx_downlink),
	{{IN(CONNECTED), EV_ICS_REQUEST, UE_SECURING, UE_GONE}, context_setup_rx_request},
	{{IN(SECURING), EV_SMC_COMPLETE, UE_CONFIGURING, UE_GONE}, context_setup_rx_smc_complete},
	{{IN(SECURING), EV_SMC_FAILURE, UE_GONE, UE_GONE}, context_setup_rx_smc_failure},
	{{IN(CONFIGURING), EV_RECONF_COMPLETE, UE_ACTIVE, UE_GONE}, context_setup_rx_reconfigured},
	{{ATTACHING, EV_TIMEOUT, UE_GONE, UE_GONE}, attach_timeout},

	/* Key lists: 4, 13. */
	STAY(ACTIVE, KEY_LIST, neighbour_list_rx_keys),
	STAY(WAITING, KEY_LIST, neighbour_list_rx_keys),
	STAY(PREPARING, KEY_LIST, neighbour_list_rx_keys),
	STAY(ACTIVE, NEW_KEY_LIST, neighbour_list_rx_keys),
	STAY(WAITING, NEW_KEY_LIST, neighbour_list_rx_keys),
	STAY(PREPARING, NEW_KEY_LIST, neighbour_list_rx_keys),
	STAY(ACTIVE, LIST_FAILURE, neighbour_list_rx_failure),
	STAY(WAITING, LIST_FAILURE, neighbour_list_rx_failure),
	STAY(PREPARING, LIST_FAILURE, neighbour_list_rx_failure),

	/* Source: 6, 6a, 7, 8, 9, 11. */
	STAY(ACTIVE, MEASUREMENT, measurement_rx_report),
	{{IN(ACTIVE), EV_HO_WAIT, UE_WAITING, UE_ACTIVE}, ho_prepare_wait},
	{{IN(ACTIVE) | IN(WAITING), EV_HO_REQUEST, UE_PREPARING, UE_ACTIVE}, ho_prepare_tx_request},
	{{IN(WAITING), EV_TIMEOUT, UE_ACTIVE, UE_ACTIVE}, ho_wait_timeout},
	{{IN(WAITING), EV_OP_CANCEL, UE_ACTIVE, UE_ACTIVE}, ho_wait_timeout},
	{{IN(PREPARING), EV_HO_RESPONSE, UE_LEAVING, UE_ACTIVE}, ho_execute_tx_command},
	{{IN(PREPARING), EV_HO_REFUSED, UE_ACTIVE, UE_ACTIVE}, ho_prepare_rx_failure},
	{{IN(PREPARING), EV_TIMEOUT, UE_ACTIVE, UE_ACTIVE}, ho_prepare_timeout},
	{{IN(PREPARING), EV_OP_CANCEL, UE_ACTIVE, UE_ACTIVE}, ho_prepare_cancel},
	{{IN(LEAVING), EV_HO_COMPLETE, UE_GONE, UE_GONE}, ho_complete_rx},
	{{IN(LEAVING), EV_HO_FAILURE, UE_ACTIVE, UE_ACTIVE}, ho_execute_rx_ue_failure},
	{{IN(LEAVING), EV_REEST_REQUEST, UE_ACTIVE, UE_LEAVING}, reestablishment_rx_request},
	{{IN(LEAVING), EV_TIMEOUT, UE_GONE, UE_GONE}, ho_complete_timeout},
	STAY(LEAVING, RADIO_LOST, ho_execute_radio_lost),
	STAY(ACTIVE, REEST_COMPLETE, reestablishment_rx_complete),

	/* Target: after 7 and 8, then 10. */
	{{IN(ARRIVING), EV_HO_CONFIRM, UE_ACTIVE, UE_ARRIVING}, ho_execute_rx_confirm},
	{{IN(ARRIVING), EV_HO_CANCEL, UE_GONE, UE_GONE}, ho_execute_cancelled},
	{{IN(ARRIVING), EV_TIMEOUT, UE_GONE, UE_GONE}, ho_execute_arrival_timeout},

	/* The end. */
	{{ATTACHING | SERVING | IN(LEAVING), EV_RELEASE_COMMAND, UE_GONE, UE_GONE},
	 context_release_rx_command},
	{{SERVING, EV_OP_RELEASE, UE_GONE, UE_GONE}, context_release_by_operator},
	{{ATTACHING | SERVING, EV_RADIO_LOST, UE_GONE, UE_GONE}, context_release_radio_lost},
	{{IN(ARRIVING), EV_RELEASE_COMMAND, UE_GONE, UE_GONE}, context_release_silent},
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
	.name = "enb-ue",
	.cat = LOG_HO,
	.states = states,
	.events = events,
	.state_count = UE_STATE_COUNT,
	.event_count = EV_COUNT,
	.rows = rows,
	.row_count = sizeof rows / sizeof rows[0],
	.row_size = sizeof rows[0],
};

/* What an action decided but may not do itself, as only the table names states. */
static void follow_up(struct ue *ue)
{
	uint32_t target = ue->decided;

	ue->decided = 0;
	if (ue->state == UE_WAITING)
		ho_resume(ue);
	else if (target && ue->state == UE_ACTIVE)
		(void)ho_start(ue, target, NULL, true);
}

int ue_step(struct ue *ue, enum ue_event_id event, const struct ue_input *in)
{
	struct enb *e = ue->enb;
	const struct fsm_rule *rule = fsm_find(&ue_fsm, ue->state, event);

	if (!rule) {
		node_refuse(&e->node, LOG_HO, KH_E_BAD_STATE, ue_name(ue), "%s in state %s",
			    events[event], states[ue->state]);
		return KH_E_BAD_STATE;
	}
	int err = ((const struct ue_row *)(const void *)rule)->action(e, ue, in);
	fsm_settle(&ue_fsm, &ue->state, rule, err, ue_name(ue));
	if (ue->state == UE_GONE)
		ue_free(ue);
	else
		follow_up(ue);
	return err;
}

const char *ue_state_name(const struct ue *ue)
{
	return fsm_state_name(&ue_fsm, ue->state);
}
