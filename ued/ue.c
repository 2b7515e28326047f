#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ctl.h"
#include "loop.h"
#include "mem.h"
#include "nas_msg.h"
#include "rng.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

struct ue *ue_find(struct ue_node *u, const char *imsi)
{
	struct ue *ue;

	HASH_FIND(hh, u->ues, imsi, strlen(imsi), ue);
	return ue;
}

struct ue *ue_find_rnti(struct cell *c, uint32_t c_rnti)
{
	uint16_t key = (uint16_t)c_rnti;
	struct ue *ue;

	HASH_FIND(hh_rnti, c->ues, &key, sizeof key, ue);
	return ue;
}

struct ue *ue_find_identity(struct ue_node *u, uint64_t identity)
{
	struct ue *ue;

	HASH_FIND(hh_identity, u->ues_by_identity, &identity, sizeof identity, ue);
	return ue;
}

int ue_add_refusal(struct ue_node *u, const struct subscriber *s)
{
	return ue_find(u, s->imsi.s) ? KH_E_ALREADY_EXISTS : KH_E_NO_RESOURCES;
}

struct ue *ue_add(struct ue_node *u, const struct subscriber *s)
{
	struct keylog_tags tags = {.ue = s->imsi.s};

	if (ue_find(u, s->imsi.s) || HASH_CNT(hh, u->ues) >= u->opt.max_ues)
		return NULL;
	struct ue *ue = x_calloc(1, sizeof *ue);
	ue->node = u;
	ue->number = ++u->ues_come;
	ue->imsi = s->imsi;
	ue->k = s->k;
	ue->opc = s->opc;
	/* An SQN in the list is what the card has seen already. */
	for (size_t i = 0; i < AKA_IND_COUNT; i++)
		ue->sqns.seq[i] = s->sqn >> AKA_IND_BITS;
	ue->wanted = u->opt.attach_cell != 0;
	ue->air.quality = u->air;
	pdcp_init(&ue->pdcp, EPS_UPLINK);
	HASH_ADD_KEYPTR(hh, u->ues, ue->imsi.s, IMSI_LEN, ue);
	node_key_event(&u->node, NULL, KEY_K, s->k.b, sizeof s->k.b, &tags);
	node_key_event(&u->node, NULL, KEY_OPC, s->opc.b, sizeof s->opc.b, &tags);
	return ue;
}

void ue_unbind(struct ue *ue)
{
	if (ue->hh_rnti.tbl)
		HASH_DELETE(hh_rnti, ue->cell->ues, ue);
	ue->hh_rnti.tbl = NULL;
}

void ue_bind(struct ue *ue, struct cell *cell, uint16_t c_rnti)
{
	struct ue *old = ue_find_rnti(cell, c_rnti);

	ue_unbind(ue);
	/* A number that is given anew was free: the eNodeB let its last owner go, who has not heard it. */
	if (old && old != ue) {
		ue_unbind(old);
		(void)ue_step(old, EV_RADIO_LOST, &(struct ue_input){.cause = KH_E_UE_NOT_FOUND});
	}
	ue->cell = cell;
	ue->c_rnti = c_rnti;
	HASH_ADD(hh_rnti, cell->ues, c_rnti, sizeof ue->c_rnti, ue);
}

void ue_drop_identity(struct ue *ue)
{
	if (ue->hh_identity.tbl)
		HASH_DELETE(hh_identity, ue->node->ues_by_identity, ue);
	ue->hh_identity.tbl = NULL;
}

void ue_new_identity(struct ue *ue)
{
	ue_drop_identity(ue);
	do
		ue->identity = rng_u64();
	while (ue->identity == 0 || ue_find_identity(ue->node, ue->identity));
	HASH_ADD(hh_identity, ue->node->ues_by_identity, identity, sizeof ue->identity, ue);
}

static void drop_fallback(struct ue *ue)
{
	if (!ue->fallback)
		return;
	KEY_WIPE(ue->fallback);
	free(ue->fallback);
	ue->fallback = NULL;
}

void ue_forget_security(struct ue *ue)
{
	loop_timer_stop(&ue->a3_timer);
	traffic_end(ue, KH_E_DETACHED);
	move_end(ue, KH_E_DETACHED);
	ue_unbind(ue);
	ue_drop_identity(ue);
	drop_fallback(ue);
	nas_sec_clear(&ue->nas);
	pdcp_clear(&ue->pdcp);
	pdcp_init(&ue->pdcp, EPS_UPLINK);
	KEY_WIPE(&ue->kasme);
	KEY_WIPE(&ue->hkeys);
	ue->cell = NULL;
	ue->kenb_fp[0] = '\0';
	ue->kenb_gen = 0;
	/* No H_key of before can come again under NAS keys of a new EPS AKA, and an MME whose store was lost begins anew. */
	ue->gen_floor = 0;
}

void ue_free(struct ue *ue)
{
	fsm_stop(&ue->fsm, ue->node->node.metrics.ue_states);
	ue_answer(ue, KH_E_DETACHED);
	ue_forget_security(ue);
	air_clear(&ue->air);
	HASH_DELETE(hh, ue->node->ues, ue);
	free(ue->measured);
	KEY_WIPE(ue);
	free(ue);
}

struct node_event ue_event(const struct ue *ue, const char *topic, const char *step)
{
	return (struct node_event){
		.topic = topic, .step = step, .ue = ue->imsi, .mme_ue_id = ue->mme_ue_id};
}

static struct link *link_of(const struct ue *ue)
{
	return ue->cell && ue->cell->up ? ue->cell->link : NULL;
}

struct uu_end ue_radio(struct ue *ue)
{
	return (struct uu_end){.link = link_of(ue),
			       .air = &ue->air,
			       .pdcp = &ue->pdcp,
			       .c_rnti = ue->c_rnti,
			       .name = ue->imsi.s};
}

int ue_send(struct ue *ue, const Keyhop__Rrc__Rrc *msg)
{
	const struct uu_end to = ue_radio(ue);

	return rrc_send(&ue->node->node, &to, msg);
}

int ue_send_srb0(struct ue *ue, const Keyhop__Rrc__Rrc *msg)
{
	const struct uu_end to = {.link = link_of(ue), .air = &ue->air, .name = ue->imsi.s};

	return rrc_send(&ue->node->node, &to, msg);
}

int nas_send(struct ue *ue, enum nas_header type, const Keyhop__Nas__Nas *nas)
{
	KEY_LOCAL(nas_pdu) struct nas_pdu pdu;
	Keyhop__Rrc__UlInformationTransfer body = KEYHOP__RRC__UL_INFORMATION_TRANSFER__INIT;
	int err = nas_msg_seal(&ue->node->node, type == NAS_PLAIN ? NULL : &ue->nas, type, nas,
			       ue->imsi.s, &pdu);

	if (err)
		return err;
	body.nas.data = pdu.pdu;
	body.nas.len = pdu.len;
	RRC_MSG(msg, UL_INFORMATION_TRANSFER, ul_information_transfer, &body);
	return ue_send(ue, &msg);
}

void ue_answer(struct ue *ue, int err)
{
	struct ctl_request *req = ue->req;

	if (!req)
		return;
	ue->req = NULL;
	if (err)
		ctl_fail(req, err, NULL);
	else
		ctl_reply(req, json_pack("{s:s, s:s, s:I, s:s}", "outcome", "completed", "ue",
					 ue->imsi.s, "serving",
					 (json_int_t)(ue->cell ? ue->cell->id : 0), "state",
					 ue_state_name(ue)));
}
