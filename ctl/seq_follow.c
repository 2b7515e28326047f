/* A live ladder: events of all nodes of a run directory, put in order of time within a moment. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "client.h"
#include "fleet.h"
#include "mem.h"
#include "seq.h"

#define MOMENT_US 200000 /* nodes tell within this time of each other, and on a busy machine, too */
#define HEAD_EVERY 40 /* rows */
#define TRACE_INTERFACES 3 /* S1, X2, Uu: all */

/* A node that is followed. */
struct source {
	struct follow *f;
	struct fleet_node *node;
	bool traced_by_us;
};

struct follow {
	struct fleet fleet;
	struct source *sources; /* as many as nodes */
	struct seq *s;
	FILE *out;
	bool print;
	size_t printed, alive, subscribed;
	unsigned lanes; /* under the last head */
	struct event *moment, *interrupt, *terminate;
	size_t to_stop; /* traces that are to end yet */
	bool ending;
	int code;
};

static void flush(struct follow *f)
{
	seq_settle(f->s);
	for (size_t i = 0; i < f->s->n; i++) {
		if (++f->printed % HEAD_EVERY == 0 || f->lanes != f->s->n_lanes)
			seq_text_head(f->s, f->out);
		f->lanes = f->s->n_lanes;
		seq_text_row(f->s, &f->s->rows[i], f->out);
	}
	seq_clear_rows(f->s);
	if (fflush(f->out) && !f->ending) /* nobody reads any more */
		fleet_stop(&f->fleet);
}

