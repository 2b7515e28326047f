/* Message 3: the potential targets of a UE. Messages 4 and 13: one wrapped key a target, opaque here. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "handlers.h"
#include "loop.h"
#include "mem.h"
#include "ue_fsm.h"

#define NEIGHBOURS_MAX 256

/* A 3 is on its way. One that was lost is asked again after a while. */
static bool is_asked(const struct ue *ue)
{
	int64_t patience_us = (int64_t)ue->enb->opt.list_wait_ms * 1000 / 2;

	return ue->list_asked_us && clock_mono_us() - ue->list_asked_us < patience_us;
}

int neighbour_list_send(struct ue *ue)
{
	struct enb *e = ue->enb;
	uint32_t ids[NEIGHBOURS_MAX];
	Keyhop__S1__NeighbourList body = KEYHOP__S1__NEIGHBOUR_LIST__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;
	struct node_event ev = ue_event(ue, "neighbour_list.sent", "3");

	/* Before its 12 is answered the MME takes no 3 for this UE; 13 brings the list. */
	if (is_asked(ue) || ue->evidence.pdu)
		return 0;
	body.mme_ue_id = ue->mme_ue_id;
	body.n_enb_id = neighbour_ids(e, ids, NEIGHBOURS_MAX);
	body.enb_id = ids;
	if (body.n_enb_id == 0)
		return KH_E_EMPTY_LIST; /* a cell without neighbours has nothing to ask for */
	msg.body_case = KEYHOP__S1__S1__BODY_NEIGHBOUR_LIST;
	msg.neighbour_list = &body;
	int err = s1_send(e, &msg);
	if (err)
		return err;
	ue->list_asked_us = clock_mono_us();
	pending_add(ue);
	events_emit(e->node.events, &ev);
	return 0;
}

/* A copy of the list, in one piece. */
static struct key_list *copy_list(const Keyhop__S1__WrappedKeyList *in)
{
	struct key_list *list = x_calloc(1, sizeof *list + in->n_entry * sizeof list->entry[0]);

	list->generation = in->generation;
	list->taken_us = clock_mono_us();
	list->n = in->n_entry;
	for (size_t i = 0; i < in->n_entry; i++) {
		struct key_entry *to = &list->entry[i];
		to->enb_id = in->entry[i]->enb_id;
		to->key_id = in->entry[i]->key_id;
		to->len = (uint8_t)in->entry[i]->wrapped.len;
		memcpy(to->wrapped, in->entry[i]->wrapped.data, to->len);
	}
	return list;
}

static int refuse_stale(struct ue *ue, uint64_t generation)
{
	node_refuse(&ue->enb->node, LOG_KEY, KH_E_STALE_LIST, ue_name(ue),
		    "list of generation %llu", (unsigned long long)generation);
	return KH_E_STALE_LIST;
}

static void log_unknown(const struct ue *ue, const Keyhop__S1__WrappedKeyList *in)
{
	for (size_t i = 0; i < in->n_unknown_enb_id; i++)
		log_warn(LOG_KEY, "ue=%s MME knows no enb=%u", ue_name(ue), in->unknown_enb_id[i]);
}

/* `list`, which it owns, takes the place of the older one; an older one that comes late is dropped. */
static int store_list(struct ue *ue, struct key_list *list, const char *step)
{
	struct node_event ev = ue_event(ue, "wraplist.received", step);
	uint64_t generation = list->generation;

	ue->list_asked_us = 0;
	if (ue->list && generation <= ue->list->generation) {
		free(list);
		return refuse_stale(ue, generation);
	}
	ue_drop_list(ue);
	ue->list = list;
	if (!ue->evidence.pdu)
		pending_remove(ue);
	ev.gen = generation;
	events_emit(ue->enb->node.events, &ev);
	return 0;
}

/* 13 answers 12: the MME has moved the UE. */
static int store_new_list(struct ue *ue, struct key_list *list)
{
	location_update_settled(ue);
	if (ue->arrival.confirmed_us)
		histogram_add(&ue->enb->node.metrics, HISTOGRAM_COMPLETE,
			      clock_mono_us() - ue->arrival.confirmed_us);
	ue->arrival.confirmed_us = 0;
	return store_list(ue, list, "13");
}

