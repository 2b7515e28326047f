/* A UE that has moved waits for the acknowledgement of its confirm (10), and with `settle` for its next H_key (5), which is
 * the last thing that a handover brings. */
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
	/* It may be lost. */
	const struct step *s = run_step(r);
	m->settle_by_us = run_now_us() + (s->failures ? s->timeout_ms * 1000LL : PATIENCE_US);
	r->settling++;
}

void run_mover_moved(struct mover *m)
{
	if (m->anew) {
		run_look_up(m);
		return;
	}
	if (m->executed_gen >= m->used_gen) {
		run_mover_settle(m);
		return;
	}
	m->acknowledged_by_us = run_now_us() + PATIENCE_US;
}

void run_mover_executed(struct mover *m, json_int_t gen)
{
	m->executed_gen = gen;
	if (!m->acknowledged_by_us || gen < m->used_gen)
		return;
	m->acknowledged_by_us = 0;
	run_mover_settle(m);
}

void run_mover_attached(struct mover *m, uint32_t cell)
{
	struct run *r = m->run;
	bool measured = m->measured_by_us != 0, waits = measured || m->acknowledged_by_us;

	if (run_step(r)->kind == STEP_ATTACH)
		return;
	if (m->cell)
		r->stats.reattaches++;
	m->cell = cell;
	m->anew = true;
	/* An MME that has lost its store counts from anew, too. */
	m->used_gen = m->had_gen = m->executed_gen = 0;
	m->measured_by_us = m->acknowledged_by_us = 0;
	if (measured)
		run_handover_failed(m, "UE_LOST");
	else if (waits && !run_step(r)->failures)
		run_fail(r, "%s was lost after its handover and attached anew", m->imsi);
	if (waits)
		run_mover_settle(m);
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

/* What a measurement sets off, and that the UE knows, is seen in events, or not. */
static bool give_up(struct mover *m, int64_t now)
{
	bool measured = m->measured_by_us && m->measured_by_us < now;

	if (!measured && !(m->acknowledged_by_us && m->acknowledged_by_us < now))
		return false;
	m->measured_by_us = m->acknowledged_by_us = 0;
	if (run_step(m->run)->failures)
		run_handover_failed(m, "TIMEOUT");
	else if (measured)
		run_fail(m->run, "no handover of %s after its measurement in %u ms", m->imsi,
			 run_step(m->run)->timeout_ms);
	else
		run_fail(m->run, "%s does not know that it was handed over", m->imsi);
	run_look_up(m);
	return true;
}

void run_settle_tick(struct run *r)
{
	int64_t now = run_now_us();

	for (size_t i = 0; r->flying && i < r->n_movers; i++) {
		struct mover *m = &r->movers[i];
		if (give_up(m, now))
			return;
		if (!m->settle_by_us || m->settle_by_us > now)
			continue;
		if (!run_step(r)->failures)
			run_fail(r, "%s: no new H_key in %d s", m->imsi, PATIENCE_US / 1000000);
		go_on(m);
		return;
	}
}
