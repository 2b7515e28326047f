#include "ctl_cmds.h"

#include <math.h>
#include <string.h>

#include "clock.h"
#include "ue_fsm.h"

#define CELLS_MEASURED 256

static json_t *ue_json(const struct ue *ue)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:I}", "ue", ue->imsi.s, "state",
			 ue_state_name(ue), "serving", (json_int_t)(ue->cell ? ue->cell->id : 0),
			 "mme_ue_id", (json_int_t)ue->mme_ue_id, "generation",
			 (json_int_t)ue->kenb_gen, "kenb_fp", ue->kenb_fp, "hkey_generation",
			 (json_int_t)ue->hkeys[0].generation);
}

static void ue_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue_node *u = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (struct ue *ue = u->ues; ue; ue = ue->hh.next)
		if (ctl_page_wants_number(&page, ue->number))
			json_array_append_new(page.items, ue_json(ue));
	ctl_page_reply(req, &page);
}

static struct ue *find_ue(struct ue_node *u, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ue_find(u, ctl_string(params, "ue", ""));

	if (!ue)
		ctl_fail(req, KH_E_UE_NOT_FOUND,
			 "ue.list has the UEs of this process; an IMSI has 15 digits");
	return ue;
}

static void ue_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = find_ue(ctx, req, params);

	if (!ue)
		return;
	json_t *out = ue_json(ue);
	json_object_set_new(out, "serving_name", json_string(ue->cell ? ue->cell->name : ""));
	json_object_set_new(out, "c_rnti", json_integer(ue->c_rnti));
	json_object_set_new(out, "eea", json_integer(ue->pdcp.eea));
	json_object_set_new(out, "eia", json_integer(ue->pdcp.eia));
	json_object_set_new(out, "generation_floor", json_integer((json_int_t)ue->gen_floor));
	ctl_reply(req, out);
}

static void add_fp(struct ctl_page *page, const struct ue *ue, enum key_kind kind, uint64_t gen,
		   const char *fp)
{
	json_array_append_new(page->items,
			      json_pack("{s:s, s:s, s:I, s:s}", "name", key_kind_name(kind), "ue",
					ue->imsi.s, "generation", (json_int_t)gen, "fp", fp));
}

static void add_key(struct ue_node *u, struct ctl_page *page, const struct ue *ue,
		    enum key_kind kind, const void *key, size_t len, uint64_t gen)
{
	char fp[FINGERPRINT_LEN];

	if (!ctl_page_wants(page))
		return;
	key_fingerprint(u->node.crypto, kind, key, len, fp);
	add_fp(page, ue, kind, gen, fp);
}

static void add_keys(struct ue_node *u, struct ctl_page *page, const struct ue *ue)
{
	const struct as_keys *k = &ue->pdcp.keys;
	uint64_t gen = ue->kenb_gen;

	if (!ue->nas.active)
		return;
	add_key(u, page, ue, KEY_KASME, ue->kasme.b, sizeof ue->kasme.b, 0);
	add_key(u, page, ue, KEY_K_NAS_ENC, ue->nas.enc.b, sizeof ue->nas.enc.b, 0);
	add_key(u, page, ue, KEY_K_NAS_INT, ue->nas.integrity.b, sizeof ue->nas.integrity.b, 0);
	for (size_t i = 0; i < HKEYS_KEPT; i++)
		if (ue->hkeys[i].generation)
			add_key(u, page, ue, KEY_H_KEY, ue->hkeys[i].h_key.b,
				ue->hkeys[i].h_key.len, ue->hkeys[i].generation);
	/* KeNB itself is wiped once the AS keys are derived; its fingerprint stays. */
	if (ctl_page_wants(page))
		add_fp(page, ue, KEY_KENB, gen, ue->kenb_fp);
	add_key(u, page, ue, KEY_K_RRC_ENC, k->rrc_enc.b, sizeof k->rrc_enc.b, gen);
	add_key(u, page, ue, KEY_K_RRC_INT, k->rrc_int.b, sizeof k->rrc_int.b, gen);
	add_key(u, page, ue, KEY_K_UP_ENC, k->up_enc.b, sizeof k->up_enc.b, gen);
}

static void key_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue_node *u = ctx;
	struct ue *ue = find_ue(u, req, params);

	if (!ue)
		return;
	struct ctl_page page = ctl_page_begin(params);
	add_keys(u, &page, ue);
	ctl_page_reply(req, &page);
}

