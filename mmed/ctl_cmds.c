#include "ctl_cmds.h"

#include <string.h>

#include "clock.h"
#include "handlers.h"
#include "s1_fsm.h"
#include "ue_fsm.h"

json_t *ctl_fingerprint(struct mme *m, enum key_kind kind, const void *key, size_t len)
{
	char fp[FINGERPRINT_LEN];

	key_fingerprint(m->node.crypto, kind, key, len, fp);
	return json_string(fp);
}

static json_t *enb_json(const struct enb *e)
{
	return json_pack("{s:I, s:s, s:s, s:I, s:I}", "enb", (json_int_t)e->id, "name", e->name,
			 "state",
			 e->revoked ? "revoked"
			 : e->peer  ? "up"
				    : "down",
			 "ues", (json_int_t)e->ue_count, "kid", (json_int_t)e->key.id);
}

static void enb_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct enb *e = m->enbs; e; e = e->hh.next)
		if (ctl_page_wants(&page))
			json_array_append_new(page.items, enb_json(e));
	ctl_page_reply(req, &page);
}

/* The eNodeB an operator names, or the answer that there is none. */
static struct enb *find_enb(struct mme *m, struct ctl_request *req, const json_t *params)
{
	struct enb *e = enb_resolve(m, ctl_string(params, "enb", ""));

	if (!e)
		ctl_fail(req, KH_E_ENB_NOT_FOUND, "see enb.list");
	return e;
}

/* The same for one that is there. */
static struct enb *find_enb_up(struct mme *m, struct ctl_request *req, const json_t *params)
{
	struct enb *e = find_enb(m, req, params);

	if (!e || e->peer)
		return e;
	ctl_fail(req, KH_E_BAD_STATE, "the eNodeB is away");
	return NULL;
}

static void enb_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct enb *e = find_enb(m, req, params);

	if (!e)
		return;
	json_t *out = enb_json(e);
	if (e->key.id) {
		json_object_set_new(out, "fp",
				    ctl_fingerprint(m, KEY_MME_ENB_KEY, e->key.b, e->key.len));
		json_object_set_new(out, "key_age_us", json_integer(clock_mono_us() - e->key_us));
	}
	ctl_reply(req, out);
}

static void enb_drop(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct enb *e = find_enb_up(m, req, params);

	if (!e)
		return;
	(void)s1_step(m, e->peer, S1_EV_DROP, &(struct s1_input){.cause = KH_E_CANCELLED});
	ctl_done(req, 0, NULL);
}

static void enbkey_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct enb *e = m->enbs; e; e = e->hh.next)
		if (e->key.id && ctl_page_wants(&page))
			json_array_append_new(
				page.items,
				json_pack("{s:I, s:I, s:o, s:s, s:i, s:I, s:I}", "enb",
					  (json_int_t)e->id, "kid", (json_int_t)e->key.id, "fp",
					  ctl_fingerprint(m, KEY_MME_ENB_KEY, e->key.b, e->key.len),
					  "wrap", wrap_name((enum wrap_type)e->key.wrap), "bits",
					  e->key.len * 8, "wraps", (json_int_t)e->nonce, "age_us",
					  (json_int_t)(clock_mono_us() - e->key_us)));
	ctl_page_reply(req, &page);
}

static void enbkey_rotate(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct enb *e = find_enb_up(m, req, params);

	if (!e)
		return;
	key_provision_start(m, e);
	ctl_reply(req, json_pack("{s:I, s:I}", "enb", (json_int_t)e->id, "kid",
				 (json_int_t)e->offered.id));
}

static json_t *ue_json(const struct ue *ue)
{
	return json_pack("{s:s, s:I, s:s, s:I, s:I}", "ue", ue->imsi.s, "mme_ue_id",
			 (json_int_t)ue->id, "state", ue_state_name(ue), "serving",
			 (json_int_t)ue->enb_id, "generation", (json_int_t)ue->gen_issued);
}

static void ue_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct ue *ue = m->ues; ue; ue = ue->hh.next)
		if (ctl_page_wants_number(&page, ue->id))
			json_array_append_new(page.items, ue_json(ue));
	ctl_page_reply(req, &page);
}

struct ue *ctl_find_ue(struct mme *m, struct ctl_request *req, const json_t *params)
{
	const char *text = ctl_string(params, "ue", "");
	struct ue *ue = ue_find_imsi(m, text);
	uint32_t id;

	if (!ue && id_parse(&id, text) == 0)
		ue = ue_find(m, id);
	if (!ue)
		ctl_fail(req, KH_E_UE_NOT_FOUND, "ue.list has those that are attached");
	return ue;
}

static void ue_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	json_t *out = ue_json(ue);
	json_object_set_new(out, "generation_floor", json_integer((json_int_t)ue->gen_floor));
	json_object_set_new(out, "eea", json_integer(ue->nas.eea));
	json_object_set_new(out, "eia", json_integer(ue->nas.eia));
	json_object_set_new(out, "nas_tx_count", json_integer(ue->nas.tx_count));
	json_object_set_new(out, "nas_rx_next", json_integer(ue->nas.rx_next));
	ctl_reply(req, out);
}

