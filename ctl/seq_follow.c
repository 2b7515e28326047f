/* A live ladder: events of all nodes of a run directory, put in order of time within a moment. */
#include <unistd.h>

#include <event2/event.h>

#include "client.h"
#include "fleet.h"
#include "seq.h"

#define MOMENT_US 50000 /* nodes tell within this time of each other */
#define HEAD_EVERY 40 /* rows */

struct follow {
	struct fleet fleet;
	struct seq *s;
	FILE *out;
	bool print;
	size_t printed, alive, subscribed;
	unsigned lanes; /* under the last head */
	struct event *moment, *interrupt;
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
	if (fflush(f->out)) /* nobody reads any more */
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
	if (!error)
		return;
	fprintf(stderr, "keyhop: events.subscribe: %s\n", error);
	f->code = EXIT_REFUSED;
	fleet_stop(&f->fleet);
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

static void subscribe(struct follow *f)
{
	for (size_t i = 0; i < f->fleet.n_nodes; i++) {
		json_t *params = json_object();
		if (f->s->ue[0])
			json_object_set_new(params, "ue", json_string(f->s->ue));
		fleet_call(f->fleet.nodes[i], "events.subscribe", params, on_subscribed, f);
	}
}

int seq_follow(struct seq *s, const char *dir, bool print, FILE *out)
{
	static const struct fleet_ops ops = {on_event, on_lost};
	struct follow f = {.s = s, .out = out, .print = print};
	int code = fleet_open(&f.fleet, dir, &ops, &f);

	if (!code) {
		f.alive = f.fleet.n_nodes;
		f.moment = evtimer_new(f.fleet.base, on_moment, &f);
		f.interrupt = evsignal_new(f.fleet.base, 2, on_interrupt, &f);
		evsignal_add(f.interrupt, NULL);
		if (out == stdout)
			fleet_stop_when_unread(&f.fleet);
		add_lanes(&f);
		subscribe(&f);
		fleet_run(&f.fleet);
		code = f.code;
		if (print)
			flush(&f);
		event_free(f.moment);
		event_free(f.interrupt);
	}
	fleet_close(&f.fleet);
	return code;
}
