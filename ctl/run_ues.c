/* Steps that every UE of the run takes. */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "run_internal.h"

#define LOUD (-70)
#define QUIET (-100)
#define ASK_AGAIN_US 20000
#define LOOK_US 20000000

static void look(evutil_socket_t fd, short what, void *arg);

/* One that was lost attaches again by itself. */
static void on_where(void *arg, const json_t *answer)
{
	struct mover *m = arg;
	struct run *r = m->run;
	const struct timeval soon = {0, ASK_AGAIN_US};
	const json_t *ue = json_object_get(answer, "result");
	const char *state = json_string_value(json_object_get(ue, "state"));

	if (state && strcmp(state, "attached") != 0 && !r->failure[0] &&
	    run_now_us() < m->look_until_us) {
		event_base_once(r->fleet.base, -1, EV_TIMEOUT, look, m, &soon);
		return;
	}
	m->cell = (uint32_t)json_integer_value(json_object_get(ue, "serving"));
	run_mover_free(m);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
	struct mover *m = arg;

	(void)fd;
	(void)what;
	fleet_call(m->run->ue, "ue.show", json_pack("{s:s}", "ue", m->imsi), on_where, m);
}

void run_look_up(struct mover *m)
{
	m->look_until_us = run_now_us() + LOOK_US;
	look(-1, 0, m);
}

static void on_attached(void *arg, const json_t *answer)
{
	struct mover *m = arg;
	const char *error = answer_error(answer);

	if (error) {
		stats_cause(&m->run->stats, error);
		run_fail(m->run, "attach of %s: %s", m->imsi, error);
	} else {
		m->run->stats.attaches++;
		m->cell = (uint32_t)json_integer_value(
			json_object_get(json_object_get(answer, "result"), "serving"));
		run_mover_settle(m);
		return;
	}
	run_mover_free(m);
}

/* enb1, or the first that there is. */
static const char *first_cell(const struct run *r)
{
	const struct fleet_node *first = NULL;

	for (size_t i = 0; i < r->fleet.n_nodes; i++) {
		const struct fleet_node *node = r->fleet.nodes[i];
		if (node->enb_id && (!first || node->enb_id < first->enb_id))
			first = node;
	}
	return first ? first->name : "enb1";
}

bool run_act_attach(struct run *r, struct mover *m)
{
	const char *cell = run_step(r)->cell;

	if (m->cell)
		return false;
	m->used_gen = m->had_gen;
	fleet_call(r->ue, "attach",
		   json_pack("{s:s, s:s, s:b}", "ue", m->imsi, "cell", cell ? cell : first_cell(r),
			     "wait", 1),
		   on_attached, m);
	return true;
}

static void on_detached(void *arg, const json_t *answer)
{
	struct mover *m = arg;
	const char *error = answer_error(answer);

	if (error)
		run_fail(m->run, "detach of %s: %s", m->imsi, error);
	m->cell = 0;
	run_mover_free(m);
}

bool run_act_detach(struct run *r, struct mover *m)
{
	if (!m->cell)
		return false;
	fleet_call(r->ue, "detach", json_pack("{s:s, s:b}", "ue", m->imsi, "wait", 1), on_detached,
		   m);
	return true;
}

void run_handover_failed(struct mover *m, const char *error)
{
	struct run *r = m->run;

	r->stats.failed++;
	stats_cause(&r->stats, error);
	if (!run_step(r)->failures)
		run_fail(r, "handover of %s from enb%u: %s", m->imsi, m->cell, error);
}

static void on_handover(void *arg, const json_t *answer)
{
	struct mover *m = arg;
	const json_t *result = json_object_get(answer, "result");
	const char *error = answer_error(answer);

	if (error) {
		run_handover_failed(m, error);
		run_look_up(m);
		return;
	}
	m->run->stats.completed++;
	m->cell = (uint32_t)json_integer_value(json_object_get(result, "to"));
	m->used_gen = json_integer_value(json_object_get(result, "generation"));
	run_mover_moved(m);
}

/* There is nothing to do for it, which may be no failure of the run. */
static bool not_in_a_cell(struct run *r, struct mover *m)
{
	if (run_step(r)->failures)
		run_handover_failed(m, "UE_LOST");
	else
		run_fail(r, "%s is in no cell of this run with a neighbour", m->imsi);
	return false;
}

static bool hand_over(struct run *r, struct mover *m, const char *target)
{
	struct fleet_node *source = fleet_enb(&r->fleet, m->cell);

	if (!source)
		return not_in_a_cell(r, m);
	fleet_call(source, "handover.start",
		   json_pack("{s:s, s:s, s:b}", "ue", m->imsi, "target", target, "wait", 1),
		   on_handover, m);
	return true;
}

size_t run_path_len(const char *path)
{
	size_t n = 0;

	if (!path)
		return 0;
	for (const char *p = path + strspn(path, " ,"); *p; n++) {
		p += strcspn(p, " ,");
		p += strspn(p, " ,");
	}
	return n;
}

uint32_t run_moves(const struct step *s)
{
	return s->moves ? s->moves : (uint32_t)run_path_len(s->path);
}

