/* Step 2: this eNodeB's own MME-eNB_key. The previous one opens what is in flight for a grace time. */
#include <string.h>

#include "clock.h"
#include "handlers.h"
#include "loop.h"

const struct mme_enb_key *key_by_id(const struct enb *e, uint32_t key_id)
{
	if (key_id && e->key.id == key_id)
		return &e->key;
	if (key_id && e->previous.id == key_id)
		return &e->previous;
	return NULL;
}

static void on_grace_over(void *arg)
{
	struct enb *e = arg;

	e->grace = NULL;
	struct node_event ev = {.topic = "enbkey.erased", .enb = e->opt.id, .kid = e->previous.id};
	events_emit(e->node.events, &ev);
	log_info(LOG_KEY, "previous MME-eNB_key kid=%u erased", e->previous.id);
	KEY_WIPE(&e->previous);
	floor_prune(e);
}

static int read_key(const Keyhop__S1__MmeEnbKey *in, struct mme_enb_key *out)
{
	if (in->key.len != 16 && in->key.len != 32)
		return KH_E_BAD_FIELD;
	memcpy(out->b, in->key.data, in->key.len);
	out->len = (uint8_t)in->key.len;
	out->wrap = (uint8_t)in->wrap;
	out->id = in->key_id;
	return 0;
}

static void acknowledge(struct enb *e)
{
	Keyhop__S1__EnbKeyAck body = KEYHOP__S1__ENB_KEY_ACK__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.key_id = e->key.id;
	msg.body_case = KEYHOP__S1__S1__BODY_ENB_KEY_ACK;
	msg.enb_key_ack = &body;
	(void)s1_send(e, &msg);
}

static void install(struct enb *e, const struct mme_enb_key *key, uint32_t grace_ms)
{
	struct node_event ev = {
		.topic = "enbkey.installed", .step = "2", .enb = e->opt.id, .kid = key->id};
	struct keylog_tags tags = {.enb = e->opt.id, .kid = key->id};

	if (e->key.id)
		e->previous = e->key;
	e->key = *key;
	e->key_us = clock_mono_us();
	loop_timer_stop(&e->grace);
	if (e->previous.id)
		e->grace = loop_timer_start(e->node.loop, grace_ms, on_grace_over, e);
	floor_prune(e);
	node_key_event(&e->node, &ev, KEY_MME_ENB_KEY, key->b, key->len, &tags);
	log_info(LOG_KEY, "step=2 MME-eNB_key enb=%u kid=%u fp=%s wrap=%s", e->opt.id, key->id,
		 ev.fp, wrap_name((enum wrap_type)key->wrap));
}

static void warn_of(enum wrap_type wrap)
{
	if (wrap_warning(wrap))
		log_warn(LOG_KEY, "wrap: %s: %s", wrap_name(wrap), wrap_warning(wrap));
}

void key_provision_forget(struct enb *e)
{
	loop_timer_stop(&e->grace);
	KEY_WIPE(&e->key);
	KEY_WIPE(&e->previous);
	floor_prune(e);
}

void key_provision_rx(struct enb *e, const Keyhop__S1__S1 *s1)
{
	KEY_LOCAL(mme_enb_key) struct mme_enb_key key = {0};
	const Keyhop__S1__EnbKey *body = s1->enb_key;
	int err = read_key(body->current, &key);

	/* Key ids only rise: an older 2 that comes again would bring back a key that the MME has left. */
	if (!err && key.id < e->key.id)
		err = KH_E_STALE_KEY_ID;
	if (err) {
		node_refuse(&e->node, LOG_KEY, err, "mme", "MME-eNB_key kid=%u of %zu octets",
			    body->current->key_id, body->current->key.len);
		return;
	}
	if (key.id != e->key.id) {
		if (key.wrap != e->key.wrap)
			warn_of((enum wrap_type)key.wrap);
		/* Memory of this eNodeB may be older than the MME's, never newer. */
		if (!e->key.id && body->previous)
			(void)read_key(body->previous, &e->previous);
		install(e, &key, body->grace_ms);
	}
	acknowledge(e);
}
