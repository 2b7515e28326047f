/* The catalogue itself. Order: interface, then number; a test holds it against the .proto files. */
#include "message.h"

#include "ids.h"
#include "keys.h"
#include "nas.pb-c.h"
#include "rrc.pb-c.h"
#include "s1.pb-c.h"
#include "wrap.h"
#include "x2.pb-c.h"

#define NAS_PDU_MAX 4096
#define LIST_MAX 1024 /* what decoding lets through; the MME's own limit is configured and named */
#define CAUSE_MAX 127

#define U32(T, f, lo, hi) \
	{ \
#f, FIELD_U32, offsetof(T, f), lo, hi, NULL \
	}
#define U64(T, f, lo) \
	{ \
#f, FIELD_U64, offsetof(T, f), lo, UINT64_MAX, NULL \
	}
#define S32(T, f, most) \
	{ \
#f, FIELD_S32, offsetof(T, f), 0, most, NULL \
	}
#define BYTES(T, f, lo, hi) \
	{ \
#f, FIELD_BYTES, offsetof(T, f), lo, hi, NULL \
	}
#define NAME(T, f, lo) \
	{ \
#f, FIELD_NAME, offsetof(T, f), lo, 0, NULL \
	}
#define IMSI(T, f, lo) \
	{ \
#f, FIELD_IMSI, offsetof(T, f), lo, 0, NULL \
	}
#define IDS(T, f) \
	{ \
#f, FIELD_U32_LIST, offsetof(T, n_##f), 1, LIST_MAX, NULL \
	}
#define SUB(T, f, must, rules) \
	{ \
#f, FIELD_SUB, offsetof(T, f), must, 0, rules \
	}
#define SUBS(T, f, rules) \
	{ \
#f, FIELD_SUB_LIST, offsetof(T, n_##f), 0, LIST_MAX, rules \
	}
#define END \
	{ \
		0 \
	}
#define ID(T, f) U32(T, f, 1, UINT32_MAX)
#define ENB(T, f) U32(T, f, 1, ENB_ID_MAX)
#define CAUSE(T) U32(T, cause, 1, CAUSE_MAX)
#define NAS(T, f) BYTES(T, f, 1, NAS_PDU_MAX)

/* Shared parts. */
static const struct field_rule capabilities[] = {
	U32(Keyhop__Common__SecurityCapabilities, eea, 1, 0xff),
	U32(Keyhop__Common__SecurityCapabilities, eia, 1, 0xff), END};
static const struct field_rule key_material[] = {
	U64(Keyhop__Common__KeyMaterial, generation, 1), ID(Keyhop__Common__KeyMaterial, key_id),
	BYTES(Keyhop__Common__KeyMaterial, wrapped, 1, WRAP_MAX_LEN), END};
static const struct field_rule meas_config[] = {
	S32(Keyhop__Rrc__MeasConfig, a3_offset_cdb, 3000),
	U32(Keyhop__Rrc__MeasConfig, hysteresis_cdb, 0, 3000),
	U32(Keyhop__Rrc__MeasConfig, time_to_trigger_ms, 0, 5120), END};

/* S1. */
static const struct field_rule s1_mme_enb_key[] = {
	ID(Keyhop__S1__MmeEnbKey, key_id), BYTES(Keyhop__S1__MmeEnbKey, key, 16, KEY_MAX_LEN),
	U32(Keyhop__S1__MmeEnbKey, wrap, WRAP_AES_GCM, WRAP_AES_BLOCK), END};
static const struct field_rule s1_enb_key[] = {SUB(Keyhop__S1__EnbKey, current, 1, s1_mme_enb_key),
					       SUB(Keyhop__S1__EnbKey, previous, 0, s1_mme_enb_key),
					       END};
static const struct field_rule s1_enb_key_ack[] = {ID(Keyhop__S1__EnbKeyAck, key_id), END};
static const struct field_rule s1_neighbour_list[] = {ID(Keyhop__S1__NeighbourList, mme_ue_id),
						      IDS(Keyhop__S1__NeighbourList, enb_id), END};
static const struct field_rule s1_wrapped_key[] = {
	ENB(Keyhop__S1__WrappedKey, enb_id), ID(Keyhop__S1__WrappedKey, key_id),
	BYTES(Keyhop__S1__WrappedKey, wrapped, 16, WRAP_MAX_LEN), END};
