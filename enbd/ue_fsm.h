/* The UE at the eNodeB: RRC connection, source and target of a handover in one table. */
#ifndef KEYHOP_ENBD_UE_FSM_H
#define KEYHOP_ENBD_UE_FSM_H

#include "enb.h"
#include "fsm.h"

/* clang-format off */
#define UE_STATES(X) \
	X(NEW, "new") \
	X(SETUP, "setup") \
	X(CONNECTED, "connected") \
	X(SECURING, "securing") \
	X(CONFIGURING, "configuring") \
	X(ACTIVE, "active") \
	X(WAITING, "waiting-for-list") \
	X(PREPARING, "preparing") \
	X(LEAVING, "leaving") \
	X(RECALLING, "recalling") \
	X(ARRIVING, "arriving") \
	X(GONE, "gone")

#define UE_EVENTS(X) \
	X(RRC_REQUEST, "rrc_connection_request") \
	X(SETUP_COMPLETE, "rrc_connection_setup_complete") \
	X(UL_NAS, "ul_information_transfer") \
	X(SMC_COMPLETE, "security_mode_complete") \
	X(SMC_FAILURE, "security_mode_failure") \
	X(RECONF_COMPLETE, "rrc_reconfiguration_complete") \
	X(MEASUREMENT, "6 measurement_report") \
	X(HO_CONFIRM, "10 handover_confirm") \
	X(UE_FAILURE, "handover_failure of the UE") \
	X(REEST_REQUEST, "reestablishment_request") \
	X(REEST_COMPLETE, "reestablishment_complete") \
	X(DL_NAS, "downlink_nas") \
	X(ICS_REQUEST, "initial_context_setup_request") \
	X(RELEASE_COMMAND, "ue_context_release_command") \
	X(KEY_LIST, "4 wrapped_key_list") \
	X(NEW_KEY_LIST, "13 new_key_list") \
	X(RELAYED_LIST, "13 new_key_list of the source") \
	X(LIST_FAILURE, "neighbour_list_failure") \
	X(HO_WAIT, "6a decided, no usable list") \
	X(HO_DECIDED, "6a decided") \
	X(HO_REQUEST, "7 handover_request") \
	X(HO_RESPONSE, "8 handover_response") \
	X(HO_REFUSED, "handover_failure of the target") \
	X(HO_REFUSED_KEY, "handover_failure for a key, first time") \
	X(HO_COMPLETE, "11 handover_complete") \
	X(HO_CANCEL, "handover_cancel") \
	X(HO_CANCEL_ACK, "handover_cancel_ack") \
	X(OP_CANCEL, "operator-cancel") \
	X(OP_RELEASE, "operator-release") \
	X(S1_LOST, "s1-lost") \
	X(MME_RESET, "mme-reset") \
	X(RADIO_LOST, "radio-lost") \
	X(TIMEOUT, "timeout")
/* clang-format on */

enum ue_state {
#define UE_STATE_ENUM(id, name) UE_##id,
	UE_STATES(UE_STATE_ENUM)
#undef UE_STATE_ENUM
		UE_STATE_COUNT
};

enum ue_event_id {
#define UE_EVENT_ENUM(id, name) EV_##id,
	UE_EVENTS(UE_EVENT_ENUM)
#undef UE_EVENT_ENUM
		EV_COUNT,
	EV_NONE
};

struct ue_input {
	const Keyhop__S1__S1 *s1;
	const Keyhop__X2__X2 *x2;
	const Keyhop__Rrc__Rrc *rrc;
	struct x2_peer *peer; /* sender of x2 */
	struct uu_link *uu; /* where rrc came from */
	int cause;
};

typedef int ue_action(struct enb *e, struct ue *ue, const struct ue_input *in);

struct ue_row {
	struct fsm_rule rule; /* first */
	ue_action *action;
};

/* As in mmed: runs the row, or refuses with KH_E_BAD_STATE. The UE is freed when it comes to UE_GONE. */
int ue_step(struct ue *ue, enum ue_event_id event, const struct ue_input *in);
const char *ue_state_name(const struct ue *ue);
extern const struct fsm enb_ue_fsm;

ue_action attach_rx_connection_request, attach_rx_setup_complete, attach_timeout, attach_lost;
ue_action nas_relay_rx_uplink, nas_relay_rx_downlink;
ue_action context_setup_rx_request, context_setup_rx_smc_complete, context_setup_rx_smc_failure,
	context_setup_rx_reconfigured;
ue_action context_release_rx_command, context_release_by_operator, context_release_radio_lost,
	context_release_silent;
ue_action neighbour_list_rx_keys, neighbour_list_rx_relayed, neighbour_list_rx_failure;
ue_action measurement_rx_report;
ue_action ho_prepare_wait, ho_prepare_tx_request, ho_prepare_rx_request, ho_prepare_rx_failure,
	ho_prepare_rx_key_failure, ho_prepare_timeout, ho_prepare_cancel, ho_wait_timeout;
ue_action ho_execute_tx_command, ho_execute_rx_confirm, ho_execute_rx_confirm_again,
	ho_execute_rx_ue_failure, ho_execute_rx_cancel, ho_execute_arrival_timeout,
	ho_execute_radio_lost;
ue_action ho_recall, ho_recall_rx_ack, ho_recall_timeout;
ue_action ho_complete_rx, ho_complete_again;
ue_action reestablishment_rx_request, reestablishment_rx_complete;

/* Called by several procedures. */
int neighbour_list_send(struct ue *ue); /* step 3 */
int neighbour_list_renew(
	struct ue *ue); /* the same, unless the list in hand is whole and not old */
int location_update_send(struct ue *ue); /* step 12 */
/* The same at the source, out of the 11 that ended `ho`; the target sends it again when nothing comes of it. */
void location_update_send_for(struct ue *ue, const struct ho *ho,
			      const Keyhop__X2__LocationReport *report);
/* A message 5 was handed to the UE: is it that of a relayed 13? */
void neighbour_list_delivered(struct ue *ue);
int ho_complete_send(struct ue *ue); /* step 11 */
int context_release_request(struct ue *ue, int cause);
void context_release_tell_ue(struct ue *ue, int cause);
void context_release_confirm(struct enb *e, uint32_t mme_ue_id);
/* Entry of the list for `target` that may go into a 7. KH_E_NO_WRAPPED_KEY, KH_E_LIST_NOT_DELIVERED,
 * KH_E_ENTRY_BURNT, KH_E_STALE_LIST. */
int key_list_entry(struct ue *ue, uint32_t target, struct key_entry **out) KH_MUST_CHECK;
/* Decision 6a is taken: request, wait or refuse. `req` is answered at the end when not NULL. */
int ho_start(struct ue *ue, uint32_t target, struct ctl_request *req, bool may_wait);
/* After a list or a message 5: a waiting decision goes on. */
void ho_resume(struct ue *ue);
/* Ends the attempt: event, counters, answer to who waits. `err` 0: completed. */
void ho_end(struct ue *ue, int err);
void ho_send_cancel(struct ue *ue, int cause);
/* The measurement configuration of this cell. */
void meas_config_fill(const struct enb *e, Keyhop__Rrc__MeasConfig *out);

#endif
