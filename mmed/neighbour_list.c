/* Message 3 and its answer 4; the same work answers 12 with 13. */
#include <string.h>

#include "clock.h"
#include "handlers.h"
#include "mem.h"
#include "scheme.h"
#include "sent_list.h"
#include "ue_fsm.h"

struct targets {
	struct enb *known[NEIGHBOURS_MAX];
	size_t n_known, n_unknown;
};

static bool is_duplicate(const uint32_t *ids, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (ids[k] == ids[i])
			return true;
	return false;
}

/* Known neighbours into `t`, the others into m->room.unknown. */
static int sort_out(struct mme *m, const struct ue *ue, const uint32_t *ids, size_t n,
		    struct targets *t)
{
	if (n == 0)
		return KH_E_EMPTY_LIST;
	if (n > m->opt.neighbour_limit)
		return KH_E_LIST_TOO_LONG;
	for (size_t i = 0; i < n; i++) {
		struct enb *e = enb_find(m, ids[i]);
		if (ids[i] == ue->enb_id)
			return KH_E_OWN_ID;
		if (is_duplicate(ids, i))
			continue;
		if (e && key_provision_is_usable(m, e))
			t->known[t->n_known++] = e;
		else
			m->room.unknown[t->n_unknown++] = ids[i];
	}
	return t->n_known ? 0 : KH_E_EMPTY_LIST;
}

/* To the eNodeB that serves the UE, whoever sent the message. */
static void answer_failure(struct mme *m, struct ue *ue, int err, unsigned answers,
			   size_t n_unknown)
{
	struct enb *to = enb_find(m, ue->enb_id);
	Keyhop__S1__NeighbourListFailure body = KEYHOP__S1__NEIGHBOUR_LIST_FAILURE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	node_refuse(&m->node, LOG_MME, err, to->name, "ue=%s list of message %u", ue_name(ue),
		    answers);
	body.mme_ue_id = ue->id;
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	body.answers = answers;
	body.n_unknown_enb_id = n_unknown;
	body.unknown_enb_id = m->room.unknown;
	msg.body_case = KEYHOP__S1__S1__BODY_NEIGHBOUR_LIST_FAILURE;
	msg.neighbour_list_failure = &body;
	(void)enb_send(m, to, &msg);
}

/* Message 4 or 13. */
static int send_list(struct mme *m, struct ue *ue, struct enb *to, const struct targets *t,
		     uint64_t generation, unsigned answers)
{
	Keyhop__S1__WrappedKeyList body = KEYHOP__S1__WRAPPED_KEY_LIST__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;
	struct node_event e = ue_event(ue, "wraplist.sent", answers == 3 ? "4" : "13");

	body.mme_ue_id = ue->id;
	body.generation = generation;
	body.n_entry = t->n_known;
	body.entry = m->room.at;
	body.n_unknown_enb_id = t->n_unknown;
	body.unknown_enb_id = m->room.unknown;
	if (to->id != ue->enb_id)
		body.serving_enb_id = ue->enb_id;
	if (to->id != ue->enb_id && m->opt.ue_label)
		body.ue_label = ue->imsi.s;
	if (answers == 3) {
		msg.body_case = KEYHOP__S1__S1__BODY_WRAPPED_KEY_LIST;
		msg.wrapped_key_list = &body;
	} else {
		msg.body_case = KEYHOP__S1__S1__BODY_NEW_KEY_LIST;
		msg.new_key_list = &body;
	}
	int err = enb_send(m, to, &msg);
	if (err)
		return err;
	e.enb = to->id;
	e.gen = generation;
	events_emit(m->node.events, &e);
	return 0;
}

/* What is known of a list once its keys are wiped. */
static struct sent_list *note_list(const struct mme *m, const struct enb *to,
				   const struct targets *t, const struct key_batch *batch,
				   unsigned answers)
{
	size_t n = t->n_known + t->n_unknown;
	struct sent_list *list = x_calloc(1, sizeof *list + n * sizeof list->entry[0]);

	list->generation = batch->generation;
	list->sent_us = clock_mono_us();
	list->to = to->id;
	list->answers = answers;
	memcpy(list->h_key_fp, batch->h_key_fp, sizeof list->h_key_fp);
	list->n = n;
	for (size_t i = 0; i < t->n_known; i++) {
		struct sent_entry *entry = &list->entry[i];
		entry->enb_id = t->known[i]->id;
		entry->key_id = m->room.entry[i].key_id;
		entry->wrap = t->known[i]->key.wrap;
		memcpy(entry->kenb_fp, m->room.kenb_fp[i], sizeof entry->kenb_fp);
	}
	for (size_t i = 0; i < t->n_unknown; i++)
		list->entry[t->n_known + i].enb_id = m->room.unknown[i];
	return list;
}

int key_list_issue(struct mme *m, struct ue *ue, struct enb *to, const uint32_t *ids, size_t n,
		   unsigned answers)
{
	KEY_LOCAL(key_batch) struct key_batch batch = {0};
	struct targets t = {.n_known = 0};
	int err =
		store_room(m->store) == STORE_FULL ? KH_E_STORE_FULL : sort_out(m, ue, ids, n, &t);

	if (!err)
		err = m->scheme->prepare(m, ue, t.known, t.n_known, &batch);
	if (err) {
		answer_failure(m, ue, err, answers, t.n_unknown);
		return err;
	}
	ue->gen_issued = batch.generation;
	histogram_add(&m->node.metrics, HISTOGRAM_LIST_ENTRIES, (int64_t)t.n_known);
	err = send_list(m, ue, to, &t, batch.generation, answers);
	if (err)
		return err;
	sent_list_keep(ue, note_list(m, to, &t, &batch, answers));
	/* 4 before 5, so that the eNodeB knows the list when its generation passes by. */
	return m->scheme->deliver(m, ue, &batch);
}

int neighbour_list_rx(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__S1__NeighbourList *body = in->s1->neighbour_list;
	struct node_event e = ue_event(ue, "neighbour_list.received", "3");

	e.enb = ue->enb_id;
	events_emit(m->node.events, &e);
	/* A refusal was answered with its cause; it is no reason for an error indication as well. */
	if (key_list_issue(m, ue, in->from, body->enb_id, body->n_enb_id, 3) == 0)
		m->node.metrics.hkeys[HKEY_REQUEST]++;
	return 0;
}
