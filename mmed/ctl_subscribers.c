/* Control methods about subscribers. Their keys come in and never go out. */
#include "ctl_cmds.h"
#include "mme.h"

void ctl_subscriber_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct subscriber_entry *s = m->subscribers; s; s = s->hh.next)
		if (ctl_page_wants(&page))
			json_array_append_new(page.items, json_pack("{s:s, s:I}", "ue", s->s.imsi.s,
								    "sqn", (json_int_t)s->s.sqn));
	ctl_page_reply(req, &page);
}

static int take_subscriber(void *arg, const struct subscriber *sub)
{
	return mme_subscriber_add(arg, sub);
}

void ctl_subscriber_add(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct subscriber sub = {0};
	const char *field = NULL;
	int err = subscriber_parse(m->node.crypto, ctl_string(params, "ue", ""),
				   ctl_string(params, "k", ""), ctl_string(params, "opc", ""),
				   ctl_string(params, "sqn", NULL), &sub, &field);

	if (err)
		ctl_fail(req, KH_E_USAGE, field);
	else if (mme_subscriber_add(m, &sub))
		ctl_fail(req, KH_E_ALREADY_EXISTS, "subscriber.remove it first");
	else
		ctl_reply(req, json_pack("{s:s, s:s}", "outcome", "completed", "ue", sub.imsi.s));
	KEY_WIPE(&sub);
}

void ctl_subscriber_import(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	unsigned before = HASH_COUNT(m->subscribers);
	char why[300];
	int err = subscriber_read(m->node.crypto, ctl_string(params, "file", ""), take_subscriber,
				  m, why, sizeof why);
	json_int_t added = (json_int_t)HASH_COUNT(m->subscribers) - before;

	if (err)
		ctl_fail_with(req, err, json_pack("{s:I}", "added", added), "%s", why);
	else
		ctl_reply(req, json_pack("{s:s, s:I}", "outcome", "completed", "added", added));
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
		ctl_reply(req, json_pack("{s:s}", "outcome", "completed"));
}

const struct ctl_param ctl_subscriber_params[] = {{"ue", CTL_STRING, true, 0, 0, "IMSI"}, {0}};
const struct ctl_param ctl_import_params[] = {
	{"file", CTL_STRING, true, 0, 0, "CSV of IMSI,K,OPc[,SQN]; mode 0600"}, {0}};
const struct ctl_param ctl_add_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI"},
	{"k", CTL_STRING, true, 0, 0, "K, 32 hex digits"},
	{"opc", CTL_STRING, true, 0, 0, "OPc, 32 hex digits, or op:OP"},
	{"sqn", CTL_STRING, false, 0, 0, "SQN, 12 hex digits"},
	{0}};