static const struct field_rule s1_wrapped_key_list[] = {
	ID(Keyhop__S1__WrappedKeyList, mme_ue_id),
	U64(Keyhop__S1__WrappedKeyList, generation, 1),
	SUBS(Keyhop__S1__WrappedKeyList, entry, s1_wrapped_key),
	IDS(Keyhop__S1__WrappedKeyList, unknown_enb_id),
	U32(Keyhop__S1__WrappedKeyList, serving_enb_id, 0, ENB_ID_MAX),
	IMSI(Keyhop__S1__WrappedKeyList, ue_label, 0),
	END};
static const struct field_rule s1_location_update[] = {
	ID(Keyhop__S1__LocationUpdate, mme_ue_id), NAS(Keyhop__S1__LocationUpdate, evidence),
	IDS(Keyhop__S1__LocationUpdate, enb_id), ENB(Keyhop__S1__LocationUpdate, serving_enb_id),
	END};
static const struct field_rule s1_setup_request[] = {ENB(Keyhop__S1__S1SetupRequest, enb_id),
						     BYTES(Keyhop__S1__S1SetupRequest, plmn, 3, 3),
						     NAME(Keyhop__S1__S1SetupRequest, enb_name, 1),
						     U64(Keyhop__S1__S1SetupRequest, instance, 1),
						     NAME(Keyhop__S1__S1SetupRequest, scheme, 1),
						     END};
static const struct field_rule s1_setup_response[] = {
	NAME(Keyhop__S1__S1SetupResponse, mme_name, 1),
	U64(Keyhop__S1__S1SetupResponse, instance, 1),
	U32(Keyhop__S1__S1SetupResponse, location_update, 0, 1), END};
static const struct field_rule s1_setup_failure[] = {CAUSE(Keyhop__S1__S1SetupFailure), END};
static const struct field_rule s1_initial_ue[] = {ID(Keyhop__S1__InitialUeMessage, enb_ue_id),
						  NAS(Keyhop__S1__InitialUeMessage, nas), END};
static const struct field_rule s1_downlink_nas[] = {ID(Keyhop__S1__DownlinkNas, mme_ue_id),
						    NAS(Keyhop__S1__DownlinkNas, nas), END};
static const struct field_rule s1_uplink_nas[] = {ID(Keyhop__S1__UplinkNas, mme_ue_id),
						  NAS(Keyhop__S1__UplinkNas, nas), END};
static const struct field_rule s1_ics_request[] = {
	ID(Keyhop__S1__InitialContextSetupRequest, mme_ue_id),
	ID(Keyhop__S1__InitialContextSetupRequest, enb_ue_id),
	BYTES(Keyhop__S1__InitialContextSetupRequest, kenb, 32, 32),
	SUB(Keyhop__S1__InitialContextSetupRequest, capabilities, 1, capabilities),
	IMSI(Keyhop__S1__InitialContextSetupRequest, ue_label, 0),
	NAS(Keyhop__S1__InitialContextSetupRequest, nas),
	END};
static const struct field_rule s1_ics_response[] = {
	ID(Keyhop__S1__InitialContextSetupResponse, mme_ue_id), END};
static const struct field_rule s1_ics_failure[] = {
	ID(Keyhop__S1__InitialContextSetupFailure, mme_ue_id),
	CAUSE(Keyhop__S1__InitialContextSetupFailure), END};
static const struct field_rule s1_release_request[] = {
	ID(Keyhop__S1__UeContextReleaseRequest, mme_ue_id),
	CAUSE(Keyhop__S1__UeContextReleaseRequest), END};
static const struct field_rule s1_release_command[] = {
	ID(Keyhop__S1__UeContextReleaseCommand, mme_ue_id),
	CAUSE(Keyhop__S1__UeContextReleaseCommand), END};
static const struct field_rule s1_release_complete[] = {
	ID(Keyhop__S1__UeContextReleaseComplete, mme_ue_id), END};
static const struct field_rule s1_list_failure[] = {
	ID(Keyhop__S1__NeighbourListFailure, mme_ue_id), CAUSE(Keyhop__S1__NeighbourListFailure),
	U32(Keyhop__S1__NeighbourListFailure, answers, 3, 12),
	IDS(Keyhop__S1__NeighbourListFailure, unknown_enb_id), END};
static const struct field_rule s1_heartbeat[] = {U64(Keyhop__S1__Heartbeat, instance, 1), END};
static const struct field_rule s1_error[] = {CAUSE(Keyhop__S1__ErrorIndication), END};