/* With wait the answer comes at the end; without, the work has begun. */
static void run(struct ctl_request *req, struct ue *ue, enum ue_event_id event, struct cell *cell,
		bool wait)
{
	struct ue_input in = {.cell = cell, .req = wait ? req : NULL};
	uint8_t wanted = event == EV_OP_ATTACH ? UE_DETACHED : UE_ATTACHED;

	/* A failure in a state that has the event is answered by the step itself when somebody waits. */
	if (ue->fsm.now != wanted) {
		ctl_fail(req, KH_E_BAD_STATE, ue_state_name(ue));
		return;
	}
	int err = ue_step(ue, event, &in);
	if (wait && !(err && event == EV_OP_DETACH))
		return;
	if (err)
		ctl_fail(req, err, NULL);
	else
		ctl_reply(req, json_pack("{s:s}", "outcome", "started"));
}

static void attach(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = find_ue(ctx, req, params);
	struct cell *cell = cell_resolve(ctx, ctl_string(params, "cell", ""));

	if (!ue)
		return;
	if (!cell) {
		ctl_fail(req, KH_E_ENB_NOT_FOUND, "cells of the configuration only");
		return;
	}
	run(req, ue, EV_OP_ATTACH, cell, ctl_bool(params, "wait", false));
}

static void detach(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = find_ue(ctx, req, params);

	if (ue)
		run(req, ue, EV_OP_DETACH, NULL, ctl_bool(params, "wait", false));
}

/* {"enb1": -80, "2": -70.5}: dBm by cell. */
static int read_cells(struct ue_node *u, json_t *cells, struct measurement *out, size_t *n)
{
	const char *name;
	json_t *value;

	*n = 0;
	json_object_foreach(cells, name, value)
	{
		const struct cell *c = cell_resolve(u, name);
		double dbm = json_number_value(value);
		if (!c || !json_is_number(value) || dbm < -140 || dbm > 0 || *n == CELLS_MEASURED)
			return KH_E_USAGE;
		out[*n].cell = c->id;
		out[(*n)++].rsrp_cdbm = (int32_t)lround(dbm * 100);
	}
	return *n ? 0 : KH_E_USAGE;
}

static void measure(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue_node *u = ctx;
	struct ue *ue = find_ue(u, req, params);
	struct measurement m[CELLS_MEASURED];
	size_t n;

	if (!ue)
		return;
	if (read_cells(u, json_object_get(params, "cells"), m, &n)) {
		ctl_fail(req, KH_E_USAGE, "cells: {\"enb1\": -80, \"enb2\": -70}, -140..0 dBm");
		return;
	}
	if (ue->fsm.now != UE_ATTACHED) {
		ctl_fail(req, KH_E_BAD_STATE, ue_state_name(ue));
		return;
	}
	measurement_set(ue, m, n);
	const struct measurement *best = measurement_a3(ue);
	ctl_reply(req, json_pack("{s:s, s:b, s:I}", "outcome", "completed", "a3", best != NULL,
				 "best", (json_int_t)(best ? best->cell : 0)));
}

static json_t *handover_json(const struct ue *ue)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "ue", ue->imsi.s, "state",
			 ue_state_name(ue), "source", (json_int_t)ue->fallback->cell->id, "target",
			 (json_int_t)ue->fallback->target, "generation", (json_int_t)ue->kenb_gen,
			 "confirms", (json_int_t)ue->fallback->confirms, "age_us",
			 (json_int_t)(clock_mono_us() - ue->fallback->left_us));
}

/* From 9 to the acknowledgement of 10. */
static void handover_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	const struct ue_node *u = ctx;
	struct ctl_page page = ctl_page_begin(params);

	for (const struct ue *ue = u->ues; ue; ue = ue->hh.next)
		if (ue->fallback && ctl_page_wants_number(&page, ue->number))
			json_array_append_new(page.items, handover_json(ue));
	ctl_page_reply(req, &page);
}

static void handover_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	const struct ue *ue = find_ue(ctx, req, params);

	if (!ue)
		return;
	if (ue->fallback)
		ctl_reply(req, handover_json(ue));
	else
		ctl_fail(req, KH_E_NOT_FOUND, "the UE is in no handover");
}

static void ping(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = find_ue(ctx, req, params);

	if (ue)
		traffic_ping(ue, req);
}

