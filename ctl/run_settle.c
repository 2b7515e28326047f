/* A UE that has moved waits for its next H_key (5), which is the last thing that a handover brings. */
#include <string.h>

#include "run_internal.h"
#include "stats.h"

#define PATIENCE_US 20000000

static void go_on(struct mover *m)
{
	m->settle_by_us = 0;
	m->run->settling--;
	run_mover_free(m);
}

void run_mover_settle(struct mover *m)
{
	struct run *r = m->run;

	if (!r->scenario.settle || m->had_gen > m->used_gen) {
		run_mover_free(m);
		return;
	}
	m->settle_by_us = run_now_us() + PATIENCE_US;
	r->settling++;
}

void run_settle_event(struct run *r, const char *topic, const json_t *event)
{
	const char *imsi = json_string_value(json_object_get(event, "ue"));
	json_int_t gen = json_integer_value(json_object_get(event, "gen"));
	struct mover *m = NULL;

	if (strcmp(topic, "hkey.received") != 0 || !imsi)
		return;
	HASH_FIND_STR(r->by_imsi, imsi, m);
	if (!m)
		return;
	m->had_gen = gen;
	if (m->settle_by_us && gen > m->used_gen)
		go_on(m);
}

/* What a measurement sets off is seen in events, or not. */
static void give_up(struct mover *m)
{
	m->measured_by_us = 0;
	run_fail(m->run, "no handover of %s after its measurement in %u ms", m->imsi,
		 run_step(m->run)->timeout_ms);
	run_mover_free(m);
}

void run_settle_tick(struct run *r)
{
	bool measures = r->at < r->scenario.steps.n && run_step(r)->kind == STEP_MEASURE;
	int64_t now = run_now_us();

	for (size_t i = 0; (r->settling || measures) && i < r->n_movers; i++) {
		struct mover *m = &r->movers[i];
		if (m->measured_by_us && m->measured_by_us < now) {
			give_up(m);
			return;
		}
		if (!m->settle_by_us || m->settle_by_us > now)
			continue;
		run_fail(r, "%s: no new H_key in %d s", m->imsi, PATIENCE_US / 1000000);
		go_on(m);
	}
}
