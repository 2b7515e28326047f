/* Step 1: the MME picks MME-eNB_key[eNB_ID]. Step 2: it sends the eNodeB its own key, and no other's. */
#include <stdio.h>

#include "clock.h"
#include "handlers.h"
#include "loop.h"
#include "rng.h"
#include "sent_list.h"

#define ACK_TIMEOUT_MS 1000

/* The key has reached its age, or nobody acknowledged the new one. An eNodeB that is away gets a new key when it
 * comes back. */
static void on_timer(void *arg)
{
	struct enb *e = arg;

	e->key_timer = NULL;
	if (e->peer)
		key_provision_start(e->peer->mme, e);
}

static void set_timer(struct mme *m, struct enb *e)
{
	uint32_t ms = e->offered.id ? ACK_TIMEOUT_MS : m->opt.enb_key_lifetime_ms;

	loop_timer_stop(&e->key_timer);
	if (ms)
		e->key_timer = loop_timer_start(m->node.loop, ms, on_timer, e);
}

static int pick_key(struct mme *m, struct mme_enb_key *key)
{
	uint64_t id;
	int err = counter_next(&m->key_ids, &id);

	if (err)
		return err;
	key->id = (uint32_t)id;
	key->len = (uint8_t)(m->opt.enb_key_bits / 8);
	key->wrap = (uint8_t)m->opt.wrap;
	rng_bytes(key->b, key->len);
	return 0;
}

static bool is_made_as(const struct mme *m, const struct mme_enb_key *key)
{
	return key->len * 8 == m->opt.enb_key_bits && key->wrap == m->opt.wrap;
}

bool key_provision_is_current(const struct mme *m, const struct enb *e)
{
	return is_made_as(m, &e->key);
}

bool key_provision_is_usable(const struct mme *m, const struct enb *e)
{
	return e->key.id &&
	       wrap_len((enum wrap_type)e->key.wrap, (size_t)m->opt.h_key_bits / 8) != 0;
}

static void make_known(struct mme *m, struct enb *e, const char *topic, const char *step)
{
	const struct mme_enb_key *key = &e->offered;
	struct node_event ev = {.topic = topic, .step = step, .enb = e->id, .kid = key->id};
	struct keylog_tags tags = {.enb = e->id, .kid = key->id};

	node_key_event(&m->node, &ev, KEY_MME_ENB_KEY, key->b, key->len, &tags);
	log_info(LOG_KEY, "step=%s %s enb=%u kid=%u fp=%s", step, topic, e->id, key->id, ev.fp);
}

static void fill(Keyhop__S1__MmeEnbKey *out, struct mme_enb_key *key)
{
	out->key_id = key->id;
	out->key.data = key->b;
	out->key.len = key->len;
	out->wrap = (Keyhop__S1__Wrap)key->wrap;
}

/* Step 2. */
static void send_key(struct mme *m, struct enb *e)
{
	Keyhop__S1__MmeEnbKey current = KEYHOP__S1__MME_ENB_KEY__INIT;
	Keyhop__S1__MmeEnbKey previous = KEYHOP__S1__MME_ENB_KEY__INIT;
	Keyhop__S1__EnbKey body = KEYHOP__S1__ENB_KEY__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	fill(&current, &e->offered);
	body.current = &current;
	if (e->key.id) {
		fill(&previous, &e->key);
		body.previous = &previous;
	}
	body.grace_ms = m->opt.enb_key_grace_ms;
	msg.body_case = KEYHOP__S1__S1__BODY_ENB_KEY;
	msg.enb_key = &body;
	if (enb_send(m, e, &msg))
		return;
	struct node_event ev = {
		.topic = "enbkey.sent", .step = "2", .enb = e->id, .kid = e->offered.id};
	events_emit(m->node.events, &ev);
}

/* Step 1. */
static int offer_new_key(struct mme *m, struct enb *e)
{
	int err = pick_key(m, &e->offered);

	if (err)
		node_refuse(&m->node, LOG_KEY, err, e->name, "no id for a new MME-eNB_key");
	else
		make_known(m, e, "enbkey.picked", "1");
	return err;
}

void key_provision_start(struct mme *m, struct enb *e)
{
	/* One that is not acknowledged is sent again: the eNodeB holds it perhaps, and two would push out the key
	 * that is in use. */
	if (!e->offered.id && offer_new_key(m, e))
		return;
	send_key(m, e);
	set_timer(m, e);
}

void key_provision_renew(struct mme *m, struct enb *e)
{
	if (e->peer && !is_made_as(m, e->offered.id ? &e->offered : &e->key))
		key_provision_start(m, e);
}

/* From now on lists are wrapped under what was offered. */
static void take_in_use(struct mme *m, struct enb *e)
{
	bool was_usable = key_provision_is_usable(m, e);
	bool is_other = e->key.wrap != e->offered.wrap || e->key.len != e->offered.len;
	struct node_event ev = {
		.topic = "enbkey.acknowledged", .step = "2", .enb = e->id, .kid = e->offered.id};

	e->key = e->offered;
	KEY_WIPE(&e->offered);
	e->nonce = 0;
	e->key_us = clock_mono_us();
	log_info(LOG_KEY, "enb=%u acknowledged kid=%u", e->id, e->key.id);
	events_emit(m->node.events, &ev);
	if (is_other) {
		ev.topic = "scheme.in_force";
		snprintf(ev.detail, sizeof ev.detail, "wrap=%s enb_key_bits=%d",
			 wrap_name((enum wrap_type)e->key.wrap), e->key.len * 8);
		events_emit(m->node.events, &ev);
	}
	if (!was_usable && key_provision_is_usable(m, e))
		list_renewal_start(m, e);
}

void key_provision_rx_ack(struct mme *m, struct s1_peer *p, const Keyhop__S1__S1 *s1)
{
	struct enb *e = p->enb;

	if (!e->offered.id || s1->enb_key_ack->key_id != e->offered.id) {
		node_refuse(&m->node, LOG_KEY, KH_E_UNKNOWN_KEY_ID, p->name, "acknowledged kid=%u",
			    s1->enb_key_ack->key_id);
		return;
	}
	take_in_use(m, e);
	set_timer(m, e);
	/* The options may have changed while it was on its way. */
	key_provision_renew(m, e);
}

int key_provision_use(struct mme *m, struct enb *e)
{
	/* An eNodeB that is away, or does not acknowledge, keeps the old key for as long again. */
	if (e->nonce >= 2 * (uint64_t)m->opt.enb_key_wraps)
		return KH_E_COUNT_EXHAUSTED;
	if (e->nonce >= m->opt.enb_key_wraps && !e->offered.id && e->peer)
		key_provision_start(m, e);
	return 0;
}