static void ue_add_cmd(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue_node *u = ctx;
	struct subscriber s = {0};
	const char *field = NULL;
	int err = subscriber_parse(u->node.crypto, ctl_string(params, "ue", ""),
				   ctl_string(params, "k", ""), ctl_string(params, "opc", ""),
				   ctl_string(params, "sqn", NULL), &s, &field);
	struct ue *ue = err ? NULL : ue_add(u, &s);

	if (err)
		ctl_fail(req, KH_E_USAGE, subscriber_field_wants(field));
	else if (!ue)
		ctl_fail(req, ue_add_refusal(u, &s), "ue.remove one, or limits.ues");
	else
		ctl_reply(req, json_pack("{s:s, s:s}", "outcome", "completed", "ue", s.imsi.s));
	if (ue)
		ue_start(ue);
	KEY_WIPE(&s);
}

static void ue_remove(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = find_ue(ctx, req, params);

	if (!ue)
		return;
	if (ue->fsm.now != UE_DETACHED) {
		ctl_fail(req, KH_E_BAD_STATE, "detach it first");
		return;
	}
	ue_free(ue);
	ctl_done(req, 0, NULL);
}

static const struct ctl_param page_params[] = {CTL_PAGE_PARAMS, {0}};
static const struct ctl_param ue_params[] = {{"ue", CTL_STRING, true, 0, 0, "IMSI"}, {0}};
static const struct ctl_param ue_page_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI"}, CTL_PAGE_PARAMS, {0}};
static const struct ctl_param move_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI"},
	{"path", CTL_ARRAY, true, 0, 0, "cells by name or eNB_ID, at most 64"},
	{"wait", CTL_BOOL, false, 0, 0, "answer when it has arrived"},
	{"timeout_ms", CTL_INT, false, 1, 3600000, "for each handover (default 5000)"},
	{0}};
static const struct ctl_param attach_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI"},
	{"cell", CTL_STRING, true, 0, 0, "eNB_ID or name"},
	{"wait", CTL_BOOL, false, 0, 0, "answer when it is over"},
	{0}};
static const struct ctl_param detach_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI"},
	{"wait", CTL_BOOL, false, 0, 0, "answer when it is over"},
	{0}};
static const struct ctl_param measure_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI"},
	{"cells", CTL_OBJECT, true, 0, 0, "dBm by cell: {\"enb1\": -80, \"enb2\": -70}"},
	{0}};
static const struct ctl_param air_get_params[] = {
	{"ue", CTL_STRING, false, 0, 0, "IMSI; without it what all have, and new ones"}, {0}};
static const struct ctl_param air_set_params[] = {
	{"ue", CTL_STRING, false, 0, 0, "IMSI; all without it, and new ones"},
	{"loss", CTL_NUMBER, false, 0, 0, "per cent of the messages, up and down, 0 to 100"},
	{"delay_ms", CTL_INT, false, 0, AIR_LATE_MAX_MS, "all are late by this"},
	{"jitter_ms", CTL_INT, false, 0, AIR_LATE_MAX_MS, "and each at random by up to this more"},
	{0}};
static const struct ctl_param add_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI"},
	{"k", CTL_STRING, true, 0, 0, "K, 32 hex digits"},
	{"opc", CTL_STRING, true, 0, 0, "OPc, 32 hex digits, or op:OP"},
	{"sqn", CTL_STRING, false, 0, 0, "SQN, 12 hex digits"},
	{0}};

const struct ctl_method ued_methods[] = {
	{"ue.list", page_params, ue_list, "UEs of this process", true},
	{"ue.show", ue_params, ue_show, "one UE", true},
	{"ue.add", add_params, ue_add_cmd, "add a UE", false},
	{"ue.remove", ue_params, ue_remove, "remove a detached UE", false},
	{"key.list", ue_page_params, key_list, "keys held (fingerprints)", true},
	{"attach", attach_params, attach, "attach a UE to a cell", false},
	{"detach", detach_params, detach, "detach a UE", false},
	{"measure", measure_params, measure,
	 "step 6: what the UE hears; event A3 decides on a report", false},
	{"move", move_params, move_start,
	 "hear one cell after the other best, as on a way through them", false},
	{"handover.list", page_params, handover_list, "UEs between 9 and the acknowledgement of 10",
	 true},
	{"handover.show", ue_params, handover_show, "the handover of one UE", true},
	{"air.set", air_set_params, air_set,
	 "the radio loses messages or brings them late, each UE's in their order; what is not "
	 "named "
	 "stays; wants lab.faults: true",
	 false},
	{"air.get", air_get_params, air_get, "how good the radio is", true},
	{"traffic.ping", ue_params, ping,
	 "user data there and back under K_UPenc; in a handover it waits for the end of that",
	 false},
	{0},
};
