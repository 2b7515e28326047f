/* move: a UE goes through cells. It hears one after the other best; event A3 and the cells do the rest. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "ctl_cmds.h"
#include "loop.h"
#include "mem.h"
#include "ue_fsm.h"

#define PATH_MAX_CELLS 64
#define LOUD_CDBM (-7000)
#define QUIET_CDBM (-10000)
#define PATIENCE_MS 5000

struct move {
	struct ctl_request *req; /* somebody waits for the end, or NULL */
	struct loop_timer *timer;
	uint32_t timeout_ms;
	int64_t begun_us;
	size_t at, n, handovers;
	struct cell *path[PATH_MAX_CELLS];
};

void move_end(struct ue *ue, int err)
{
	struct move *m = ue->move;

	if (!m)
		return;
	ue->move = NULL;
	loop_timer_stop(&m->timer);
	if (m->req && err)
		ctl_fail(m->req, err, "see ue.show for where it is");
	else if (m->req)
		ctl_reply(m->req, json_pack("{s:s, s:s, s:I, s:I, s:I}", "outcome", "completed",
					    "ue", ue->imsi.s, "serving",
					    (json_int_t)(ue->cell ? ue->cell->id : 0), "handovers",
					    (json_int_t)m->handovers, "duration_us",
					    (json_int_t)(clock_mono_us() - m->begun_us)));
	free(m);
}

static void on_timeout(void *arg)
{
	struct ue *ue = arg;

	ue->move->timer = NULL;
	move_end(ue, KH_E_TIMEOUT);
}

/* All cells of this process are heard, one of them best. */
static void hear(struct ue *ue, const struct cell *best)
{
	struct ue_node *u = ue->node;
	struct measurement *heard = x_calloc(HASH_COUNT(u->cells), sizeof *heard);
	size_t n = 0;

	for (const struct cell *c = u->cells; c; c = c->hh.next)
		heard[n++] = (struct measurement){.cell = c->id,
						  .rsrp_cdbm = c == best ? LOUD_CDBM : QUIET_CDBM};
	measurement_set(ue, heard, n);
	free(heard);
}

static void next(struct ue *ue)
{
	struct move *m = ue->move;

	while (m->at < m->n && m->path[m->at] == ue->cell)
		m->at++;
	loop_timer_stop(&m->timer);
	if (m->at == m->n) {
		move_end(ue, 0);
		return;
	}
	m->timer = loop_timer_start(ue->node->node.loop, m->timeout_ms, on_timeout, ue);
	hear(ue, m->path[m->at]);
}

static void on_arrived(void *arg)
{
	struct ue *ue = arg;

	ue->move->timer = NULL;
	next(ue);
}

void move_arrived(struct ue *ue)
{
	struct move *m = ue->move;

	if (!m)
		return;
	m->handovers++;
	/* In a turn of its own: the UE is attached again when this one is over. */
	loop_timer_stop(&m->timer);
	m->timer = loop_timer_start(ue->node->node.loop, 0, on_arrived, ue);
}

static int read_path(struct ue_node *u, struct move *m, const json_t *path)
{
	char number[24];

	m->n = json_array_size(path);
	if (m->n == 0 || m->n > PATH_MAX_CELLS)
		return KH_E_USAGE;
	for (size_t i = 0; i < m->n; i++) {
		const json_t *item = json_array_get(path, i);
		const char *name = json_string_value(item);
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(item));
		m->path[i] = cell_resolve(u, name ? name : number);
		if (!m->path[i])
			return KH_E_ENB_NOT_FOUND;
	}
	return 0;
}

void move_start(void *node, struct ctl_request *req, const json_t *params)
{
	struct ue_node *u = node;
	struct ue *ue = ue_find(u, ctl_string(params, "ue", ""));
	struct move *m;
	int err;

	if (!ue) {
		ctl_fail(req, KH_E_UE_NOT_FOUND,
			 "ue.list has the UEs of this process; an IMSI has 15 digits");
		return;
	}
	if (ue->fsm.now != UE_ATTACHED || ue->move) {
		ctl_fail(req, ue->move ? KH_E_BUSY : KH_E_BAD_STATE, ue_state_name(ue));
		return;
	}
	m = x_calloc(1, sizeof *m);
	err = read_path(u, m, json_object_get(params, "path"));
	if (err) {
		free(m);
		ctl_fail(req, err, "path: 1 to 64 cells of the configuration");
		return;
	}
	m->timeout_ms = (uint32_t)ctl_int(params, "timeout_ms", PATIENCE_MS);
	m->begun_us = clock_mono_us();
	m->req = ctl_bool(params, "wait", false) ? req : NULL;
	if (!m->req)
		ctl_reply(req,
			  json_pack("{s:s, s:I}", "outcome", "started", "cells", (json_int_t)m->n));
	ue->move = m;
	next(ue);
}
