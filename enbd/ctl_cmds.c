#include "ctl_cmds.h"

#include "clock.h"
#include "ue_fsm.h"
#include "x2_fsm.h"

static json_t *ue_json(const struct ue *ue)
{
	return json_pack("{s:s, s:I, s:I, s:s, s:I, s:s, s:I}", "ue", ue->label.s, "mme_ue_id",
			 (json_int_t)ue->mme_ue_id, "c_rnti", (json_int_t)ue->c_rnti, "state",
			 ue_state_name(ue), "generation", (json_int_t)ue->kenb_gen, "kenb_fp",
			 ue->kenb_fp, "list_generation",
			 (json_int_t)(ue->list ? ue->list->generation : 0));
}

static void ue_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct ue *ue = e->ues; ue; ue = ue->hh.next)
		if (ctl_page_wants_number(&page, ue->number))
			json_array_append_new(page.items, ue_json(ue));
	ctl_page_reply(req, &page);
}

struct ue *ctl_find_ue(struct enb *e, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ue_resolve(e, ctl_string(params, "ue", ""));

	if (!ue)
		ctl_fail(req, KH_E_UE_NOT_FOUND,
			 "ue.list has the UEs of this cell; ue.show of the MME knows who serves a "
			 "UE");
	return ue;
}

static void ue_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	json_t *out = ue_json(ue);
	json_object_set_new(out, "eea", json_integer(ue->pdcp.eea));
	json_object_set_new(out, "eia", json_integer(ue->pdcp.eia));
	json_object_set_new(out, "delivered_generation",
			    json_integer((json_int_t)ue->delivered_gen));
	json_object_set_new(out, "handover_to", json_integer(ue->ho ? ue->ho->target : 0));
	ctl_reply(req, out);
}

static void ue_release(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	int err = ue_step(ue, EV_OP_RELEASE, &(struct ue_input){.cause = KH_E_RELEASED});
	ctl_done(req, err, NULL);
}

static void add_fp(struct ctl_page *page, const char *ue, enum key_kind kind, uint32_t kid,
		   const char *fp)
{
	json_array_append_new(page->items,
			      json_pack("{s:s, s:s, s:I, s:s}", "name", key_kind_name(kind), "ue",
					ue, "kid", (json_int_t)kid, "fp", fp));
}

static void add_key(struct enb *e, struct ctl_page *page, const char *ue, enum key_kind kind,
		    const void *key, size_t len, uint32_t kid)
{
	char fp[FINGERPRINT_LEN];

	if (!ctl_page_wants(page))
		return;
	key_fingerprint(e->node.crypto, kind, key, len, fp);
	add_fp(page, ue, kind, kid, fp);
}

static void add_ue_keys(struct enb *e, struct ctl_page *page, const struct ue *ue)
{
	const struct as_keys *k = &ue->pdcp.keys;

	/* KeNB itself is wiped once the AS keys are derived; its fingerprint stays. */
	if (ctl_page_wants(page))
		add_fp(page, ue->label.s, KEY_KENB, 0, ue->kenb_fp);
	add_key(e, page, ue->label.s, KEY_K_RRC_ENC, k->rrc_enc.b, sizeof k->rrc_enc.b, 0);
	add_key(e, page, ue->label.s, KEY_K_RRC_INT, k->rrc_int.b, sizeof k->rrc_int.b, 0);
	add_key(e, page, ue->label.s, KEY_K_UP_ENC, k->up_enc.b, sizeof k->up_enc.b, 0);
}

static void add_enb_key(struct enb *e, struct ctl_page *page, const struct mme_enb_key *key)
{
	if (key->id)
		add_key(e, page, "", KEY_MME_ENB_KEY, key->b, key->len, key->id);
}

static void key_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	bool of_ue = json_object_get(params, "ue") != NULL;
	struct ue *ue = of_ue ? ctl_find_ue(e, req, params) : NULL;

	if (of_ue && !ue)
		return;
	struct ctl_page page = ctl_page_begin(params);
	if (!ue) {
		add_enb_key(e, &page, &e->key);
		add_enb_key(e, &page, &e->previous);
	} else if (ue->kenb_fp[0]) {
		add_ue_keys(e, &page, ue);
	}
	ctl_page_reply(req, &page);
}

static json_t *neighbour_json(const struct neighbour *nb)
{
	char address[ENDPOINT_TEXT_LEN] = "";

	if (nb->configured)
		endpoint_text(&nb->at.at.at[0], address);
	return json_pack("{s:I, s:s, s:s, s:b, s:s}", "enb", (json_int_t)nb->id, "name", nb->name,
			 "address", address, "configured", nb->configured, "state",
			 nb->revoked ? "revoked"
			 : nb->peer  ? "up"
				     : "down");
}

