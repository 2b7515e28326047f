#include "ue_fsm.h"

#define IN(state) FSM_MASK(UE_##state)
#define SERVING (IN(ACTIVE) | IN(WAITING) | IN(PREPARING))
#define ATTACHING (IN(SETUP) | IN(CONNECTED) | IN(SECURING) | IN(CONFIGURING))
#define LEFT (IN(LEAVING) | IN(RECALLING))
#define ROW(states, event, action, ok, fail) FSM_ROW(states, EV_##event, action, UE_##ok, UE_##fail)
#define STAY(state, event, action) ROW(IN(state), event, action, state, state)

/* clang-format off */
static const struct ue_row rows[] = {
	/* RRC connection, NAS relay, first context. */
	ROW(IN(NEW),         RRC_REQUEST,     attach_rx_connection_request,  SETUP,       GONE),
	ROW(IN(SETUP),       SETUP_COMPLETE,  attach_rx_setup_complete,      CONNECTED,   GONE),
	ROW(IN(CONNECTED),   ICS_REQUEST,     context_setup_rx_request,      SECURING,    GONE),
	ROW(IN(SECURING),    SMC_COMPLETE,    context_setup_rx_smc_complete, CONFIGURING, GONE),
	ROW(IN(SECURING),    SMC_FAILURE,     context_setup_rx_smc_failure,  GONE,        GONE),
	ROW(IN(CONFIGURING), RECONF_COMPLETE, context_setup_rx_reconfigured, ACTIVE,      GONE),
	ROW(ATTACHING,       TIMEOUT,         attach_timeout,                GONE,        GONE),
	ROW(ATTACHING,       S1_LOST,         attach_lost,                   GONE,        GONE),
	STAY(CONNECTED,      UL_NAS,          nas_relay_rx_uplink),
	STAY(ACTIVE,         UL_NAS,          nas_relay_rx_uplink),
	STAY(WAITING,        UL_NAS,          nas_relay_rx_uplink),
	STAY(PREPARING,      UL_NAS,          nas_relay_rx_uplink),
	STAY(CONNECTED,      DL_NAS,          nas_relay_rx_downlink),
	STAY(CONFIGURING,    DL_NAS,          nas_relay_rx_downlink),
	STAY(ACTIVE,         DL_NAS,          nas_relay_rx_downlink),
	STAY(WAITING,        DL_NAS,          nas_relay_rx_downlink),
	STAY(PREPARING,      DL_NAS,          nas_relay_rx_downlink),

	/* Key lists: 4, 13. */
	STAY(ACTIVE,         KEY_LIST,        neighbour_list_rx_keys),
	STAY(WAITING,        KEY_LIST,        neighbour_list_rx_keys),
	STAY(PREPARING,      KEY_LIST,        neighbour_list_rx_keys),
	STAY(ACTIVE,         NEW_KEY_LIST,    neighbour_list_rx_keys),
	STAY(WAITING,        NEW_KEY_LIST,    neighbour_list_rx_keys),
	STAY(PREPARING,      NEW_KEY_LIST,    neighbour_list_rx_keys),
	STAY(ACTIVE,         RELAYED_LIST,    neighbour_list_rx_relayed),
	STAY(WAITING,        RELAYED_LIST,    neighbour_list_rx_relayed),
	STAY(PREPARING,      RELAYED_LIST,    neighbour_list_rx_relayed),
	STAY(ACTIVE,         LIST_FAILURE,    neighbour_list_rx_failure),
	STAY(WAITING,        LIST_FAILURE,    neighbour_list_rx_failure),
	STAY(PREPARING,      LIST_FAILURE,    neighbour_list_rx_failure),

	/* Source: 6, 6a, 7, 8, 9, 11. */
	STAY(ACTIVE,         MEASUREMENT,     measurement_rx_report),
	ROW(IN(ACTIVE),      HO_WAIT,         ho_prepare_wait,               WAITING,     ACTIVE),
	ROW(IN(ACTIVE) | IN(WAITING), HO_DECIDED, ho_prepare_tx_request,     PREPARING,   ACTIVE),
	ROW(IN(WAITING),     TIMEOUT,         ho_wait_timeout,               ACTIVE,      ACTIVE),
	ROW(IN(WAITING),     OP_CANCEL,       ho_wait_timeout,               ACTIVE,      ACTIVE),
	ROW(IN(PREPARING),   HO_RESPONSE,     ho_execute_tx_command,         LEAVING,     ACTIVE),
	ROW(IN(PREPARING),   HO_REFUSED,      ho_prepare_rx_failure,         ACTIVE,      ACTIVE),
	ROW(IN(PREPARING),   HO_REFUSED_KEY,  ho_prepare_rx_key_failure,     WAITING,     ACTIVE),
	ROW(IN(PREPARING),   TIMEOUT,         ho_prepare_timeout,            ACTIVE,      ACTIVE),
	ROW(IN(PREPARING),   OP_CANCEL,       ho_prepare_cancel,             ACTIVE,      ACTIVE),
	ROW(LEFT,            HO_COMPLETE,     ho_complete_rx,                GONE,        GONE),
	ROW(LEFT,            UE_FAILURE,      ho_execute_rx_ue_failure,      ACTIVE,      ACTIVE),

	/* 9 went out, and neither 11 nor the UE came back: ask the target. The UE is at one of the two. */
	ROW(IN(LEAVING),     TIMEOUT,         ho_recall,                     RECALLING,   GONE),
	ROW(IN(LEAVING),     OP_CANCEL,       ho_recall,                     RECALLING,   GONE),
	ROW(IN(RECALLING),   HO_CANCEL_ACK,   ho_recall_rx_ack,              ACTIVE,      ACTIVE),
	ROW(IN(RECALLING),   TIMEOUT,         ho_recall_timeout,             GONE,        GONE),

	/* The way back. */
	ROW(IN(LEAVING),     REEST_REQUEST,   reestablishment_rx_request,    ACTIVE,      LEAVING),
	ROW(IN(RECALLING),   REEST_REQUEST,   reestablishment_rx_request,    ACTIVE,      RECALLING),
	STAY(ACTIVE,         REEST_REQUEST,   reestablishment_rx_request),
	STAY(ACTIVE,         REEST_COMPLETE,  reestablishment_rx_complete),
	STAY(LEAVING,        RADIO_LOST,      ho_execute_radio_lost),
	STAY(RECALLING,      RADIO_LOST,      ho_execute_radio_lost),

	/* Target: after 7 and 8, then 10. */
	ROW(IN(NEW),         HO_REQUEST,      ho_prepare_rx_request,         ARRIVING,    GONE),
	ROW(IN(ARRIVING),    HO_CONFIRM,      ho_execute_rx_confirm,         ACTIVE,      ARRIVING),
	ROW(IN(ARRIVING),    HO_CANCEL,       ho_execute_rx_cancel,          GONE,        GONE),
	ROW(IN(ARRIVING),    TIMEOUT,         ho_execute_arrival_timeout,    GONE,        GONE),
	/* It has arrived: 10 once more, because the acknowledgement was lost; a cancel that came too late. */
	STAY(ACTIVE,         HO_CONFIRM,      ho_execute_rx_confirm_again),
	STAY(WAITING,        HO_CONFIRM,      ho_execute_rx_confirm_again),
	STAY(PREPARING,      HO_CONFIRM,      ho_execute_rx_confirm_again),
	STAY(ACTIVE,         HO_CANCEL,       ho_complete_again),
	STAY(WAITING,        HO_CANCEL,       ho_complete_again),
	STAY(PREPARING,      HO_CANCEL,       ho_complete_again),
	STAY(LEAVING,        HO_CANCEL,       ho_complete_again),
	STAY(RECALLING,      HO_CANCEL,       ho_complete_again),

	/* The end. */
	ROW(ATTACHING | SERVING | LEFT, RELEASE_COMMAND, context_release_rx_command,  GONE, GONE),
	ROW(SERVING,                    OP_RELEASE,      context_release_by_operator, GONE, GONE),
	ROW(ATTACHING | SERVING,        RADIO_LOST,      context_release_radio_lost,  GONE, GONE),
	ROW(SERVING | LEFT,             MME_RESET,       attach_lost,                 GONE, GONE),
	ROW(IN(ARRIVING), RELEASE_COMMAND, context_release_silent, GONE, GONE),
	ROW(IN(ARRIVING), MME_RESET,       context_release_silent, GONE, GONE),
};