int neighbour_list_rx_keys(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	/* 4 and 13 are one type. */
	const Keyhop__S1__WrappedKeyList *body = in->s1->wrapped_key_list;

	(void)e;
	log_unknown(ue, body);
	if (in->s1->body_case == KEYHOP__S1__S1__BODY_WRAPPED_KEY_LIST)
		return store_list(ue, copy_list(body), "4");
	return store_new_list(ue, copy_list(body));
}

/* The old source says that the MME has answered its 12, which is not to be taken from it: what it hands on counts when
 * the MME itself hands us the 5 of that generation for this UE. The two come on ways of their own, in either order. */
int neighbour_list_rx_relayed(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__S1__WrappedKeyList *body = in->x2->new_key_list;

	(void)e;
	if (body->generation < ue->delivered_gen)
		return refuse_stale(ue, body->generation);
	log_unknown(ue, body);
	free(ue->relayed);
	ue->relayed = copy_list(body);
	neighbour_list_delivered(ue);
	return 0;
}

void neighbour_list_delivered(struct ue *ue)
{
	struct key_list *list = ue->relayed;

	if (!list || list->generation != ue->delivered_gen)
		return;
	ue->relayed = NULL;
	(void)store_new_list(ue, list);
}

int neighbour_list_rx_failure(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__S1__NeighbourListFailure *body = in->s1->neighbour_list_failure;
	int err = err_from_cause(body->cause);
	struct node_event ev = ue_event(ue, "wraplist.refused", body->answers == 3 ? "4" : "13");

	ue->list_asked_us = 0;
	if (body->answers == 12)
		location_update_settled(ue);
	/* No neighbour has a key yet, or the MME no room: that can change. */
	if (err != KH_E_EMPTY_LIST && err != KH_E_STORE_FULL)
		pending_remove(ue);
	ev.err = err;
	events_emit(e->node.events, &ev);
	log_warn(LOG_KEY, "ue=%s no list: cause=%s", ue_name(ue), err_name(err));
	return 0;
}

/* Older than list_lifetime, or than `share` of it. */
static bool is_old(const struct ue *ue, int64_t share)
{
	int64_t lifetime_us = (int64_t)ue->enb->opt.list_lifetime_ms * 1000;

	return lifetime_us > 0 && (clock_mono_us() - ue->list->taken_us) * share > lifetime_us;
}

static bool needs_list(const struct ue *ue)
{
	return !ue->list || ue->delivered_gen < ue->list->generation || is_old(ue, 2);
}

/* An entry was sent in a 7. */
static bool is_spent(const struct ue *ue)
{
	for (size_t i = 0; i < ue->list->n; i++)
		if (ue->list->entry[i].burnt)
			return true;
	return false;
}

int neighbour_list_renew(struct ue *ue)
{
	bool good = ue->list && !is_spent(ue) && !is_old(ue, 2);

	return good ? 0 : neighbour_list_send(ue);
}

void neighbour_list_retry(struct enb *e)
{
	for (struct ue *ue = e->ues; ue; ue = ue->hh.next) {
		ue->list_asked_us = 0;
		if (ue_is_served(ue) && needs_list(ue))
			(void)neighbour_list_send(ue);
	}
}

/* A list is renewed between half its lifetime and all of it; one walk serves all UEs of the cell. */
static void on_watch(void *arg)
{
	struct enb *e = arg;

	e->list_timer = NULL;
	for (struct ue *ue = e->ues; ue; ue = ue->hh.next)
		if (ue_is_served(ue) && ue->list && is_old(ue, 2))
			(void)neighbour_list_send(ue);
	neighbour_list_watch(e);
}

void neighbour_list_watch(struct enb *e)
{
	if (e->opt.list_lifetime_ms)
		e->list_timer = loop_timer_start(e->node.loop, e->opt.list_lifetime_ms / 4 + 1,
						 on_watch, e);
}

int key_list_entry(struct ue *ue, uint32_t target, struct key_entry **out)
{
	if (!ue->list)
		return KH_E_NO_WRAPPED_KEY;
	if (is_old(ue, 1))
		return KH_E_STALE_LIST;
	for (size_t i = 0; i < ue->list->n; i++) {
		struct key_entry *entry = &ue->list->entry[i];
		if (entry->enb_id != target)
			continue;
		if (entry->burnt)
			return KH_E_ENTRY_BURNT;
		if (ue->delivered_gen < ue->list->generation)
			return KH_E_LIST_NOT_DELIVERED;
		*out = entry;
		return 0;
	}
	return KH_E_NO_WRAPPED_KEY;
}
