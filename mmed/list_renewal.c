/* A list leaves out eNodeBs that have no MME-eNB_key yet. Once such an eNodeB has acknowledged one, those lists are made
 * anew, so that UEs can be handed over to it without anybody asking. */
#include <utlist.h>

#include "loop.h"
#include "sent_list.h"
#include "ue_fsm.h"

/* UEs of one turn: nobody waits for a whole city. */
#define RENEWALS_A_TURN 16

static bool leaves_out(const struct ue *ue, uint32_t enb_id)
{
	for (size_t i = 0; ue->sent && i < ue->sent->n; i++)
		if (ue->sent->entry[i].enb_id == enb_id)
			return ue->sent->entry[i].key_id == 0;
	return false;
}

static void add(struct mme *m, struct ue *ue)
{
	if (!ue->renewal_prev)
		DL_APPEND2(m->renewals, ue, renewal_prev, renewal_next);
}

void list_renewal_cancel(struct ue *ue)
{
	if (!ue->renewal_prev)
		return;
	DL_DELETE2(ue->mme->renewals, ue, renewal_prev, renewal_next);
	ue->renewal_prev = NULL;
	ue->renewal_next = NULL;
}

static void set_timer(struct mme *m);

static void on_turn(void *arg)
{
	struct mme *m = arg;

	m->renewal_timer = NULL;
	for (int i = 0; i < RENEWALS_A_TURN && m->renewals; i++) {
		struct ue *ue = m->renewals;
		list_renewal_cancel(ue);
		/* One that leaves needs none. */
		if (ue->fsm.now == UE_ATTACHED)
			(void)ue_step(m, ue, EV_LIST_RENEWAL, &(struct ue_input){0});
	}
	set_timer(m);
}

static void set_timer(struct mme *m)
{
	if (m->renewals && !m->renewal_timer)
		m->renewal_timer = loop_timer_start(m->node.loop, 0, on_turn, m);
}

void list_renewal_start(struct mme *m, const struct enb *e)
{
	for (struct ue *ue = m->ues; ue; ue = ue->hh.next)
		if (leaves_out(ue, e->id))
			add(m, ue);
	set_timer(m);
}

void list_renewal_stop(struct mme *m)
{
	loop_timer_stop(&m->renewal_timer);
}

int list_renew(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	uint32_t ids[NEIGHBOURS_MAX];
	size_t n = sent_list_ids(ue, ids);

	(void)in;
	if (n && key_list_issue(m, ue, enb_find(m, ue->enb_id), ids, n, 3) == 0)
		m->node.metrics.hkeys[HKEY_RENEWAL]++;
	return 0;
}