/* Word `i` of the path. */
static void path_word(const char *path, size_t i, char *out, size_t len)
{
	const char *p = path + strspn(path, " ,");

	for (; i > 0; i--) {
		p += strcspn(p, " ,");
		p += strspn(p, " ,");
	}
	snprintf(out, len, "%.*s", (int)strcspn(p, " ,"), p);
}

bool run_act_move(struct run *r, struct mover *m)
{
	const struct step *s = run_step(r);
	size_t n = run_path_len(s->path);
	char target[64];

	if (n == 0)
		return false;
	path_word(s->path, (run_moves(s) - m->left) % n, target, sizeof target);
	const struct fleet_node *node = fleet_find(&r->fleet, target);
	if (node && node->enb_id == m->cell)
		return false;
	return hand_over(r, m, target);
}

bool run_act_ping_pong(struct run *r, struct mover *m)
{
	char target[64];

	for (size_t i = 0; i < 2; i++) {
		path_word(run_step(r)->path, i, target, sizeof target);
		const struct fleet_node *node = fleet_find(&r->fleet, target);
		if (!node || node->enb_id != m->cell)
			return hand_over(r, m, target);
	}
	return false;
}

static uint64_t next_random(struct run *r)
{
	r->random = r->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return r->random >> 33;
}

bool run_act_walk(struct run *r, struct mover *m)
{
	const struct fleet_node *source = fleet_enb(&r->fleet, m->cell);
	const struct neighbours *graph = source ? run_graph_of(r, source) : NULL;

	if (graph && graph->n)
		return hand_over(r, m, graph->to[next_random(r) % graph->n]->name);
	return not_in_a_cell(r, m);
}

static void on_measured(void *arg, const json_t *answer)
{
	struct mover *m = arg;
	const char *error = answer_error(answer);

	/* The handover that follows is seen in events. */
	if (!error)
		return;
	run_fail(m->run, "measurement of %s: %s", m->imsi, error);
	m->measured_by_us = 0;
	run_mover_free(m);
}

bool run_act_measure(struct run *r, struct mover *m)
{
	const struct fleet_node *to = fleet_find(&r->fleet, run_step(r)->to ? run_step(r)->to : "");
	json_t *cells = json_object();

	if (!to || to->enb_id == m->cell) {
		json_decref(cells);
		return false;
	}
	for (size_t i = 0; i < r->fleet.n_nodes; i++)
		if (r->fleet.nodes[i]->enb_id)
			json_object_set_new(cells, r->fleet.nodes[i]->name,
					    json_integer(r->fleet.nodes[i] == to ? LOUD : QUIET));
	m->measured_by_us = run_now_us() + (int64_t)run_step(r)->timeout_ms * 1000;
	fleet_call(r->ue, "measure", json_pack("{s:s, s:o}", "ue", m->imsi, "cells", cells),
		   on_measured, m);
	return true;
}

static void on_pinged(void *arg, const json_t *answer)
{
	struct mover *m = arg;
	const char *error = answer_error(answer);

	if (!error) {
		m->run->stats.pings++;
		run_mover_free(m);
		return;
	}
	stats_cause(&m->run->stats, error);
	if (!run_step(m->run)->failures)
		run_fail(m->run, "ping of %s: %s", m->imsi, error);
	run_look_up(m);
}

bool run_act_ping(struct run *r, struct mover *m)
{
	fleet_call(r->ue, "traffic.ping", json_pack("{s:s}", "ue", m->imsi), on_pinged, m);
	return true;
}

static void ask_state(struct mover *m);

static void on_ask_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ask_state(arg);
}

static void on_state(void *arg, const json_t *answer)
{
	struct mover *m = arg;
	struct run *r = m->run;
	const struct timeval soon = {0, ASK_AGAIN_US};
	const json_t *ue = json_object_get(answer, "result");
	const char *state = json_string_value(json_object_get(ue, "state"));
	const struct fleet_node *cell =
		run_step(r)->cell ? fleet_find(&r->fleet, run_step(r)->cell) : NULL;

	m->cell = (uint32_t)json_integer_value(json_object_get(ue, "serving"));
	if (state && strcmp(state, run_step(r)->state) == 0 &&
	    (!run_step(r)->cell || (cell && cell->enb_id == m->cell))) {
		run_mover_free(m);
	} else if (state &&
		   run_now_us() - r->step_began_us < (int64_t)run_step(r)->timeout_ms * 1000) {
		event_base_once(r->fleet.base, -1, EV_TIMEOUT, on_ask_again, m, &soon);
	} else {
		run_fail(r, "%s is %s at enb%u, not %s%s%s", m->imsi, state ? state : "nowhere",
			 m->cell, run_step(r)->state, run_step(r)->cell ? " at " : "",
			 run_step(r)->cell ? run_step(r)->cell : "");
		run_mover_free(m);
	}
}

static void ask_state(struct mover *m)
{
	fleet_call(m->run->ue, "ue.show", json_pack("{s:s}", "ue", m->imsi), on_state, m);
}

bool run_act_state(struct run *r, struct mover *m)
{
	(void)r;
	ask_state(m);
	return true;
}
