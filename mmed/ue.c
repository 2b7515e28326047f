#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "loop.h"
#include "mem.h"
#include "mme.h"
#include "sent_list.h"

struct ue *ue_find(struct mme *m, uint32_t id)
{
	struct ue *ue;

	HASH_FIND_INT(m->ues, &id, ue);
	return ue;
}

struct ue *ue_find_imsi(struct mme *m, const char *imsi)
{
	struct ue *ue;

	HASH_FIND(hh_imsi, m->ues_by_imsi, imsi, strlen(imsi), ue);
	return ue;
}

struct ue *ue_add_as(struct mme *m, uint32_t id, struct enb *e, uint32_t enb_ue_id)
{
	struct ue *ue = x_calloc(1, sizeof *ue);

	ue->mme = m;
	ue->id = id;
	ue->enb_id = e->id;
	ue->enb_ue_id = enb_ue_id;
	HASH_ADD_INT(m->ues, id, ue);
	DL_APPEND(e->ues, ue);
	e->ue_count++;
	return ue;
}

struct ue *ue_add(struct mme *m, struct enb *e, uint32_t enb_ue_id)
{
	uint64_t id;

	if (HASH_COUNT(m->ues) >= m->opt.max_ues || counter_next(&m->ue_ids, &id))
		return NULL;
	return ue_add_as(m, (uint32_t)id, e, enb_ue_id);
}

void ue_index_imsi(struct mme *m, struct ue *ue)
{
	HASH_ADD_KEYPTR(hh_imsi, m->ues_by_imsi, ue->imsi.s, IMSI_LEN, ue);
}

void ue_attach_end(struct ue *ue)
{
	if (!ue->attach)
		return;
	struct enb *e = enb_find(ue->mme, ue->enb_id);
	ue->mme->attaches--;
	if (e)
		e->attaches--;
	KEY_WIPE(ue->attach);
	free(ue->attach);
	ue->attach = NULL;
}

static void unlink_from_enb(struct mme *m, struct ue *ue)
{
	struct enb *e = enb_find(m, ue->enb_id);

	if (!e)
		return;
	DL_DELETE(e->ues, ue);
	e->ue_count--;
}

void ue_free(struct mme *m, struct ue *ue)
{
	fsm_stop(&ue->fsm, m->node.metrics.ue_states);
	contexts_forget_ue(m, ue);
	unlink_from_enb(m, ue);
	HASH_DEL(m->ues, ue);
	if (ue->hh_imsi.tbl)
		HASH_DELETE(hh_imsi, m->ues_by_imsi, ue);
	ue_attach_end(ue);
	sent_list_drop(ue);
	KEY_WIPE(ue);
	free(ue);
}

void ue_move(struct mme *m, struct ue *ue, struct enb *to, uint32_t enb_ue_id)
{
	unlink_from_enb(m, ue);
	sent_list_drop(ue); /* it was one of the cell before */
	ue->enb_id = to->id;
	ue->enb_ue_id = enb_ue_id;
	DL_APPEND(to->ues, ue);
	to->ue_count++;
}

const char *ue_name(const struct ue *ue)
{
	return ue->imsi.s[0] ? ue->imsi.s : "(no IMSI yet)";
}

struct node_event ue_event(const struct ue *ue, const char *topic, const char *step)
{
	return (struct node_event){
		.topic = topic, .step = step, .ue = ue->imsi, .mme_ue_id = ue->id};
}