/* X2. */
static const struct field_rule x2_handover_request[] = {
	ID(Keyhop__X2__HandoverRequest, source_ho_id),
	ID(Keyhop__X2__HandoverRequest, mme_ue_id),
	SUB(Keyhop__X2__HandoverRequest, key, 1, key_material),
	SUB(Keyhop__X2__HandoverRequest, capabilities, 1, capabilities),
	IMSI(Keyhop__X2__HandoverRequest, ue_label, 0),
	END};
static const struct field_rule x2_handover_response[] = {
	ID(Keyhop__X2__HandoverResponse, source_ho_id),
	ID(Keyhop__X2__HandoverResponse, target_ho_id),
	U32(Keyhop__X2__HandoverResponse, c_rnti, 1, 0xffff),
	U32(Keyhop__X2__HandoverResponse, eea, 0, 7),
	U32(Keyhop__X2__HandoverResponse, eia, 1, 7),
	END};
static const struct field_rule x2_handover_failure[] = {
	ID(Keyhop__X2__HandoverFailure, source_ho_id), CAUSE(Keyhop__X2__HandoverFailure), END};
static const struct field_rule x2_handover_cancel[] = {ID(Keyhop__X2__HandoverCancel, source_ho_id),
						       CAUSE(Keyhop__X2__HandoverCancel), END};
static const struct field_rule x2_cancel_ack[] = {ID(Keyhop__X2__HandoverCancelAck, source_ho_id),
						  END};
static const struct field_rule x2_location[] = {NAS(Keyhop__X2__LocationReport, evidence),
						IDS(Keyhop__X2__LocationReport, enb_id), END};
static const struct field_rule x2_handover_complete[] = {
	ID(Keyhop__X2__HandoverComplete, source_ho_id),
	ID(Keyhop__X2__HandoverComplete, target_ho_id),
	SUB(Keyhop__X2__HandoverComplete, location, 0, x2_location), END};
static const struct field_rule x2_setup_request[] = {
	ENB(Keyhop__X2__X2SetupRequest, enb_id), BYTES(Keyhop__X2__X2SetupRequest, plmn, 3, 3),
	NAME(Keyhop__X2__X2SetupRequest, enb_name, 1), U64(Keyhop__X2__X2SetupRequest, instance, 1),
	END};
static const struct field_rule x2_setup_response[] = {
	ENB(Keyhop__X2__X2SetupResponse, enb_id), BYTES(Keyhop__X2__X2SetupResponse, plmn, 3, 3),
	NAME(Keyhop__X2__X2SetupResponse, enb_name, 1),
	U64(Keyhop__X2__X2SetupResponse, instance, 1), END};
static const struct field_rule x2_setup_failure[] = {CAUSE(Keyhop__X2__X2SetupFailure), END};
static const struct field_rule x2_heartbeat[] = {U64(Keyhop__X2__Heartbeat, instance, 1), END};
static const struct field_rule x2_error[] = {CAUSE(Keyhop__X2__ErrorIndication), END};

/* RRC. */
static const struct field_rule rrc_cell[] = {ENB(Keyhop__Rrc__CellMeasurement, enb_id), END};
static const struct field_rule rrc_measurement[] = {
	SUBS(Keyhop__Rrc__MeasurementReport, neighbour, rrc_cell), END};
static const struct field_rule rrc_handover_command[] = {
	ENB(Keyhop__Rrc__HandoverCommand, target_enb_id),
	U64(Keyhop__Rrc__HandoverCommand, generation, 1),
	U32(Keyhop__Rrc__HandoverCommand, c_rnti, 1, 0xffff),
	U32(Keyhop__Rrc__HandoverCommand, eea, 0, 7),
	U32(Keyhop__Rrc__HandoverCommand, eia, 1, 7),
	SUB(Keyhop__Rrc__HandoverCommand, meas_config, 0, meas_config),
	END};
static const struct field_rule rrc_handover_confirm[] = {
	NAS(Keyhop__Rrc__HandoverConfirm, evidence), END};
static const struct field_rule rrc_confirm_ack[] = {
	SUB(Keyhop__Rrc__HandoverConfirmAck, meas_config, 0, meas_config), END};
static const struct field_rule rrc_handover_failure[] = {CAUSE(Keyhop__Rrc__HandoverFailure), END};
static const struct field_rule rrc_request[] = {
	U64(Keyhop__Rrc__RrcConnectionRequest, ue_identity, 1), END};