static void add_key(struct mme *m, struct ctl_page *page, const struct ue *ue, enum key_kind kind,
		    const void *key, size_t len)
{
	if (ctl_page_wants(page))
		json_array_append_new(page->items,
				      json_pack("{s:s, s:s, s:o}", "name", key_kind_name(kind),
						"ue", ue->imsi.s, "fp",
						ctl_fingerprint(m, kind, key, len)));
}

static void add_enb_keys(struct mme *m, struct ctl_page *page)
{
	for (struct enb *e = m->enbs; e; e = e->hh.next)
		if (e->key.id && ctl_page_wants(page))
			json_array_append_new(page->items,
					      json_pack("{s:s, s:I, s:I, s:o}", "name",
							"mme_enb_key", "enb", (json_int_t)e->id,
							"kid", (json_int_t)e->key.id, "fp",
							ctl_fingerprint(m, KEY_MME_ENB_KEY,
									e->key.b, e->key.len)));
}

static void key_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	bool of_ue = json_object_get(params, "ue") != NULL;
	struct ue *ue = of_ue ? ctl_find_ue(m, req, params) : NULL;

	if (of_ue && !ue)
		return;
	struct ctl_page page = ctl_page_begin(params);
	if (ue) {
		add_key(m, &page, ue, KEY_KASME, ue->kasme.b, sizeof ue->kasme.b);
		add_key(m, &page, ue, KEY_K_NAS_ENC, ue->nas.enc.b, sizeof ue->nas.enc.b);
		add_key(m, &page, ue, KEY_K_NAS_INT, ue->nas.integrity.b,
			sizeof ue->nas.integrity.b);
	} else {
		add_enb_keys(m, &page);
	}
	ctl_page_reply(req, &page);
}

static void ue_detach(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	int err = ue_step(ctx, ue, EV_OP_DETACH, &(struct ue_input){.cause = KH_E_DETACHED});
	ctl_done(req, err, NULL);
}

static const struct ctl_param page_params[] = {CTL_PAGE_PARAMS, {0}};
static const struct ctl_param no_params[] = {{0}};
static const struct ctl_param enb_params[] = {{"enb", CTL_STRING, true, 0, 0, "eNB_ID or name"},
					      {0}};
static const struct ctl_param ue_params[] = {{"ue", CTL_STRING, true, 0, 0, "IMSI or MME-UE-id"},
					     {0}};
static const struct ctl_param key_params[] = {
	{"ue", CTL_STRING, false, 0, 0, "IMSI or MME-UE-id; the MME-eNB_keys without it"},
	CTL_PAGE_PARAMS,
	{0}};

const struct ctl_method mme_methods[] = {
	{"enb.list", page_params, enb_list, "eNodeBs, up and down", true},
	{"enb.show", enb_params, enb_show, "one eNodeB", true},
	{"enb.drop", enb_params, enb_drop,
	 "close the association of an eNodeB; it comes back by itself", false},
	{"enbkey.list", page_params, enbkey_list, "MME-eNB_keys in use (fingerprints)", true},
	{"enbkey.rotate", enb_params, enbkey_rotate, "steps 1 and 2: a new MME-eNB_key", false},
	{"hkey.issue", ctl_hkey_params, ctl_hkey_issue,
	 "steps 3a to 5: a new H_key and list for a UE, for the eNodeBs named", false},
	{"hkey.show", ue_params, ctl_hkey_show, "generations of a UE's H_keys; the keys are wiped",
	 true},
	{"wraplist.show", ctl_wraplist_params, ctl_wraplist_show,
	 "the list last sent for a UE: generation, key ids, fingerprints; the keys are wiped",
	 true},
	{"wraplist.push", ue_params, ctl_wraplist_push,
	 "steps 3a to 5 for the eNodeBs of the list last sent: a new one, as its keys are wiped",
	 false},
	{"scheme.get", no_params, ctl_scheme_get,
	 "how the keys of the next cells are made, and which eNodeBs have not come to that yet",
	 true},
	{"scheme.set", ctl_scheme_params, ctl_scheme_set,
	 "change how keys are made, until a restart or config.reload: new MME-eNB_keys go to "
	 "eNodeBs that need one",
	 false},
	{"ue.list", page_params, ue_list, "UE contexts", true},
	{"ue.show", ue_params, ue_show, "one UE", true},
	{"ue.detach", ue_params, ue_detach, "detach a UE", false},
	{"key.list", key_params, key_list, "keys held (fingerprints)", true},
	{"subscriber.list", page_params, ctl_subscriber_list, "subscribers; never their keys",
	 true},
	{"subscriber.show", ctl_subscriber_params, ctl_subscriber_show, "one subscriber", true},
	{"subscriber.add", ctl_add_params, ctl_subscriber_add, "add a subscriber", false},
	{"subscriber.import", ctl_import_params, ctl_subscriber_import,
	 "add the subscribers of a file, or of a piece of it: all or none", false},
	{"subscriber.remove", ctl_subscriber_params, ctl_subscriber_remove, "remove a subscriber",
	 false},
	{0},
};
