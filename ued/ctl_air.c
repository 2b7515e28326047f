/* air.set, air.get: how good the radio of the UEs is. */
#include <math.h>
#include <string.h>

#include "ctl_cmds.h"
#include "ued.h"

#define PER_CENT 100

static json_t *quality_json(const struct air_quality *q)
{
	return json_pack("{s:f, s:I, s:I}", "loss", (double)q->loss / PER_CENT, "delay_ms",
			 (json_int_t)q->delay_ms, "jitter_ms", (json_int_t)q->jitter_ms);
}

/* What is not named stays. */
static void apply(struct air_quality *q, const json_t *params)
{
	const json_t *loss = json_object_get(params, "loss");

	if (loss)
		q->loss = (int32_t)lround(json_number_value(loss) * PER_CENT);
	q->delay_ms = (uint32_t)ctl_int(params, "delay_ms", q->delay_ms);
	q->jitter_ms = (uint32_t)ctl_int(params, "jitter_ms", q->jitter_ms);
}

static void apply_to_all(struct ue_node *u, const json_t *params)
{
	apply(&u->air, params);
	for (struct ue *ue = u->ues; ue; ue = ue->hh.next)
		apply(&ue->air.quality, params);
}

/* UEs whose radio is not that of all. */
static json_int_t count_others(const struct ue_node *u)
{
	json_int_t others = 0;

	for (const struct ue *ue = u->ues; ue; ue = ue->hh.next)
		others += memcmp(&ue->air.quality, &u->air, sizeof u->air) != 0;
	return others;
}

static json_t *all_json(const struct ue_node *u)
{
	json_t *out = quality_json(&u->air);

	json_object_set_new(out, "others", json_integer(count_others(u)));
	json_object_set_new(out, "held", json_integer(u->node.held.frames));
	return out;
}

static json_t *ue_json(const struct ue *ue)
{
	json_t *out = quality_json(&ue->air.quality);

	json_object_set_new(out, "ue", json_string(ue->imsi.s));
	return out;
}

void air_get(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue_node *u = ctx;
	const char *imsi = ctl_string(params, "ue", NULL);
	const struct ue *ue = imsi ? ue_find(u, imsi) : NULL;

	if (imsi && !ue)
		ctl_fail(req, KH_E_UE_NOT_FOUND, "ue.list has the UEs of this process");
	else
		ctl_reply(req, ue ? ue_json(ue) : all_json(u));
}

void air_set(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue_node *u = ctx;
	const char *imsi = ctl_string(params, "ue", NULL);
	struct ue *ue = imsi ? ue_find(u, imsi) : NULL;
	double loss = json_number_value(json_object_get(params, "loss"));

	if (!u->node.options->faults) {
		ctl_fail(req, KH_E_FAULTS_OFF, "set lab.faults: true in the configuration");
		return;
	}
	if (imsi && !ue) {
		ctl_fail(req, KH_E_UE_NOT_FOUND, "ue.list has the UEs of this process");
		return;
	}
	if (!(loss >= 0 && loss <= PER_CENT) || json_object_size(params) == (imsi ? 1 : 0)) {
		ctl_fail(req, KH_E_USAGE, "loss: 0 to 100 per cent; or delay_ms, or jitter_ms");
		return;
	}
	if (ue)
		apply(&ue->air.quality, params);
	else
		apply_to_all(u, params);
	air_warn(ue ? ue->imsi.s : "all", ue ? &ue->air.quality : &u->air);
	ctl_reply(req, ue ? ue_json(ue) : all_json(u));
}

void air_warn(const char *whose, const struct air_quality *q)
{
	log_warn(LOG_AIR, "radio of ue=%s: loss=%d.%02d%% delay=%ums jitter=%ums", whose,
		 q->loss / PER_CENT, q->loss % PER_CENT, q->delay_ms, q->jitter_ms);
}
