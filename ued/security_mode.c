/* NAS security mode (TS 24.301 5.4.3) and AS security mode (TS 36.331 5.3.4) at the UE. */
#include <string.h>

#include "eps_alg.h"
#include "nas_msg.h"
#include "pbmem.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

static uint32_t eea_bits(const struct ue_node *u)
{
	return eps_alg_bits(u->opt.eea.id, u->opt.eea.n);
}

static uint32_t eia_bits(const struct ue_node *u)
{
	return eps_alg_bits(u->opt.eia.id, u->opt.eia.n);
}

int security_mode_allows(const struct ue_node *u, uint32_t eea, uint32_t eia)
{
	/* Fields of messages are at most 7. */
	if (!(eea_bits(u) & 1U << eea) || !(eia_bits(u) & 1U << eia))
		return KH_E_NO_COMMON_ALGORITHM;
	return eea_is_supported((uint8_t)eea) && eia_is_supported((uint8_t)eia)
		       ? 0
		       : KH_E_NO_COMMON_ALGORITHM;
}

/* Are the algorithms ours, and does the MME replay what we said? */
static int check(const struct ue_node *u, const Keyhop__Nas__SecurityModeCommand *cmd)
{
	if (cmd->replayed->eea != eea_bits(u) || cmd->replayed->eia != eia_bits(u))
		return KH_E_CAPABILITY_MISMATCH;
	return security_mode_allows(u, cmd->eea, cmd->eia);
}

static void keylog(struct ue_node *u, const struct ue *ue)
{
	struct keylog_tags tags = {.ue = ue->imsi.s, .has_alg = true, .alg = ue->nas.eea};

	node_key_event(&u->node, NULL, KEY_K_NAS_ENC, ue->nas.enc.b, sizeof ue->nas.enc.b, &tags);
	tags.alg = ue->nas.eia;
	node_key_event(&u->node, NULL, KEY_K_NAS_INT, ue->nas.integrity.b,
		       sizeof ue->nas.integrity.b, &tags);
}

static int take_nas_keys(struct ue_node *u, struct ue *ue, uint8_t eea, uint8_t eia)
{
	struct k_nas_enc enc;
	struct k_nas_int integrity;
	int err = kdf_nas_keys(u->node.crypto, &ue->kasme, eea, eia, &enc, &integrity);

	if (!err)
		nas_sec_init(&ue->nas, EPS_UPLINK, eea, eia, &enc, &integrity);
	KEY_WIPE(&enc);
	KEY_WIPE(&integrity);
	return err;
}

static int reject(struct ue_node *u, struct ue *ue, int err)
{
	Keyhop__Nas__SecurityModeReject body = KEYHOP__NAS__SECURITY_MODE_REJECT__INIT;

	nas_sec_clear(&ue->nas);
	node_refuse(&u->node, LOG_NAS, err, ue->imsi.s, "NAS SECURITY MODE COMMAND");
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	NAS_MSG(nas, SECURITY_MODE_REJECT, security_mode_reject, &body);
	return nas_send(ue, NAS_PLAIN, &nas);
}

/* Reads the command, derives the keys it asks for, and only then checks its MAC under them. */
static int accept_command(struct ue_node *u, struct ue *ue, const ProtobufCBinaryData *pdu)
{
	Keyhop__Nas__Nas *nas = keyhop__nas__nas__unpack(
		pbmem_allocator(u->node.mem), pdu->len - NAS_OVERHEAD, pdu->data + NAS_OVERHEAD);
	enum nas_header type;

	if (!nas || nas->body_case != KEYHOP__NAS__NAS__BODY_SECURITY_MODE_COMMAND ||
	    !nas->security_mode_command->replayed || nas->security_mode_command->eea > 7 ||
	    nas->security_mode_command->eia > 7)
		return KH_E_BAD_NAS_PDU;
	const Keyhop__Nas__SecurityModeCommand *cmd = nas->security_mode_command;
	int err = check(u, cmd);
	if (!err)
		err = take_nas_keys(u, ue, (uint8_t)cmd->eea, (uint8_t)cmd->eia);
	if (!err)
		err = nas_msg_open(&u->node, &ue->nas, ROLE_MME, pdu->data, pdu->len, ue->imsi.s,
				   &nas, &type);
	return err;
}

int security_mode_rx_nas(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Nas__SecurityModeComplete body = KEYHOP__NAS__SECURITY_MODE_COMPLETE__INIT;
	int err = in->pdu->len > NAS_OVERHEAD && !ue->nas.active ? accept_command(u, ue, in->pdu)
								 : KH_E_BAD_NAS_PDU;

	if (err)
		return reject(u, ue, err);
	keylog(u, ue);
	NAS_MSG(nas, SECURITY_MODE_COMPLETE, security_mode_complete, &body);
	return nas_send(ue, NAS_CIPHERED_NEW, &nas);
}