static void neighbour_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct neighbour *nb = e->neighbours; nb; nb = nb->hh.next)
		if (ctl_page_wants(&page))
			json_array_append_new(page.items, neighbour_json(nb));
	ctl_page_reply(req, &page);
}

static void neighbour_add_cmd(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	char why[CONFIG_WHY_LEN];
	struct conn_peer at;
	uint32_t id = (uint32_t)ctl_int(params, "enb", 0);
	const char *name = ctl_string(params, "name", NULL);
	struct transport_option o = {.key = "address",
				     .transport = TRANSPORT_OF_NODE,
				     .address = ctl_string(params, "address", ""),
				     .port = (uint16_t)ctl_int(params, "port", 36522)};

	if (id == e->opt.id || (name && !node_name_is_valid(name))) {
		ctl_fail(req, KH_E_USAGE, "enb: not this one; name: a node name");
		return;
	}
	if (!node_transport_parse(ctl_string(params, "transport", "node"), &o.transport) ||
	    node_peer(&e->opt.node, &o, &at, why, sizeof why)) {
		ctl_fail(req, KH_E_USAGE, "address: numeric; transport: one that works here");
		return;
	}
	struct neighbour *nb = neighbour_add(e, id, name, &at);
	if (!nb) {
		ctl_fail(req, KH_E_NO_RESOURCES, "an eNodeB knows at most 1024 neighbours");
		return;
	}
	nb->attempts = 0;
	x2_connect(nb);
	ctl_reply(req, neighbour_json(nb));
}

static void neighbour_remove(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct neighbour *nb = neighbour_resolve(ctx, ctl_string(params, "enb", ""));

	if (!nb) {
		ctl_fail(req, KH_E_ENB_NOT_FOUND, "see neighbour.list");
		return;
	}
	/* It may still come by itself; this cell does not hand over to it and does not connect. */
	nb->configured = false;
	if (nb->peer)
		(void)x2_step(nb->peer, X2_EV_DROP, &(struct x2_input){.cause = KH_E_CANCELLED});
	ctl_reply(req, neighbour_json(nb));
}

static void handover_start(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	bool wait = ctl_bool(params, "wait", false);
	struct neighbour *nb = neighbour_resolve(e, ctl_string(params, "target", ""));
	struct ue *ue = ctl_find_ue(e, req, params);

	if (!ue)
		return;
	if (!nb) {
		ctl_fail(req, KH_E_NOT_A_NEIGHBOUR, "see neighbour.list");
		return;
	}
	uint32_t next = e->next_ho_id + 1;
	int err = ho_start(ue, nb->id, wait ? req : NULL, wait);
	if (err)
		ctl_fail(req, err,
			 err == KH_E_NO_WRAPPED_KEY ? "with wait it asks for a list first" : NULL);
	else if (!wait)
		ctl_reply(req,
			  json_pack("{s:s, s:I}", "outcome", "started", "ho", (json_int_t)next));
}

static json_t *ho_json(struct enb *e, const struct ho *ho)
{
	const struct ue *ue = ue_find(e, ho->c_rnti);

	return json_pack("{s:I, s:s, s:s, s:I, s:I, s:I}", "ho", (json_int_t)ho->id, "ue",
			 ue ? ue->label.s : "", "state", ue ? ue_state_name(ue) : "gone", "target",
			 (json_int_t)ho->target, "generation", (json_int_t)ho->generation, "age_us",
			 (json_int_t)(clock_mono_us() - ho->begun_us));
}

static void handover_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct ho *ho = e->hos; ho; ho = ho->hh.next)
		if (ctl_page_wants_number(&page, ho->id))
			json_array_append_new(page.items, ho_json(e, ho));
	ctl_page_reply(req, &page);
}

static void handover_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	struct ue *ue = ctl_find_ue(e, req, params);

	if (!ue)
		return;
	if (!ue->ho)
		ctl_fail(req, KH_E_NOT_FOUND, "the UE is in no handover");
	else
		ctl_reply(req, ho_json(e, ue->ho));
}

static void handover_cancel(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	int err = ue_step(ue, EV_OP_CANCEL, &(struct ue_input){.cause = KH_E_CANCELLED});
	ctl_done(req, err, "it can be cancelled until message 9 is sent");
}

