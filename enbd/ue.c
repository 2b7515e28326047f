#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "enb.h"
#include "handlers.h"
#include "loop.h"
#include "mem.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

#define C_RNTI_MIN 0x003d /* TS 36.321 7.1 */
#define C_RNTI_MAX 0xfff3

struct ue *ue_find(struct enb *e, uint32_t c_rnti)
{
	uint16_t key = (uint16_t)c_rnti;
	struct ue *ue;

	if (c_rnti > UINT16_MAX)
		return NULL;
	HASH_FIND(hh, e->ues, &key, sizeof key, ue);
	return ue;
}

struct ue *ue_find_mme_id(struct enb *e, uint32_t mme_ue_id)
{
	struct ue *ue;

	HASH_FIND(hh_mme, e->ues_by_mme_id, &mme_ue_id, sizeof mme_ue_id, ue);
	return ue;
}

struct ue *ue_resolve(struct enb *e, const char *text)
{
	struct ue *ue;
	uint32_t id;

	if (strncmp(text, "rnti-", 5) == 0)
		return id_parse(&id, text + 5) ? NULL : ue_find(e, id);
	if (strlen(text) == IMSI_LEN) {
		HASH_FIND(hh_label, e->ues_by_label, text, IMSI_LEN, ue);
		return ue;
	}
	return id_parse(&id, text) ? NULL : ue_find_mme_id(e, id);
}

/* Round robin, so that a number is not soon used again. */
static uint16_t free_c_rnti(struct enb *e)
{
	do {
		if (e->next_c_rnti < C_RNTI_MIN || e->next_c_rnti >= C_RNTI_MAX)
			e->next_c_rnti = C_RNTI_MIN - 1;
		e->next_c_rnti++;
	} while (ue_find(e, e->next_c_rnti));
	return e->next_c_rnti;
}

struct ue *ue_add(struct enb *e)
{
	if (HASH_CNT(hh, e->ues) >= e->opt.max_ues)
		return NULL;
	struct ue *ue = x_calloc(1, sizeof *ue);
	ue->enb = e;
	ue->number = ++e->ues_come;
	ue->c_rnti = free_c_rnti(e);
	pdcp_init(&ue->pdcp, EPS_DOWNLINK);
	HASH_ADD(hh, e->ues, c_rnti, sizeof ue->c_rnti, ue);
	return ue;
}

void ue_drop_list(struct ue *ue)
{
	free(ue->list);
	ue->list = NULL;
}

void ue_free(struct ue *ue)
{
	struct enb *e = ue->enb;

	if (ue->ho) {
		if (ue->ho->sent)
			ho_send_cancel(ue, KH_E_RELEASED);
		ho_end(ue, KH_E_RELEASED);
	}
	fsm_stop(&ue->fsm, e->node.metrics.ue_states);
	location_update_settled(ue);
	pending_remove(ue);
	if (ue->uu)
		DL_DELETE(ue->uu->ues, ue);
	HASH_DELETE(hh, e->ues, ue);
	if (ue->hh_mme.tbl)
		HASH_DELETE(hh_mme, e->ues_by_mme_id, ue);
	if (ue->hh_label.tbl)
		HASH_DELETE(hh_label, e->ues_by_label, ue);
	if (ue->hh_arrival.tbl)
		HASH_DELETE(hh_arrival, e->ues_by_arrival, ue);
	ue_drop_list(ue);
	free(ue->relayed);
	held_nas_drop(&ue->held);
	pdcp_clear(&ue->pdcp);
	KEY_WIPE(ue);
	free(ue);
}

void ue_bind_mme_id(struct ue *ue, uint32_t mme_ue_id)
{
	struct enb *e = ue->enb;
	struct ue *old = ue_find_mme_id(e, mme_ue_id);

	if (old == ue)
		return;
	if (old) {
		HASH_DELETE(hh_mme, e->ues_by_mme_id, old);
		old->hh_mme.tbl = NULL;
	}
	ue->mme_ue_id = mme_ue_id;
	HASH_ADD(hh_mme, e->ues_by_mme_id, mme_ue_id, sizeof ue->mme_ue_id, ue);
}

void ue_set_label(struct ue *ue, const char *imsi)
{
	struct ue *other;

	if (!imsi || imsi_parse(&ue->label, imsi))
		return;
	HASH_FIND(hh_label, ue->enb->ues_by_label, imsi, IMSI_LEN, other);
	if (!other)
		ue_take_label(ue);
}

void ue_take_label(struct ue *ue)
{
	struct enb *e = ue->enb;
	struct ue *old;

	if (!ue->label.s[0] || ue->hh_label.tbl)
		return;
	HASH_FIND(hh_label, e->ues_by_label, ue->label.s, IMSI_LEN, old);
	if (old) {
		HASH_DELETE(hh_label, e->ues_by_label, old);
		old->hh_label.tbl = NULL;
	}
	HASH_ADD_KEYPTR(hh_label, e->ues_by_label, ue->label.s, IMSI_LEN, ue);
}

void ue_bind_uu(struct ue *ue, struct uu_link *uu)
{
	if (ue->uu)
		DL_DELETE(ue->uu->ues, ue);
	ue->uu = uu;
	if (uu)
		DL_APPEND(uu->ues, ue);
}

/* What follows in the struct changes while the UE is here. */
#define ARRIVAL_KEY_LEN offsetof(struct arrival, confirmed_us)

struct ue *ue_find_arrival(struct enb *e, uint32_t source, uint32_t ho_id)
{
	const struct arrival key = {source, ho_id};
	struct ue *ue;

	// NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): uthash
	HASH_FIND(hh_arrival, e->ues_by_arrival, &key, ARRIVAL_KEY_LEN, ue);
	return ue;
}

void ue_set_arrival(struct ue *ue, uint32_t source, uint32_t ho_id)
{
	struct enb *e = ue->enb;
	struct ue *old = ue_find_arrival(e, source, ho_id);

	/* A source that was restarted counts its attempts from 1 again. */
	if (old) {
		HASH_DELETE(hh_arrival, e->ues_by_arrival, old);
		old->hh_arrival.tbl = NULL;
	}
	ue->arrival = (struct arrival){source, ho_id};
	HASH_ADD(hh_arrival, e->ues_by_arrival, arrival, ARRIVAL_KEY_LEN, ue);
}

void held_nas_drop(struct held_nas *h)
{
	free(h->pdu);
	*h = (struct held_nas){0};
}

void held_nas_keep(struct held_nas *h, const uint8_t *pdu, size_t len)
{
	held_nas_drop(h);
	h->pdu = x_calloc(1, len);
	h->len = len;
	memcpy(h->pdu, pdu, len);
}

const char *ue_name(const struct ue *ue)
{
	return ue->label.s[0] ? ue->label.s : "(unnamed UE)";
}

struct node_event ue_event(const struct ue *ue, const char *topic, const char *step)
{
	return (struct node_event){
		.topic = topic, .step = step, .ue = ue->label, .mme_ue_id = ue->mme_ue_id};
}

struct uu_end ue_radio(struct ue *ue)
{
	return (struct uu_end){.link = ue->uu ? ue->uu->link : NULL,
			       .pdcp = &ue->pdcp,
			       .c_rnti = ue->c_rnti,
			       .name = ue_name(ue)};
}

int ue_send(struct ue *ue, const Keyhop__Rrc__Rrc *msg)
{
	const struct uu_end to = ue_radio(ue);

	return rrc_send(&ue->enb->node, &to, msg);
}