static void as_keylog(struct ue *ue, uint32_t enb_id, uint64_t generation, const struct as_keys *k,
		      uint8_t eea, uint8_t eia)
{
	struct node *n = &ue->node->node;
	struct node_event ev = ue_event(ue, "as_keys.derived", "9b");
	struct keylog_tags tags = {.ue = ue->imsi.s,
				   .enb = enb_id,
				   .gen = generation,
				   .has_gen = true,
				   .has_alg = true,
				   .alg = eea};

	node_key_event(n, NULL, KEY_K_RRC_ENC, k->rrc_enc.b, sizeof k->rrc_enc.b, &tags);
	node_key_event(n, NULL, KEY_K_UP_ENC, k->up_enc.b, sizeof k->up_enc.b, &tags);
	tags.alg = eia;
	ev.enb = enb_id;
	ev.gen = generation;
	ev.has_gen = true;
	node_key_event(n, &ev, KEY_K_RRC_INT, k->rrc_int.b, sizeof k->rrc_int.b, &tags);
}

int as_security_install(struct ue *ue, struct pdcp *pdcp, uint32_t enb_id, const struct kenb *kenb,
			uint64_t generation, uint8_t eea, uint8_t eia)
{
	KEY_LOCAL(as_keys) struct as_keys keys = {0};
	struct node *n = &ue->node->node;
	int err = kdf_as_keys(n->crypto, kenb, eea, eia, &keys);

	if (err)
		return err;
	pdcp_install(pdcp, &keys, eea, eia);
	ue->kenb_gen = generation;
	key_fingerprint(n->crypto, KEY_KENB, kenb->b, kenb->len, ue->kenb_fp);
	as_keylog(ue, enb_id, generation, &keys, eea, eia);
	return 0;
}

void meas_config_take(struct ue *ue, const Keyhop__Rrc__MeasConfig *m)
{
	if (!m)
		return;
	ue->a3_offset_cdb = m->a3_offset_cdb;
	ue->a3_hysteresis_cdb = m->hysteresis_cdb;
	ue->a3_time_to_trigger_ms = m->time_to_trigger_ms;
}

/* First KeNB (TS 33.401 A.3) with the uplink COUNT of SECURITY MODE COMPLETE, 0. */
static int take_as_keys(struct ue_node *u, struct ue *ue, uint8_t eea, uint8_t eia)
{
	KEY_LOCAL(kenb) struct kenb kenb = {0};
	struct keylog_tags tags = {.ue = ue->imsi.s, .enb = ue->cell->id, .has_gen = true};
	struct node_event ev = ue_event(ue, "kenb.initial", NULL);

	if (!ue->nas.active)
		return KH_E_NO_SECURITY_CONTEXT;
	int err = security_mode_allows(u, eea, eia);
	if (err)
		return err;
	err = kdf_kenb_initial(u->node.crypto, &ue->kasme, 0, &kenb);
	if (err)
		return err;
	ev.enb = ue->cell->id;
	node_key_event(&u->node, &ev, KEY_KENB, kenb.b, kenb.len, &tags);
	return as_security_install(ue, &ue->pdcp, ue->cell->id, &kenb, 0, eea, eia);
}

static int refuse_as(struct ue_node *u, struct ue *ue, int err)
{
	Keyhop__Rrc__SecurityModeFailure body = KEYHOP__RRC__SECURITY_MODE_FAILURE__INIT;

	node_refuse(&u->node, LOG_AIR, err, ue->imsi.s, "AS SECURITY MODE COMMAND");
	pdcp_init(&ue->pdcp, EPS_UPLINK);
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	RRC_MSG(msg, SECURITY_MODE_FAILURE, security_mode_failure, &body);
	return ue_send(ue, &msg);
}

int security_mode_rx_rrc(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__Rrc__SecurityModeCommand *cmd = in->rrc->security_mode_command;
	Keyhop__Rrc__SecurityModeComplete body = KEYHOP__RRC__SECURITY_MODE_COMPLETE__INIT;
	Keyhop__Rrc__Rrc *checked;
	/* A second one, under keys that are in use already, would set COUNTs back. */
	int err = in->pdu ? take_as_keys(u, ue, (uint8_t)cmd->eea, (uint8_t)cmd->eia)
			  : KH_E_BAD_STATE;

	if (!in->pdu)
		return err;
	if (!err)
		err = rrc_open(&u->node, &ue->pdcp, ROLE_ENB, in->pdu, ue->imsi.s, &checked);
	if (err)
		return refuse_as(u, ue, err);
	RRC_MSG(msg, SECURITY_MODE_COMPLETE, security_mode_complete, &body);
	err = ue_send(ue, &msg);
	pdcp_start_ciphering(&ue->pdcp);
	return err;
}

int security_mode_rx_reconfiguration(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Rrc__RrcReconfigurationComplete body =
		KEYHOP__RRC__RRC_RECONFIGURATION_COMPLETE__INIT;

	(void)u;
	meas_config_take(ue, in->rrc->rrc_reconfiguration->meas_config);
	RRC_MSG(msg, RRC_RECONFIGURATION_COMPLETE, rrc_reconfiguration_complete, &body);
	return ue_send(ue, &msg);
}
