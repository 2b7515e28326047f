/* Steps about nodes. */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "ready.h"
#include "run_internal.h"

void run_call_done(void *arg, const json_t *answer)
{
	struct run *r = arg;
	const char *error = answer_error(answer), *hint = answer_hint(answer);

	if (error)
		run_fail(r, "%s: %s%s%s", step_word((enum step_kind)run_step(r)->kind), error,
			 hint ? ": " : "", hint ? hint : "");
	if (--r->unfinished == 0)
		run_step_done(r);
}

void run_call_each(struct run *r, struct fleet_node *node, const char *method, json_t *params)
{
	r->unfinished++;
	fleet_call(node, method, params, run_call_done, r);
}

void run_begin_rotate(struct run *r)
{
	const char *only = run_step(r)->node;

	r->unfinished = 1;
	for (size_t i = 0; r->mme && i < r->fleet.n_nodes; i++) {
		const struct fleet_node *node = r->fleet.nodes[i];
		if (node->enb_id && (!only || strcmp(only, node->name) == 0))
			run_call_each(r, r->mme, "enbkey.rotate",
				      json_pack("{s:s}", "enb", node->name));
	}
	run_call_done(r, json_true());
}

void run_begin_fault(struct run *r)
{
	const struct step *s = run_step(r);

	r->unfinished = 1;
	fleet_call(fleet_find(&r->fleet, s->node), "fault.set",
		   json_pack("{s:s, s:s, s:s, s:I, s:I, s:f}", "fault", s->fault, "message",
			     s->message, "direction", s->direction ? s->direction : "tx", "count",
			     (json_int_t)s->count, "delay_ms", (json_int_t)s->delay_ms,
			     "probability", s->probability / 100.0),
		   run_call_done, r);
}

void run_begin_clear(struct run *r)
{
	r->unfinished = 1;
	for (size_t i = 0; i < r->fleet.n_nodes; i++)
		run_call_each(r, r->fleet.nodes[i], "fault.clear", json_object());
	run_call_done(r, json_true());
}

static void on_called(void *arg, const json_t *answer)
{
	struct run *r = arg;
	const struct step *s = run_step(r);
	const char *error = answer_error(answer);
	const char *cause = json_string_value(json_object_get(
		json_object_get(json_object_get(answer, "error"), "data"), "cause"));

	if (s->cause && (!cause || strcmp(cause, s->cause) != 0))
		run_fail(r, "call of %s: %s instead of %s", s->method, error ? error : "success",
			 s->cause);
	else if (!s->cause && error)
		run_fail(r, "call of %s: %s", s->method, error);
	run_step_done(r);
}

void run_begin_call(struct run *r)
{
	const struct step *s = run_step(r);

	fleet_call(fleet_find(&r->fleet, s->node), s->method,
		   json_loads(s->params ? s->params : "{}", JSON_REJECT_DUPLICATES, NULL),
		   on_called, r);
}

void run_begin_wait(struct run *r)
{
	run_set_timer(r, run_step(r)->delay_ms);
}

bool run_fits(const struct step *s, const char *node, const json_t *e)
{
	const char *topic = json_string_value(json_object_get(e, "topic"));
	const char *cause = json_string_value(json_object_get(e, "cause"));

	return topic && s->topic && strcmp(topic, s->topic) == 0 &&
	       (!s->node || strcmp(s->node, node) == 0) &&
	       (!s->cause || (cause && strcmp(cause, s->cause) == 0));
}

void run_set_timer(struct run *r, uint32_t ms)
{
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
		run_expected(r, e);
		return;
	}
	run_set_timer(r, run_step(r)->timeout_ms);
}

void run_expected(struct run *r, const json_t *event)
{
	if (run_step(r)->never)
		run_fail(r, "%s of %s came, which must not", run_step(r)->topic,
			 json_string_value(json_object_get(event, "node")));
	evtimer_del(r->timer);
	run_step_done(r);
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
	run_set_timer(r, run_step(r)->timeout_ms);
	r->unfinished = 0;
	run_ask_ready(r);
}
