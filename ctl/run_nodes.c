/* Steps about nodes. */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "ready.h"
#include "run_internal.h"

static void on_done(void *arg, const json_t *answer)
{
	struct run *r = arg;
	const char *error = answer_error(answer);

	if (error)
		run_fail(r, "%s: %s", step_word((enum step_kind)run_step(r)->kind), error);
	if (--r->unfinished == 0)
		run_step_done(r);
}

static void call_each(struct run *r, struct fleet_node *node, const char *method, json_t *params)
{
	r->unfinished++;
	fleet_call(node, method, params, on_done, r);
}

void run_begin_rotate(struct run *r)
{
	const char *only = run_step(r)->node;

	r->unfinished = 1;
	for (size_t i = 0; r->mme && i < r->fleet.n_nodes; i++) {
		const struct fleet_node *node = r->fleet.nodes[i];
		if (node->enb_id && (!only || strcmp(only, node->name) == 0))
			call_each(r, r->mme, "enbkey.rotate",
				  json_pack("{s:s}", "enb", node->name));
	}
	on_done(r, json_true());
}

void run_begin_fault(struct run *r)
{
	const struct step *s = run_step(r);
	struct fleet_node *node = fleet_find(&r->fleet, s->node ? s->node : "");

	r->unfinished = 1;
	if (!node || !s->fault || !s->message) {
		run_fail(r, "fault: wants node, fault and message");
		on_done(r, json_true());
		return;
	}
	fleet_call(node, "fault.set",
		   json_pack("{s:s, s:s, s:s, s:I, s:I}", "fault", s->fault, "message", s->message,
			     "direction", s->direction ? s->direction : "tx", "count",
			     (json_int_t)s->count, "delay_ms", (json_int_t)s->delay_ms),
		   on_done, r);
}

void run_begin_clear(struct run *r)
{
	r->unfinished = 1;
	for (size_t i = 0; i < r->fleet.n_nodes; i++)
		call_each(r, r->fleet.nodes[i], "fault.clear", json_object());
	on_done(r, json_true());
}

/* A line of a trace: IMSI,enb1=-90,enb2=-70 */
static json_t *trace_line(char *line)
{
	char *rest = line, *imsi = strsep(&rest, ","), *part;
	json_t *cells = json_object();

	while ((part = strsep(&rest, ",\r\n"))) {
		char *value = strchr(part, '=');
		if (!value)
			continue;
		*value = '\0';
		json_object_set_new(cells, part, json_real(atof(value + 1)));
	}
	return json_pack("{s:s, s:o}", "ue", imsi, "cells", cells);
}

void run_begin_trace(struct run *r)
{
	const char *path = run_step(r)->file;
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[1024];

	r->unfinished = 1;
	if (!f)
		run_fail(r, "trace: cannot read %s", path ? path : "(no file)");
	while (f && fgets(line, sizeof line, f))
		if (line[0] != '#' && line[0] != '\n')
			call_each(r, r->ue, "measure", trace_line(line));
	if (f)
		fclose(f);
	on_done(r, json_true());
}

bool run_fits(const struct step *s, const char *node, const json_t *e)
{
	const char *topic = json_string_value(json_object_get(e, "topic"));
	const char *cause = json_string_value(json_object_get(e, "cause"));

	return topic && s->topic && strcmp(topic, s->topic) == 0 &&
	       (!s->node || strcmp(s->node, node) == 0) &&
	       (!s->cause || (cause && strcmp(cause, s->cause) == 0));
}

static void set_timeout(struct run *r)
{
	uint32_t ms = run_step(r)->timeout_ms;
	const struct timeval after = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	evtimer_add(r->timer, &after);
}

void run_begin_expect(struct run *r)
{
	size_t i;
	json_t *e;

	json_array_foreach(r->seen, i, e)
	{
		if (!run_fits(run_step(r), json_string_value(json_object_get(e, "node")), e))
			continue;
		run_step_done(r);
		return;
	}
	set_timeout(r);
}

static void on_ready_status(void *arg, const json_t *answer)
{
	struct run *r = arg;
	const json_t *s = json_object_get(answer, "result");

	if (!answer || !status_is_ready(s))
		r->tokens = 0;
	if (--r->unfinished > 0)
		return;
	if (r->tokens) {
		evtimer_del(r->timer);
		run_step_done(r);
	}
}

/* `tokens` says whether all were up so far. */
void run_ask_ready(struct run *r)
{
	if (r->unfinished)
		return;
	r->tokens = 1;
	r->unfinished = r->fleet.n_nodes;
	for (size_t i = 0; i < r->fleet.n_nodes; i++)
		fleet_call(r->fleet.nodes[i], "status", json_object(), on_ready_status, r);
}

void run_begin_ready(struct run *r)
{
	set_timeout(r);
	r->unfinished = 0;
	run_ask_ready(r);
}