static const struct field_rule rrc_setup[] = {
	U64(Keyhop__Rrc__RrcConnectionSetup, ue_identity, 1),
	U32(Keyhop__Rrc__RrcConnectionSetup, c_rnti, 1, 0xffff), END};
static const struct field_rule rrc_reject[] = {
	U64(Keyhop__Rrc__RrcConnectionReject, ue_identity, 1),
	CAUSE(Keyhop__Rrc__RrcConnectionReject), END};
static const struct field_rule rrc_setup_complete[] = {
	NAS(Keyhop__Rrc__RrcConnectionSetupComplete, nas), END};
static const struct field_rule rrc_smc[] = {U32(Keyhop__Rrc__SecurityModeCommand, eea, 0, 7),
					    U32(Keyhop__Rrc__SecurityModeCommand, eia, 1, 7), END};
static const struct field_rule rrc_smc_failure[] = {CAUSE(Keyhop__Rrc__SecurityModeFailure), END};
static const struct field_rule rrc_reconfiguration[] = {
	U32(Keyhop__Rrc__RrcReconfiguration, drb_id, 1, 32),
	SUB(Keyhop__Rrc__RrcReconfiguration, meas_config, 1, meas_config),
	BYTES(Keyhop__Rrc__RrcReconfiguration, nas, 0, NAS_PDU_MAX), END};
static const struct field_rule rrc_dl[] = {NAS(Keyhop__Rrc__DlInformationTransfer, nas), END};
static const struct field_rule rrc_ul[] = {NAS(Keyhop__Rrc__UlInformationTransfer, nas), END};
static const struct field_rule rrc_release[] = {CAUSE(Keyhop__Rrc__RrcConnectionRelease), END};
static const struct field_rule rrc_reest_request[] = {
	U64(Keyhop__Rrc__ReestablishmentRequest, ue_identity, 1),
	U32(Keyhop__Rrc__ReestablishmentRequest, c_rnti, 1, 0xffff),
	U32(Keyhop__Rrc__ReestablishmentRequest, short_mac_i, 0, 0xffff), END};
static const struct field_rule rrc_reest[] = {U64(Keyhop__Rrc__Reestablishment, ue_identity, 1),
					      END};
static const struct field_rule rrc_reest_reject[] = {
	U64(Keyhop__Rrc__ReestablishmentReject, ue_identity, 1),
	CAUSE(Keyhop__Rrc__ReestablishmentReject), END};

/* NAS. */
static const struct field_rule nas_h_key[] = {U64(Keyhop__Nas__HKeyDelivery, generation, 1),
					      BYTES(Keyhop__Nas__HKeyDelivery, h_key, 16, 32),
					      U32(Keyhop__Nas__HKeyDelivery, kenb_input, 1, 2),
					      END};
static const struct field_rule nas_attach_request[] = {
	IMSI(Keyhop__Nas__AttachRequest, imsi, 1),
	SUB(Keyhop__Nas__AttachRequest, capabilities, 1, capabilities), END};
static const struct field_rule nas_auth_request[] = {
	BYTES(Keyhop__Nas__AuthenticationRequest, rand, 16, 16),
	BYTES(Keyhop__Nas__AuthenticationRequest, autn, 16, 16), END};
static const struct field_rule nas_auth_response[] = {
	BYTES(Keyhop__Nas__AuthenticationResponse, res, 8, 8), END};
static const struct field_rule nas_auth_failure[] = {
	CAUSE(Keyhop__Nas__AuthenticationFailure),
	BYTES(Keyhop__Nas__AuthenticationFailure, auts, 0, 14), END};
static const struct field_rule nas_smc[] = {
	U32(Keyhop__Nas__SecurityModeCommand, eea, 0, 7),
	U32(Keyhop__Nas__SecurityModeCommand, eia, 1, 7),
	SUB(Keyhop__Nas__SecurityModeCommand, replayed, 1, capabilities), END};
static const struct field_rule nas_smc_reject[] = {CAUSE(Keyhop__Nas__SecurityModeReject), END};
static const struct field_rule nas_attach_accept[] = {ID(Keyhop__Nas__AttachAccept, mme_ue_id),
						      END};