static void on_moment(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

static void on_interrupt(evutil_socket_t fd, short what, void *arg)
{
	struct follow *f = arg;

	(void)fd;
	(void)what;
	if (f->print && isatty(fileno(f->out))) /* it has put ^C there */
		fputc('\n', f->out);
	fleet_stop(&f->fleet);
}

static void on_event(void *arg, struct fleet_node *node, const json_t *event)
{
	static const struct timeval moment = {0, MOMENT_US};
	struct follow *f = arg;

	(void)node;
	seq_event(f->s, event);
	if (f->print && f->moment && !evtimer_pending(f->moment, NULL))
		evtimer_add(f->moment, &moment);
}

static void on_lost(void *arg, struct fleet_node *node)
{
	struct follow *f = arg;

	fprintf(stderr, "keyhop: %s has ended\n", node->name);
	if (--f->alive == 0)
		fleet_stop(&f->fleet);
}

static void give_up(struct follow *f, const char *method, const char *error)
{
	fprintf(stderr, "keyhop: %s: %s\n", method, error);
	f->code = EXIT_REFUSED;
	fleet_stop(&f->fleet);
}

static void on_subscribed(void *arg, const json_t *answer)
{
	struct follow *f = arg;
	const char *error = answer_error(answer);

	if (!error && ++f->subscribed == f->fleet.n_nodes && f->print) {
		/* From here on nothing is missed. */
		seq_text_head(f->s, f->out);
		f->lanes = f->s->n_lanes;
		fflush(f->out);
	}
	if (error)
		give_up(f, "events.subscribe", error);
}

static json_t *params_of(const struct follow *f)
{
	json_t *params = json_object();

	if (f->s->ue[0])
		json_object_set_new(params, "ue", json_string(f->s->ue));
	return params;
}

static void subscribe(struct source *at)
{
	fleet_call(at->node, "events.subscribe", params_of(at->f), on_subscribed, at->f);
}

static void go_on(struct source *at)
{
	seq_trace(at->f->s, seq_lane(at->f->s, at->node->name));
	subscribe(at);
}

static void on_trace_started(void *arg, const json_t *answer)
{
	struct source *at = arg;
	const char *error = answer_error(answer);

	if (!error) {
		go_on(at);
		return;
	}
	at->traced_by_us = false;
	give_up(at->f, "trace.start", error);
}

/* What a filter of somebody's leaves out is not drawn. */
static void say_filtered(const struct source *at, const json_t *status)
{
	const char *ue = json_string_value(json_object_get(status, "ue"));
	size_t interfaces = json_array_size(json_object_get(status, "interfaces"));

	if (interfaces < TRACE_INTERFACES || (ue && strcmp(ue, at->f->s->ue) != 0))
		fprintf(stderr, "keyhop: %s: a trace runs with a filter of its own\n",
			at->node->name);
}

/* One that runs is somebody's: it stays as it is, and runs on. */
static void on_trace_status(void *arg, const json_t *answer)
{
	struct source *at = arg;
	const char *error = answer_error(answer);
	const json_t *status = json_object_get(answer, "result");

	if (error) {
		give_up(at->f, "trace.status", error);
	} else if (json_is_true(json_object_get(status, "running"))) {
		say_filtered(at, status);
		go_on(at);
	} else {
		at->traced_by_us = true;
		fleet_call(at->node, "trace.start", params_of(at->f), on_trace_started, at);
	}
}

static void on_trace_stopped(void *arg, const json_t *answer)
{
	struct follow *f = arg;

	(void)answer;
	if (--f->to_stop == 0)
		fleet_stop(&f->fleet);
}

/* Traces that were begun here end here. */
static void stop_traces(struct follow *f)
{
	f->ending = true;
	for (size_t i = 0; i < f->fleet.n_nodes; i++) {
		if (!f->sources[i].traced_by_us)
			continue;
		f->to_stop++;
		fleet_call(f->fleet.nodes[i], "trace.stop", json_object(), on_trace_stopped, f);
	}
	if (f->to_stop)
		fleet_run(&f->fleet);
}

/* Nodes are known before their events are. */
static void add_lanes(struct follow *f)
{
	for (size_t i = 0; i < f->fleet.n_nodes; i++) {
		const struct fleet_node *n = f->fleet.nodes[i];
		struct seq_lane *lane = &f->s->lanes[seq_lane(f->s, n->name)];
		lane->role = n->role[0] == 'm' ? SEQ_MME : n->role[0] == 'e' ? SEQ_ENB : SEQ_UE;
		lane->enb = n->enb_id;
	}
	seq_finish(f->s);
}

static void begin(struct follow *f)
{
	f->sources = x_calloc(f->fleet.n_nodes, sizeof *f->sources);
	for (size_t i = 0; i < f->fleet.n_nodes; i++) {
		struct source *at = &f->sources[i];
		*at = (struct source){.f = f, .node = f->fleet.nodes[i]};
		if (f->s->all)
			fleet_call(at->node, "trace.status", json_object(), on_trace_status, at);
		else
			subscribe(at);
	}
}

int seq_follow(struct seq *s, const char *dir, bool print, FILE *out)
{
	static const struct fleet_ops ops = {
		.event = on_event, .lost = on_lost, .missed = fleet_say_missed};
	struct follow f = {.s = s, .out = out, .print = print};
	int code = fleet_open(&f.fleet, dir, &ops, &f);

	if (!code) {
		/* Who stops reading ends this, and then the traces are to end, too. */
		if (s->all)
			signal(SIGPIPE, SIG_IGN);
		f.alive = f.fleet.n_nodes;
		f.moment = evtimer_new(f.fleet.base, on_moment, &f);
		f.interrupt = evsignal_new(f.fleet.base, SIGINT, on_interrupt, &f);
		f.terminate = evsignal_new(f.fleet.base, SIGTERM, on_interrupt, &f);
		evsignal_add(f.interrupt, NULL);
		evsignal_add(f.terminate, NULL);
		if (out == stdout)
			fleet_stop_when_unread(&f.fleet);
		add_lanes(&f);
		begin(&f);
		fleet_run(&f.fleet);
		stop_traces(&f);
		code = f.code;
		if (print)
			flush(&f);
		event_free(f.moment);
		event_free(f.interrupt);
		event_free(f.terminate);
		free(f.sources);
	}
	fleet_close(&f.fleet);
	return code;
}
