/* The UE: its states, its events, and the one function that steps it. */
#ifndef KEYHOP_UED_UE_FSM_H
#define KEYHOP_UED_UE_FSM_H

#include "fsm.h"
#include "ued.h"

/* clang-format off */
#define UE_STATES(X) \
	X(DETACHED, "detached") \
	X(CONNECTING, "connecting") \
	X(ATTACHING, "attaching") \
	X(ATTACHED, "attached") \
	X(MOVING, "moving") \
	X(RETURNING, "returning") \
	X(DETACHING, "detaching")

#define UE_EVENTS(X) \
	X(OP_ATTACH, "operator-attach") \
	X(OP_DETACH, "operator-detach") \
	X(RRC_SETUP, "rrc_connection_setup") \
	X(RRC_REJECT, "rrc_connection_reject") \
	X(AUTH_REQUEST, "authentication_request") \
	X(AUTH_REJECT, "authentication_reject") \
	X(NAS_SMC, "nas.security_mode_command") \
	X(ATTACH_ACCEPT, "attach_accept") \
	X(ATTACH_REJECT, "attach_reject") \
	X(NAS_DETACH, "detach_request") \
	X(DETACH_ACCEPT, "detach_accept") \
	X(HKEY, "5 h_key_delivery") \
	X(RRC_SMC, "rrc.security_mode_command") \
	X(RECONFIGURATION, "rrc_reconfiguration") \
	X(HO_COMMAND, "9 handover_command") \
	X(HO_ACK, "handover_confirm_ack") \
	X(REEST, "reestablishment") \
	X(REEST_REJECT, "reestablishment_reject") \
	X(RELEASE, "rrc_connection_release") \
	X(TIMEOUT, "timeout") \
	X(RADIO_LOST, "radio-lost") \
	X(RADIO_FAILURE, "radio_link_failure")
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
		EV_COUNT
};

struct ue_input {
	const Keyhop__Rrc__Rrc *rrc;
	const Keyhop__Nas__Nas *nas;
	const ProtobufCBinaryData *pdu; /* SRB1 PDU as it came: RRC_SMC */
	struct cell *cell; /* OP_ATTACH */
	struct ctl_request *req; /* OP_ATTACH, OP_DETACH */
	int cause;
};

typedef int ue_action(struct ue_node *u, struct ue *ue, const struct ue_input *in);

struct ue_row {
	struct fsm_rule rule; /* first */
	ue_action *action;
};

/* As in mmed: runs the row, or refuses with KH_E_BAD_STATE. */
int ue_step(struct ue *ue, enum ue_event_id event, const struct ue_input *in);
const char *ue_state_name(const struct ue *ue);
extern const struct fsm ued_ue_fsm;

ue_action attach_start, attach_rx_setup, attach_rx_reject_rrc, attach_rx_accept, attach_rx_reject,
	attach_again, attach_timeout, attach_lost;
ue_action authentication_rx_request, authentication_rx_reject;
ue_action security_mode_rx_nas, security_mode_rx_rrc, security_mode_rx_reconfiguration;
ue_action detach_start, detach_rx_request, detach_rx_accept, detach_timeout;
ue_action context_release_rx;
ue_action hkey_delivery_rx;
ue_action ho_execute_rx_command, ho_execute_rx_ack, ho_execute_timeout, ho_execute_return;
ue_action reestablishment_start, reestablishment_rx, reestablishment_rx_reject;

/* Asks the cell of `ue` to have it back; `target` is the cell where it is or was about to go. */
int reestablishment_request(struct ue_node *u, struct ue *ue, uint32_t target, int cause);
/* When a lost UE tries to attach again: full jitter, longer with each attempt; 0: never. */
uint32_t attach_backoff_ms(const void *ue);
/* Ends what somebody waits for. */
void ue_answer(struct ue *ue, int err);
/* AS keys of this UE in `enb_id` from `kenb` into `pdcp` (step 9b). */
/* 0 when this UE is configured for the two algorithms, else KH_E_NO_COMMON_ALGORITHM. */
int security_mode_allows(const struct ue_node *u, uint32_t eea, uint32_t eia);
int as_security_install(struct ue *ue, struct pdcp *pdcp, uint32_t enb_id, const struct kenb *kenb,
			uint64_t generation, uint8_t eea, uint8_t eia) KH_MUST_CHECK;
void meas_config_take(struct ue *ue, const Keyhop__Rrc__MeasConfig *m);

#endif
