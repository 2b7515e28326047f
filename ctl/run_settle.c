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
	m->settle_by_us = run_now_us() + PATIENCE_US;
	r->settling++;
}

void run_mover_moved(struct mover *m)
{
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
	if (m->measured_by_us && m->measured_by_us < now)
		run_fail(m->run, "no handover of %s after its measurement in %u ms", m->imsi,
			 run_step(m->run)->timeout_ms);
	else if (m->acknowledged_by_us && m->acknowledged_by_us < now)
		run_fail(m->run, "%s does not know that it was handed over", m->imsi);
	else
		return false;
	m->measured_by_us = m->acknowledged_by_us = 0;
	run_mover_free(m);
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
		run_fail(r, "%s: no new H_key in %d s", m->imsi, PATIENCE_US / 1000000);
		go_on(m);
		return;
	}
}
