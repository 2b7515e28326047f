#include "mme.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_cmds.h"
#include "daemon.h"
#include "loop.h"
#include "mem.h"
#include "s1_fsm.h"
#include "scheme.h"
#include "sent_list.h"
#include "ue_fsm.h"

int mme_subscriber_add(struct mme *m, const struct subscriber *s)
{
	struct subscriber_entry *entry;

	HASH_FIND_STR(m->subscribers, s->imsi.s, entry);
	if (entry)
		return KH_E_ALREADY_EXISTS;
	if (HASH_COUNT(m->subscribers) >= m->opt.max_subscribers)
		return KH_E_NO_RESOURCES;
	entry = x_calloc(1, sizeof *entry);
	entry->s = *s;
	entry->number = ++m->subscribers_come;
	HASH_ADD_STR(m->subscribers, s.imsi.s, entry);
	return 0;
}

void mme_subscriber_keys(struct mme *m, const struct subscriber *s)
{
	struct keylog_tags tags = {.ue = s->imsi.s};

	node_key_event(&m->node, NULL, KEY_K, s->k.b, sizeof s->k.b, &tags);
	node_key_event(&m->node, NULL, KEY_OPC, s->opc.b, sizeof s->opc.b, &tags);
}

int mme_subscriber_remove(struct mme *m, struct subscriber_entry *entry)
{
	for (const struct ue *ue = m->ues; ue; ue = ue->hh.next)
		if (ue->attach && ue->attach->subscriber == entry)
			return KH_E_BUSY;
	HASH_DEL(m->subscribers, entry);
	KEY_WIPE(&entry->s);
	free(entry);
	return 0;
}

static int add_subscriber(void *arg, const struct subscriber *s)
{
	int err = mme_subscriber_add(arg, s);

	if (!err)
		mme_subscriber_keys(arg, s);
	return err;
}

static int check(const void *options, char *why, size_t why_len)
{
	int err = mme_scheme_check(options, why, why_len);

	return err ? err : s1_listen_check(options, why, why_len);
}

static int load(void *context, char *why, size_t why_len)
{
	struct mme *m = context;

	return subscriber_read(m->node.crypto, m->opt.subscribers, add_subscriber, m, why, why_len);
}

static int start(void *context, char *why, size_t why_len)
{
	struct mme *m = context;

	m->scheme = mme_scheme(m->opt.scheme);
	mme_scheme_warn(m);
	int err = contexts_open(m, why, why_len);
	if (!err)
		err = contexts_load(m, why, why_len);
	return err ? err : s1_listen(m, why, why_len);
}

static void stop(void *context)
{
	struct mme *m = context;
	struct subscriber_entry *s, *stmp;
	struct ue *ue, *utmp;
	struct enb *e, *etmp;

	list_renewal_stop(m);
	s1_close_all(m);
	/* Contexts stay in the store: an orderly end is a restart to come. */
	contexts_close(m);
	HASH_ITER (hh, m->ues, ue, utmp)
		ue_free(m, ue);
	HASH_ITER (hh, m->enbs, e, etmp)
		enb_free(m, e);
	HASH_ITER (hh, m->subscribers, s, stmp) {
		HASH_DEL(m->subscribers, s);
		KEY_WIPE(&s->s);
		free(s);
	}
}

static void status(void *context, json_t *out)
{
	struct mme *m = context;
	char s1[ENDPOINT_TEXT_LEN];

	endpoint_text(listener_endpoint(m->s1[0]), s1);
	json_object_set_new(out, "s1", json_string(s1));
	json_object_set_new(out, "s1_listeners", s1_listeners_json(m));
	static const char *const rooms[] = {
		[STORE_ROOM] = "ok", [STORE_LOW] = "low", [STORE_FULL] = "full"};
	bool durable = store_is_durable(m->store);

	json_object_set_new(out, "store",
			    json_string(durable ? rooms[store_room(m->store)] : "memory"));
	json_object_set_new(out, "scheme", json_string(m->scheme->name));
	json_object_set_new(out, "wrap", json_string(wrap_name((enum wrap_type)m->opt.wrap)));
	json_object_set_new(out, "h_key_bits", json_integer(m->opt.h_key_bits));
	json_object_set_new(out, "enbs", json_integer(HASH_COUNT(m->enbs)));
	json_object_set_new(out, "enbs_up", json_integer(m->enbs_up));
	json_object_set_new(out, "ues", json_integer(HASH_COUNT(m->ues)));
	json_object_set_new(out, "subscribers", json_integer(HASH_COUNT(m->subscribers)));
}

static void headline(const void *context, char *out, size_t len)
{
	const struct mme *m = context;

	snprintf(out, len, "%u eNodeBs, %u UEs", m->enbs_up, HASH_COUNT(m->ues));
}

static bool ready(const void *context, char *why, size_t len)
{
	const struct mme *m = context;
	bool full = store_is_durable(m->store) && store_room(m->store) == STORE_FULL;

	if (full)
		snprintf(why, len, "the store is full");
	return !full;
}

static void key_ages(void *context, key_age_fn *fn, void *arg)
{
	struct mme *m = context;

	for (struct enb *e = m->enbs; e; e = e->hh.next)
		if (e->key.id)
			fn(arg, e->id, e->key_us);
}

static const struct fsm *const machines[] = {&mme_ue_fsm, &mme_s1_fsm, NULL};

const struct daemon mme_daemon = {
	.name = "mmed",
	.role = ROLE_MME,
	.summary = "MME of a keyhop core: makes the key of the next cell at handover.",
	.rows = mme_rows,
	.context_size = sizeof(struct mme),
	.options_offset = offsetof(struct mme, opt),
	.check = check,
	.load = load,
	.reloaded = mme_scheme_changed,
	.start = start,
	.stop = stop,
	.status = status,
	.headline = headline,
	.ready = ready,
	.crl_loaded = enb_crl_loaded,
	.key_ages = key_ages,
	.tell = passage_tell,
	.methods = mme_methods,
	.machines = machines,
};
