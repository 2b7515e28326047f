/* What events tell a run: phases of handovers, and what a scenario expects. */
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "client.h"
#include "run_internal.h"

/* Microseconds of the day, out of 2026-11-24T13:44:06.123456Z. */
static int64_t time_of(const json_t *event)
{
	const char *ts = json_string_value(json_object_get(event, "ts"));
	int h, m, s, us;

	if (!ts || sscanf(ts, "%*4d-%*2d-%*2dT%2d:%2d:%2d.%6dZ", &h, &m, &s, &us) != 4)
		return 0;
	return ((int64_t)h * 3600 + m * 60 + s) * 1000000 + us;
}

static void add_phase(struct run *r, enum phase phase, int64_t from, int64_t to)
{
	const int64_t day_us = 86400LL * 1000000;

	if (from && to)
		stats_add(&r->stats, phase, to >= from ? to - from : to - from + day_us);
}

/* The UE has the target's acknowledgement: what a measurement asked for has come. */
static void executed(struct mover *m, const json_t *e)
{
	struct run *r = m->run;
	uint32_t cell = (uint32_t)json_integer_value(json_object_get(e, "enb"));

	if (run_step(r)->kind == STEP_TRACE) {
		r->stats.completed++;
		m->cell = cell;
	}
	if (!m->measured_by_us) {
		run_mover_executed(m, json_integer_value(json_object_get(e, "gen")));
		return;
	}
	m->measured_by_us = 0;
	r->stats.completed++;
	m->cell = cell;
	m->used_gen = json_integer_value(json_object_get(e, "gen"));
	run_mover_settle(m);
}

static void failed(struct mover *m, const char *cause)
{
	if (run_step(m->run)->kind == STEP_TRACE)
		run_handover_failed(m, cause);
	if (!m->measured_by_us)
		return;
	m->measured_by_us = 0;
	run_handover_failed(m, cause);
	run_look_up(m);
}

static void on_handover_event(struct run *r, const struct fleet_node *node, const char *topic,
			      const json_t *e)
{
	const char *imsi = json_string_value(json_object_get(e, "ue"));
	json_int_t gen = json_integer_value(json_object_get(e, "gen"));
	int64_t now = time_of(e);
	struct mover *m = NULL;

	if (imsi)
		HASH_FIND_STR(r->by_imsi, imsi, m);
	if (!m)
		return;
	if (strcmp(topic, "handover.requested") == 0) {
		m->requested_us = now;
	} else if (strcmp(topic, "handover.commanded") == 0 && node->enb_id) {
		add_phase(r, PHASE_PREPARATION, m->requested_us, now);
		m->commanded_us = now;
	} else if (strcmp(topic, "handover.commanded") == 0) {
		m->left_us = now;
		m->left_gen = gen;
	} else if (strcmp(topic, "handover.completed") == 0) {
		add_phase(r, PHASE_EXECUTION, m->commanded_us, now);
		stats_add(&r->stats, PHASE_TOTAL,
			  json_integer_value(json_object_get(e, "duration_us")));
	} else if (strcmp(topic, "handover.executed") == 0) {
		if (m->left_gen == gen)
			add_phase(r, PHASE_INTERRUPTION, m->left_us, now);
		executed(m, e);
	} else if (strcmp(topic, "handover.confirmed") == 0) {
		m->confirmed_us = now;
	} else if (strcmp(topic, "handover.failed") == 0) {
		failed(m, json_string_value(json_object_get(e, "cause")));
	}
}

/* 13, after the 10 that this node confirmed. */
static void on_list_event(struct run *r, const json_t *e)
{
	const char *imsi = json_string_value(json_object_get(e, "ue"));
	const char *step = json_string_value(json_object_get(e, "step"));
	struct mover *m = NULL;

	if (imsi && step && strcmp(step, "13") == 0)
		HASH_FIND_STR(r->by_imsi, imsi, m);
	if (!m)
		return;
	add_phase(r, PHASE_COMPLETION, m->confirmed_us, time_of(e));
	m->confirmed_us = 0;
}

static bool is_expected(const struct run *r, const char *node, const json_t *e)
{
	const struct step *steps = r->scenario.steps.items;

	for (size_t i = 0; i < r->scenario.steps.n; i++)
		if (steps[i].kind == STEP_EXPECT && run_fits(&steps[i], node, e))
			return true;
	return false;
}

void run_event(void *arg, struct fleet_node *node, const json_t *e)
{
	struct run *r = arg;
	const char *topic = json_string_value(json_object_get(e, "topic"));

	if (r->events_file && json_dumpf(e, r->events_file, JSON_COMPACT) == 0)
		fputc('\n', r->events_file);
	if (!topic || r->over || r->at >= r->scenario.steps.n)
		return;
	if (is_expected(r, node->name, e))
		json_array_append(r->seen, (json_t *)(uintptr_t)e);
	if (strncmp(topic, "handover.", 9) == 0)
		on_handover_event(r, node, topic, e);
	else if (strcmp(topic, "wraplist.received") == 0)
		on_list_event(r, e);
	else if (r->scenario.settle)
		run_settle_event(r, topic, e);
	if (r->at >= r->scenario.steps.n || r->between)
		return;
	const struct step *s = run_step(r);
	if (s->kind == STEP_EXPECT && run_fits(s, node->name, e)) {
		run_expected(r, e);
	} else if (s->kind == STEP_READY) {
		run_ask_ready(r);
	}
}

void run_missed(void *arg, struct fleet_node *node, const json_t *range)
{
	struct run *r = arg;

	(void)node;
	r->stats.events_lost += (uint64_t)(json_integer_value(json_object_get(range, "to")) -
					   json_integer_value(json_object_get(range, "from")) + 1);
}

void run_lost(void *arg, struct fleet_node *node)
{
	run_fail(arg, "%s is gone: it closed its control socket", node->name);
	run_abort(arg, EXIT_UNREACHABLE);
}
