/* Control methods about the MME, the way to a neighbour, and what this cell is set to. */
#include "clock.h"
#include "ctl_cmds.h"
#include "handlers.h"
#include "loop.h"
#include "s1_fsm.h"
#include "scheme.h"
#include "ue_fsm.h"

#define PROBE_MS 3000

void ctl_mme_status(void *ctx, struct ctl_request *req, const json_t *params)
{
	const struct enb *e = ctx;
	const struct s1 *s1 = &e->s1;

	(void)params;
	ctl_reply(req, json_pack("{s:s, s:I, s:s, s:s, s:b, s:I, s:I}", "address",
				 e->opt.mme_address, "port", (json_int_t)e->opt.mme_port, "name",
				 s1->mme_name, "state", fsm_state_name(&enb_s1_fsm, s1->fsm.now),
				 "held", s1->held, "attempts", (json_int_t)s1->attempts,
				 "heartbeats_missed", (json_int_t)s1->liveness.missed));
}

void ctl_mme_connect(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;

	(void)params;
	e->s1.held = false;
	e->s1.attempts = 0;
	if (e->s1.fsm.now == S1_DOWN)
		(void)s1_step(e, S1_EV_CONNECT, &(struct s1_input){0});
	ctl_reply(req, json_pack("{s:s}", "outcome", s1_is_up(e) ? "completed" : "started"));
}

/* UEs stay; what they need of the MME waits until it is back. */
void ctl_mme_disconnect(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;

	(void)params;
	e->s1.held = true;
	if (e->s1.fsm.now != S1_DOWN)
		(void)s1_step(e, S1_EV_DROP, &(struct s1_input){.cause = KH_E_CANCELLED});
	ctl_done(req, 0, NULL);
}

void neighbour_probed(struct neighbour *nb, int err)
{
	struct ctl_request *req = nb->probe;

	if (!req)
		return;
	nb->probe = NULL;
	loop_timer_stop(&nb->probe_timer);
	if (err)
		ctl_fail(req, err, NULL);
	else
		ctl_reply(req, json_pack("{s:s, s:I, s:s, s:I}", "outcome", "completed", "enb",
					 (json_int_t)nb->id, "name", nb->name, "rtt_us",
					 (json_int_t)(clock_mono_us() - nb->probed_us)));
}

/* The heartbeat or its answer is lost, which liveness need not notice: other messages are signs of life, too. */
static void on_probe_timeout(void *arg)
{
	struct neighbour *nb = arg;

	nb->probe_timer = NULL;
	neighbour_probed(nb, KH_E_TIMEOUT);
}

void ctl_neighbour_probe(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	struct neighbour *nb = neighbour_resolve(e, ctl_string(params, "enb", ""));

	if (!nb) {
		ctl_fail(req, KH_E_ENB_NOT_FOUND, "see neighbour.list");
	} else if (!nb->peer) {
		/* Not at the end of its back-off, but now. */
		nb->attempts = 0;
		if (nb->configured)
			x2_connect(nb);
		ctl_fail(req, KH_E_TARGET_UNREACHABLE, "x2.up tells when it is there");
	} else if (nb->probe) {
		ctl_fail(req, KH_E_BUSY, "it is being asked");
	} else {
		nb->probe = req;
		nb->probed_us = clock_mono_us();
		nb->probe_timer = loop_timer_start(e->node.loop, PROBE_MS, on_probe_timeout, nb);
		heartbeat_probe(e, nb->peer);
	}
}

/* 12 again. The UE has proved this move once; the MME takes the proof once. */
void ctl_location_update(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	if (!ue->evidence.pdu) {
		ctl_fail(req, KH_E_BAD_STATE,
			 "only while the MME owes an answer: 12 carries the UE's own evidence");
		return;
	}
	ctl_done(req, location_update_send(ue), NULL);
}

static json_t *policy_json(const struct enb *e)
{
	return json_pack("{s:f, s:f, s:I}", "offset_db", e->opt.a3_offset_cdb / 100.0,
			 "hysteresis_db", e->opt.a3_hysteresis_cdb / 100.0, "time_to_trigger_ms",
			 (json_int_t)e->opt.a3_time_to_trigger_ms);
}

void ctl_policy_get(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)params;
	ctl_reply(req, policy_json(ctx));
}

const struct ctl_param ctl_policy_params[] = {
	{"offset_db", CTL_NUMBER, false, 0, 0,
	 "event A3: how much better a neighbour must be, -15 to 15"},
	{"hysteresis_db", CTL_NUMBER, false, 0, 0, "event A3: hysteresis, 0 to 15"},
	{"time_to_trigger_ms", CTL_INT, false, 0, 5120, "event A3: for how long"},
	{0},
};

/* False when the parameter is there and outside. */
static bool read_db(const json_t *params, const char *name, double low, int32_t *cdb)
{
	const json_t *value = json_object_get(params, name);
	double db = json_number_value(value);

	if (!value)
		return true;
	if (!(db >= low && db <= 15))
		return false;
	*cdb = (int32_t)(db * 100 + (db < 0 ? -0.5 : 0.5));
	return true;
}

void ctl_policy_set(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct enb *e = ctx;
	int32_t offset = e->opt.a3_offset_cdb, hysteresis = (int32_t)e->opt.a3_hysteresis_cdb;

	if (!read_db(params, "offset_db", -15, &offset) ||
	    !read_db(params, "hysteresis_db", 0, &hysteresis)) {
		ctl_fail(req, KH_E_USAGE, "offset_db: -15 to 15; hysteresis_db: 0 to 15");
		return;
	}
	e->opt.a3_offset_cdb = offset;
	e->opt.a3_hysteresis_cdb = hysteresis;
	e->opt.a3_time_to_trigger_ms = (uint32_t)ctl_int(params, "time_to_trigger_ms",
							 (int64_t)e->opt.a3_time_to_trigger_ms);
	ctl_reply(req, policy_json(e));
}

void ctl_scheme_get(void *ctx, struct ctl_request *req, const json_t *params)
{
	const struct enb *e = ctx;

	(void)params;
	ctl_reply(req, json_pack("{s:s, s:s, s:s}", "scheme", e->scheme->name, "wrap",
				 e->key.id ? wrap_name((enum wrap_type)e->key.wrap) : "",
				 "location_update", e->s1.source_updates ? "source" : "target"));
}