static const struct fsm_timeout timeouts[] = {
	{.states = ATTACHING,                     .option = offsetof(struct enb_options, setup_timeout_ms)},
	{.states = IN(WAITING),                   .option = offsetof(struct enb_options, list_wait_ms)},
	{.states = IN(PREPARING),                 .option = offsetof(struct enb_options, prepare_timeout_ms)},
	{.states = IN(LEAVING) | IN(ARRIVING),    .option = offsetof(struct enb_options, complete_timeout_ms)},
	{.states = IN(RECALLING),                 .option = offsetof(struct enb_options, prepare_timeout_ms)},
	{0},
};
/* clang-format on */

static void expired(void *owner)
{
	struct ue *ue = owner;

	fsm_timer_fired(&ue->fsm);
	(void)ue_step(ue, EV_TIMEOUT, &(struct ue_input){.cause = KH_E_TIMEOUT});
}

FSM_MACHINE(enb_ue_fsm, "enb-ue", LOG_HO, UE_STATES, UE_EVENTS);

/* What an action decided but may not do itself, as only the table names states. */
static void follow_up(struct ue *ue)
{
	uint32_t target = ue->decided;

	ue->decided = 0;
	if (ue->fsm.now == UE_WAITING)
		ho_resume(ue);
	else if (target && ue->fsm.now == UE_ACTIVE)
		(void)ho_start(ue, target, NULL, true);
}

int ue_step(struct ue *ue, enum ue_event_id event, const struct ue_input *in)
{
	struct enb *e = ue->enb;
	const struct fsm_rule *rule = fsm_find(&enb_ue_fsm, ue->fsm.now, event);
	const struct fsm_owner owner = {&ue->fsm,     ue,      ue_name(ue),
					e->node.loop, &e->opt, e->node.metrics.ue_states};

	if (!rule) {
		node_refuse(&e->node, LOG_HO, KH_E_BAD_STATE, ue_name(ue), "%s in state %s",
			    events[event], states[ue->fsm.now]);
		return KH_E_BAD_STATE;
	}
	int err = ((const struct ue_row *)(const void *)rule)->action(e, ue, in);
	fsm_settle(&enb_ue_fsm, &owner, rule, err);
	if (ue->fsm.now == UE_GONE)
		ue_free(ue);
	else
		follow_up(ue);
	return err;
}

bool ue_is_attaching(const struct ue *ue)
{
	return (ATTACHING & FSM_MASK(ue->fsm.now)) != 0;
}

bool ue_is_served(const struct ue *ue)
{
	return (SERVING & FSM_MASK(ue->fsm.now)) != 0;
}

const char *ue_state_name(const struct ue *ue)
{
	return fsm_state_name(&enb_ue_fsm, ue->fsm.now);
}