static const struct field_rule nas_attach_reject[] = {CAUSE(Keyhop__Nas__AttachReject), END};
static const struct field_rule nas_detach_request[] = {
	U32(Keyhop__Nas__DetachRequest, cause, 0, CAUSE_MAX), END};
static const struct field_rule nas_evidence[] = {ENB(Keyhop__Nas__LocationEvidence, target_enb_id),
						 U64(Keyhop__Nas__LocationEvidence, generation, 1),
						 END};

#define BOTH_UE_MME (ROLE_UE | ROLE_MME)

const struct message_row message_rows[] = {
	{IFACE_S1, 2, "enb_key", "2", ROLE_MME, true, s1_enb_key},
	{IFACE_S1, 3, "neighbour_list", "3", ROLE_ENB, false, s1_neighbour_list},
	{IFACE_S1, 4, "wrapped_key_list", "4", ROLE_MME, false, s1_wrapped_key_list},
	{IFACE_S1, 12, "location_update", "12", ROLE_ENB, false, s1_location_update},
	{IFACE_S1, 13, "new_key_list", "13", ROLE_MME, false, s1_wrapped_key_list},
	{IFACE_S1, 20, "s1_setup_request", NULL, ROLE_ENB, false, s1_setup_request},
	{IFACE_S1, 21, "s1_setup_response", NULL, ROLE_MME, false, s1_setup_response},
	{IFACE_S1, 22, "s1_setup_failure", NULL, ROLE_MME, false, s1_setup_failure},
	{IFACE_S1, 23, "initial_ue_message", NULL, ROLE_ENB, false, s1_initial_ue},
	{IFACE_S1, 24, "downlink_nas", NULL, ROLE_MME, false, s1_downlink_nas},
	{IFACE_S1, 25, "uplink_nas", NULL, ROLE_ENB, false, s1_uplink_nas},
	{IFACE_S1, 26, "initial_context_setup_request", NULL, ROLE_MME, true, s1_ics_request},
	{IFACE_S1, 27, "initial_context_setup_response", NULL, ROLE_ENB, false, s1_ics_response},
	{IFACE_S1, 28, "initial_context_setup_failure", NULL, ROLE_ENB, false, s1_ics_failure},
	{IFACE_S1, 29, "ue_context_release_request", NULL, ROLE_ENB, false, s1_release_request},
	{IFACE_S1, 30, "ue_context_release_command", NULL, ROLE_MME, false, s1_release_command},
	{IFACE_S1, 31, "ue_context_release_complete", NULL, ROLE_ENB, false, s1_release_complete},
	{IFACE_S1, 32, "neighbour_list_failure", NULL, ROLE_MME, false, s1_list_failure},
	{IFACE_S1, 33, "error_indication", NULL, ROLE_MME | ROLE_ENB, false, s1_error},
	{IFACE_S1, 34, "enb_key_ack", NULL, ROLE_ENB, false, s1_enb_key_ack},
	{IFACE_S1, 35, "heartbeat", NULL, ROLE_MME | ROLE_ENB, false, s1_heartbeat, true},

	{IFACE_X2, 7, "handover_request", "7", ROLE_ENB, false, x2_handover_request},
	{IFACE_X2, 8, "handover_response", "8", ROLE_ENB, false, x2_handover_response},
	{IFACE_X2, 11, "handover_complete", "11", ROLE_ENB, false, x2_handover_complete},
	{IFACE_X2, 13, "new_key_list", "13", ROLE_ENB, false, s1_wrapped_key_list},
	{IFACE_X2, 20, "x2_setup_request", NULL, ROLE_ENB, false, x2_setup_request},
	{IFACE_X2, 21, "x2_setup_response", NULL, ROLE_ENB, false, x2_setup_response},
	{IFACE_X2, 22, "x2_setup_failure", NULL, ROLE_ENB, false, x2_setup_failure},
	{IFACE_X2, 23, "handover_failure", NULL, ROLE_ENB, false, x2_handover_failure},
	{IFACE_X2, 24, "handover_cancel", NULL, ROLE_ENB, false, x2_handover_cancel},
	{IFACE_X2, 25, "error_indication", NULL, ROLE_ENB, false, x2_error},
	{IFACE_X2, 26, "heartbeat", NULL, ROLE_ENB, false, x2_heartbeat, true},
	{IFACE_X2, 27, "handover_cancel_ack", NULL, ROLE_ENB, false, x2_cancel_ack},

	{IFACE_RRC, 6, "measurement_report", "6", ROLE_UE, false, rrc_measurement},
	{IFACE_RRC, 9, "handover_command", "9", ROLE_ENB, false, rrc_handover_command},
	{IFACE_RRC, 10, "handover_confirm", "10", ROLE_UE, false, rrc_handover_confirm},
	{IFACE_RRC, 20, "rrc_connection_request", NULL, ROLE_UE, false, rrc_request},
	{IFACE_RRC, 21, "rrc_connection_setup", NULL, ROLE_ENB, false, rrc_setup},
	{IFACE_RRC, 22, "rrc_connection_reject", NULL, ROLE_ENB, false, rrc_reject},
	{IFACE_RRC, 23, "rrc_connection_setup_complete", NULL, ROLE_UE, false, rrc_setup_complete},
	{IFACE_RRC, 24, "security_mode_command", NULL, ROLE_ENB, false, rrc_smc},
	{IFACE_RRC, 25, "security_mode_complete", NULL, ROLE_UE, false, NULL},
	{IFACE_RRC, 26, "security_mode_failure", NULL, ROLE_UE, false, rrc_smc_failure},
	{IFACE_RRC, 27, "rrc_reconfiguration", NULL, ROLE_ENB, false, rrc_reconfiguration},
	{IFACE_RRC, 28, "rrc_reconfiguration_complete", NULL, ROLE_UE, false, NULL},
	{IFACE_RRC, 29, "dl_information_transfer", NULL, ROLE_ENB, false, rrc_dl},
	{IFACE_RRC, 30, "ul_information_transfer", NULL, ROLE_UE, false, rrc_ul},
	{IFACE_RRC, 31, "rrc_connection_release", NULL, ROLE_ENB, false, rrc_release},
	{IFACE_RRC, 32, "handover_confirm_ack", NULL, ROLE_ENB, false, rrc_confirm_ack},
	{IFACE_RRC, 33, "handover_failure", NULL, ROLE_UE, false, rrc_handover_failure},
	{IFACE_RRC, 34, "reestablishment_request", NULL, ROLE_UE, false, rrc_reest_request},
	{IFACE_RRC, 35, "reestablishment", NULL, ROLE_ENB, false, rrc_reest},
	{IFACE_RRC, 36, "reestablishment_reject", NULL, ROLE_ENB, false, rrc_reest_reject},
	{IFACE_RRC, 37, "reestablishment_complete", NULL, ROLE_UE, false, NULL},
	{IFACE_RRC, 38, "radio_link_failure", NULL, ROLE_ENB, false, NULL},

	{IFACE_NAS, 5, "h_key_delivery", "5", ROLE_MME, true, nas_h_key},
	{IFACE_NAS, 20, "attach_request", NULL, ROLE_UE, false, nas_attach_request},
	{IFACE_NAS, 21, "authentication_request", NULL, ROLE_MME, false, nas_auth_request},
	{IFACE_NAS, 22, "authentication_response", NULL, ROLE_UE, false, nas_auth_response},
	{IFACE_NAS, 23, "authentication_failure", NULL, ROLE_UE, false, nas_auth_failure},
	{IFACE_NAS, 24, "authentication_reject", NULL, ROLE_MME, false, NULL},
	{IFACE_NAS, 25, "security_mode_command", NULL, ROLE_MME, false, nas_smc},
	{IFACE_NAS, 26, "security_mode_complete", NULL, ROLE_UE, false, NULL},
	{IFACE_NAS, 27, "security_mode_reject", NULL, ROLE_UE, false, nas_smc_reject},
	{IFACE_NAS, 28, "attach_accept", NULL, ROLE_MME, false, nas_attach_accept},
	{IFACE_NAS, 29, "attach_complete", NULL, ROLE_UE, false, NULL},
	{IFACE_NAS, 30, "attach_reject", NULL, ROLE_MME, false, nas_attach_reject},
	{IFACE_NAS, 31, "detach_request", NULL, BOTH_UE_MME, false, nas_detach_request},
	{IFACE_NAS, 32, "detach_accept", NULL, BOTH_UE_MME, false, NULL},
	{IFACE_NAS, 33, "location_evidence", NULL, ROLE_UE, false, nas_evidence},
};

const size_t message_row_count = sizeof message_rows / sizeof message_rows[0];
_Static_assert(sizeof message_rows / sizeof message_rows[0] <= MESSAGE_ROWS_MAX,
	       "MESSAGE_ROWS_MAX");
