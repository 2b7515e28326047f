/* Control methods about subscribers. Their keys come in and never go out. */
#include <stdlib.h>

#include <utlist.h>

#include "ctl_cmds.h"
#include "mem.h"
#include "mme.h"

void ctl_subscriber_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct subscriber_entry *s = m->subscribers; s; s = s->hh.next)
		if (ctl_page_wants_number(&page, s->number))
			json_array_append_new(page.items, json_pack("{s:s, s:I}", "ue", s->s.imsi.s,
								    "sqn", (json_int_t)s->s.sqn));
	ctl_page_reply(req, &page);
}

void ctl_subscriber_add(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct subscriber sub = {0};
	const char *field = NULL;
	int err = subscriber_parse(m->node.crypto, ctl_string(params, "ue", ""),
				   ctl_string(params, "k", ""), ctl_string(params, "opc", ""),
				   ctl_string(params, "sqn", NULL), &sub, &field);

	if (!err)
		err = mme_subscriber_add(m, &sub);
	if (field) {
		ctl_fail(req, KH_E_USAGE, subscriber_field_wants(field));
	} else if (err) {
		ctl_fail(req, err,
			 err == KH_E_ALREADY_EXISTS ? "subscriber.remove it first"
						    : "limits.subscribers");
	} else {
		mme_subscriber_keys(m, &sub);
		ctl_reply(req, json_pack("{s:s, s:s}", "outcome", "completed", "ue", sub.imsi.s));
	}
	KEY_WIPE(&sub);
}

/* What an import has done, the last first: all of it is undone when a line is wrong. */
struct change {
	struct subscriber_entry *entry;
	struct subscriber before; /* of one that was replaced */
	bool is_new;
	struct change *next;
};

struct import {
	struct mme *m;
	bool replace;
	struct change *changes;
	json_int_t added, replaced;
};

static int import_one(void *arg, const struct subscriber *sub)
{
	struct import *im = arg;
	struct subscriber_entry *entry;
	struct change *c;

	HASH_FIND_STR(im->m->subscribers, sub->imsi.s, entry);
	if (entry && !im->replace)
		return KH_E_ALREADY_EXISTS;
	/* Ranges that are named over and over would cost memory and time without end. */
	if (im->added + im->replaced >= im->m->opt.max_subscribers)
		return KH_E_NO_RESOURCES;
	c = x_calloc(1, sizeof *c);
	c->is_new = !entry;
	if (entry) {
		c->before = entry->s;
		entry->s = *sub;
		/* A USIM takes no SQN twice. */
		if (entry->s.sqn < c->before.sqn)
			entry->s.sqn = c->before.sqn;
		im->replaced++;
	} else {
		int err = mme_subscriber_add(im->m, sub);
		if (err) {
			free(c);
			return err;
		}
		HASH_FIND_STR(im->m->subscribers, sub->imsi.s, entry);
		im->added++;
	}
	c->entry = entry;
	LL_PREPEND(im->changes, c);
	return 0;
}

static void undo(struct mme *m, struct change *c)
{
	if (c->is_new) {
		// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash
		HASH_DEL(m->subscribers, c->entry);
		KEY_WIPE(&c->entry->s);
		free(c->entry);
	} else {
		c->entry->s = c->before;
	}
}

/* Makes good what was done, or takes it back. */
static void import_end(struct import *im, bool good)
{
	struct change *c;

	while ((c = im->changes)) {
		LL_DELETE(im->changes, c);
		if (good)
			mme_subscriber_keys(im->m, &c->entry->s);
		else
			undo(im->m, c);
		KEY_WIPE(c);
		free(c);
	}
}

void ctl_subscriber_import(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct import im = {.m = m, .replace = ctl_bool(params, "replace", false)};
	const char *file = ctl_string(params, "file", ""), *text = ctl_string(params, "text", NULL);
	char why[300];
	int err = text ? subscriber_read_text(m->node.crypto, text, file,
					      (unsigned)ctl_int(params, "line", 1), import_one, &im,
					      why, sizeof why)
		       : subscriber_read(m->node.crypto, file, import_one, &im, why, sizeof why);

	import_end(&im, !err);
	if (err) {
		ctl_fail_with(req, err, NULL, "%s", why);
		return;
	}
	log_info(LOG_MME, "subscribers: %lld added, %lld replaced", (long long)im.added,
		 (long long)im.replaced);
	ctl_reply(req, json_pack("{s:s, s:I, s:I}", "outcome", "completed", "added", im.added,
				 "replaced", im.replaced));
}

static struct subscriber_entry *find_subscriber(struct mme *m, struct ctl_request *req,
						const json_t *params)
{
	const char *imsi = ctl_string(params, "ue", "");
	struct subscriber_entry *entry;

	HASH_FIND_STR(m->subscribers, imsi, entry);
	if (!entry)
		ctl_fail(req, KH_E_UNKNOWN_SUBSCRIBER, "see subscriber.list");
	return entry;
}

void ctl_subscriber_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	const struct subscriber_entry *entry = find_subscriber(m, req, params);

	if (!entry)
		return;
	const struct subscriber *sub = &entry->s;
	ctl_reply(req,
		  json_pack("{s:s, s:I, s:b, s:o, s:o}", "ue", sub->imsi.s, "sqn",
			    (json_int_t)sub->sqn, "attached", ue_find_imsi(m, sub->imsi.s) != NULL,
			    "k_fp", ctl_fingerprint(m, KEY_K, sub->k.b, sizeof sub->k.b), "opc_fp",
			    ctl_fingerprint(m, KEY_OPC, sub->opc.b, sizeof sub->opc.b)));
}

/* One that is attached stays attached; it cannot attach again. */
void ctl_subscriber_remove(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct subscriber_entry *entry = find_subscriber(m, req, params);

	if (!entry)
		return;
	if (mme_subscriber_remove(m, entry))
		ctl_fail(req, KH_E_BUSY, "it attaches right now");
	else
		ctl_done(req, 0, NULL);
}

const struct ctl_param ctl_subscriber_params[] = {{"ue", CTL_STRING, true, 0, 0, "IMSI"}, {0}};
const struct ctl_param ctl_import_params[] = {
	{"file", CTL_STRING, true, 0, 0, "CSV of IMSI,K,OPc[,SQN]; mode 0600"},
	{"text", CTL_STRING, false, 0, 0,
	 "lines of that file; without it the daemon reads the file itself"},
	{"line", CTL_INT, false, 1, UINT32_MAX, "number of the first of them (default 1)"},
	{"replace", CTL_BOOL, false, 0, 0, "subscribers that are there get these keys"},
	{0}};
const struct ctl_param ctl_add_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI"},
	{"k", CTL_STRING, true, 0, 0, "K, 32 hex digits"},
	{"opc", CTL_STRING, true, 0, 0, "OPc, 32 hex digits, or op:OP"},
	{"sqn", CTL_STRING, false, 0, 0, "SQN, 12 hex digits"},
	{0}};