static void wraplist_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	struct ctl_page page = ctl_page_begin(params);
	for (size_t i = 0; ue->list && i < ue->list->n; i++) {
		const struct key_entry *entry = &ue->list->entry[i];
		if (!ctl_page_wants(&page))
			continue;
		json_array_append_new(
			page.items,
			json_pack("{s:I, s:I, s:I, s:b, s:b}", "enb", (json_int_t)entry->enb_id,
				  "kid", (json_int_t)entry->key_id, "generation",
				  (json_int_t)ue->list->generation, "burnt", entry->burnt, "usable",
				  !entry->burnt && ue->delivered_gen >= ue->list->generation));
	}
	ctl_page_reply(req, &page);
}

static void wraplist_request(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	int err = ue->fsm.now == UE_ACTIVE ? neighbour_list_send(ue) : KH_E_BAD_STATE;
	ctl_done(req, err, NULL);
}

static const struct ctl_param page_params[] = {CTL_PAGE_PARAMS, {0}};
static const struct ctl_param no_params[] = {{0}};
static const struct ctl_param ue_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI, MME-UE-id or rnti-N"}, {0}};
static const struct ctl_param ue_page_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI, MME-UE-id or rnti-N"}, CTL_PAGE_PARAMS, {0}};
static const struct ctl_param key_params[] = {
	{"ue", CTL_STRING, false, 0, 0, "IMSI, MME-UE-id or rnti-N; the MME-eNB_keys without it"},
	CTL_PAGE_PARAMS,
	{0}};
static const struct ctl_param neighbour_params[] = {
	{"enb", CTL_STRING, true, 0, 0, "eNB_ID or name"}, {0}};
static const struct ctl_param neighbour_add_params[] = {
	{"enb", CTL_INT, true, 1, ENB_ID_MAX, "eNB_ID"},
	{"address", CTL_STRING, true, 0, 0, "address of its X2"},
	{"port", CTL_INT, false, 1, 65535, "port of its X2 (default 36522)"},
	{"transport", CTL_STRING, false, 0, 0,
	 "tcp, sctp or sctp-udp; that of the node without it"},
	{"name", CTL_STRING, false, 0, 0, "node name"},
	{0}};
static const struct ctl_param handover_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI, MME-UE-id or rnti-N"},
	{"target", CTL_STRING, true, 0, 0, "eNB_ID or name of a neighbour"},
	{"wait", CTL_BOOL, false, 0, 0, "wait for a list if need be, and for the outcome"},
	{0}};

const struct ctl_method enb_methods[] = {
	{"ue.list", page_params, ue_list, "UEs in this cell", true},
	{"ue.show", ue_params, ue_show, "one UE", true},
	{"ue.release", ue_params, ue_release, "release a UE", false},
	{"key.list", key_params, key_list, "keys held (fingerprints)", true},
	{"neighbour.list", page_params, neighbour_list, "neighbours and their X2", true},
	{"neighbour.add", neighbour_add_params, neighbour_add_cmd,
	 "add a neighbour and connect; of all that it has ever met an eNodeB knows 1024", false},
	{"neighbour.remove", neighbour_params, neighbour_remove, "hand over to a neighbour no more",
	 false},
	{"neighbour.probe", neighbour_params, ctl_neighbour_probe,
	 "there and back to a neighbour over X2; connects to one that is away", false},
	{"mme.status", no_params, ctl_mme_status, "the association with the MME", true},
	{"mme.connect", no_params, ctl_mme_connect,
	 "connect to the MME now, and again when it is lost", false},
	{"mme.disconnect", no_params, ctl_mme_disconnect,
	 "leave the MME until mme.connect: what happens in a partition", false},
	{"location.update", ue_params, ctl_location_update,
	 "step 12 again, while the MME owes its answer", false},
	{"policy.get", no_params, ctl_policy_get, "event A3 that UEs are given", true},
	{"policy.set", ctl_policy_params, ctl_policy_set,
	 "change event A3, for UEs that come from now on", false},
	{"scheme.get", no_params, ctl_scheme_get, "how the key of the next cell is made", true},
	{"handover.start", handover_params, handover_start, "steps 6a to 11: hand a UE over",
	 false},
	{"handover.list", page_params, handover_list, "handovers under way from this cell", true},
	{"handover.show", ue_params, handover_show, "the handover of one UE", true},
	{"handover.cancel", ue_params, handover_cancel, "cancel a handover before message 9",
	 false},
	{"wraplist.show", ue_page_params, wraplist_show, "the wrapped keys of a UE's list", true},
	{"wraplist.request", ue_params, wraplist_request, "step 3: ask for a new list", false},
	{0},
};
