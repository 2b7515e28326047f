/* keyhop run FILE: plays a scenario on the nodes of a run directory. */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "client.h"
#include "run_internal.h"
#include "verbs.h"

#define PAGE 1000
#define TICK_US 10000
#define BAR_WIDTH 30

int64_t run_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void run_fail(struct run *r, const char *fmt, ...)
{
	va_list ap;

	if (r->failure[0])
		return;
	va_start(ap, fmt);
	vsnprintf(r->failure, sizeof r->failure, fmt, ap);
	va_end(ap);
}

/* ---- the course of a run ---- */

static void on_next(int fd, short what, void *arg)
{
	struct run *r = arg;

	(void)fd;
	(void)what;
	if (r->at < r->scenario.steps.n) {
		if (run_step(r)->kind != STEP_EXPECT)
			json_array_clear(r->seen);
		r->step_began_us = run_now_us();
		run_step_begin(r);
	} else {
		fleet_stop(&r->fleet);
	}
}

void run_step_done(struct run *r)
{
	json_array_append_new(r->step_results,
			      json_pack("{s:s, s:I, s:s}", "step",
					step_word((enum step_kind)run_step(r)->kind), "duration_us",
					(json_int_t)(run_now_us() - r->step_began_us), "failure",
					r->failure));
	r->at++;
	if (r->at == r->scenario.steps.n && ++r->round < r->scenario.repeat && !r->failure[0])
		r->at = 0;
	/* A scenario that went wrong is not played on: what follows would not mean what it says. */
	if (r->failure[0])
		r->at = r->scenario.steps.n;
	event_active(r->next, EV_TIMEOUT, 0);
}

static void on_progress(int fd, short what, void *arg)
{
	struct run *r = arg;
	uint64_t all = r->actions_planned ? r->actions_planned : 1;
	int filled = (int)(r->actions_done * BAR_WIDTH / all);

	run_on_tick(fd, what, arg);
	if (!r->bar || r->at >= r->scenario.steps.n)
		return;
	fprintf(stderr, "\r[%-*.*s] %llu of %llu  %-8s", BAR_WIDTH, filled,
		"##############################", (unsigned long long)r->actions_done,
		(unsigned long long)all, step_word((enum step_kind)run_step(r)->kind));
}

struct page {
	struct run *r;
	size_t offset;
	json_t *items;
	bool more;
};

static void on_page(void *arg, const json_t *answer)
{
	struct page *p = arg;
	const json_t *result = json_object_get(answer, "result");

	json_array_extend(p->items, json_object_get(result, "items"));
	p->more = json_is_integer(json_object_get(result, "next"));
	fleet_stop(&p->r->fleet);
}

/* The UEs of the ued, or the first `ues` of them. */
static int find_ues(struct run *r)
{
	struct page p = {.r = r, .items = json_array(), .more = true};
	size_t i;
	json_t *item;

	for (; p.more; p.offset += PAGE) {
		fleet_call(r->ue, "ue.list",
			   json_pack("{s:I, s:i}", "offset", (json_int_t)p.offset, "limit", PAGE),
			   on_page, &p);
		fleet_run(&r->fleet);
	}
	r->n_movers = json_array_size(p.items);
	if (r->scenario.ues && r->n_movers < r->scenario.ues) {
		fprintf(stderr, "keyhop: the ued has %zu UEs, and the scenario wants %u\n",
			r->n_movers, r->scenario.ues);
		json_decref(p.items);
		return EXIT_USAGE;
	}
	if (r->scenario.ues)
		r->n_movers = r->scenario.ues;
	r->movers = calloc(r->n_movers ? r->n_movers : 1, sizeof *r->movers);
	for (i = 0; r->movers && i < r->n_movers; i++) {
		struct mover *m = &r->movers[i];
		item = json_array_get(p.items, i);
		m->run = r;
		snprintf(m->imsi, sizeof m->imsi, "%s",
			 json_string_value(json_object_get(item, "ue")));
		if (strcmp(json_string_value(json_object_get(item, "state")), "attached") == 0)
			m->cell = (uint32_t)json_integer_value(json_object_get(item, "serving"));
		HASH_ADD_STR(r->by_imsi, imsi, m);
	}
	json_decref(p.items);
	return r->n_movers ? 0 : EXIT_USAGE;
}

/* Only what a run needs: an event that nobody reads costs all the same. */
static void subscribe(struct run *r)
{
	const struct step *steps = r->scenario.steps.items;
	json_t *topics =
		json_pack("[s, s, s, s, s]", "handover.", "tunnel.", "x2.", "cell.", "enb.");

	if (r->scenario.settle)
		json_array_append_new(topics, json_string("hkey.received"));

	for (size_t i = 0; i < r->scenario.steps.n; i++)
		if (steps[i].kind == STEP_EXPECT && steps[i].topic)
			json_array_append_new(topics, json_string(steps[i].topic));
	for (size_t i = 0; i < r->fleet.n_nodes; i++)
		fleet_call(r->fleet.nodes[i], "events.subscribe",
			   json_pack("{s:O}", "topics", topics), NULL, NULL);
	json_decref(topics);
}

static const struct fleet_ops fleet_ops = {.event = run_event, .lost = run_lost};

static int open_run(struct run *r, const struct run_options *o)
{
	char why[CONFIG_WHY_LEN] = "", path[1024];

	stats_init(&r->stats);
	r->seen = json_array();
	r->step_results = json_array();
	if (config_load(scenario_rows, &r->scenario, o->file, o->overrides, o->n_overrides, why)) {
		fprintf(stderr, "keyhop: %s\n", why);
		return EXIT_USAGE;
	}
	for (size_t i = 0; o->moves && i < r->scenario.steps.n; i++)
		((struct step *)r->scenario.steps.items)[i].moves = o->moves;
	int code = fleet_open(&r->fleet, o->dir, &fleet_ops, r);
	if (code)
		return code;
	r->mme = fleet_role(&r->fleet, "mmed");
	r->ue = fleet_role(&r->fleet, "ued");
	if (!r->ue) {
		fputs("keyhop: a run needs one ued among its nodes\n", stderr);
		return EXIT_USAGE;
	}
	if (o->out) {
		(void)mkdir(o->out, 0755);
		snprintf(path, sizeof path, "%s/events.ndjson", o->out);
		r->events_file = fopen(path, "w");
	}
	r->random = r->scenario.seed;
	r->bar = isatty(STDERR_FILENO);
	return find_ues(r);
}

static void play(struct run *r)
{
	const struct timeval tick = {0, TICK_US};

	r->timer = evtimer_new(r->fleet.base, run_on_timer, r);
	r->next = evtimer_new(r->fleet.base, on_next, r);
	r->tick = event_new(r->fleet.base, -1, EV_PERSIST, on_progress, r);
	event_add(r->tick, &tick);
	r->memory_before = run_memory(r);
	subscribe(r);
	event_active(r->next, EV_TIMEOUT, 0);
	fleet_run(&r->fleet);
	event_free(r->tick);
	event_free(r->next);
	event_free(r->timer);
	if (r->bar)
		fputc('\n', stderr);
}

static void close_run(struct run *r)
{
	HASH_CLEAR(hh, r->by_imsi);
	fleet_close(&r->fleet);
	free(r->movers);
	if (r->events_file)
		fclose(r->events_file);
	json_decref(r->seen);
	json_decref(r->memory_before);
	json_decref(r->step_results);
	stats_clear(&r->stats);
	config_clear(scenario_rows, &r->scenario);
}

static int usage(void)
{
	verb_help(verb_find("run"), stderr);
	return EXIT_USAGE;
}

static int parse(struct run_options *o, int argc, char **argv)
{
	/* Those that stand for a key of the file. */
	static const struct {
		const char *flag, *key;
	} keys[] = {{"ues", "ues"},
		    {"repeat", "repeat"},
		    {"rate", "rate"},
		    {"in-flight", "in_flight"},
		    {"seed", "seed"}};

	for (int i = 0; i < argc; i++) {
		const char *flag = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : NULL;
		const char *value = flag && i + 1 < argc ? argv[++i] : NULL;
		bool known = !flag && !o->file;

		if (!flag)
			o->file = argv[i];
		for (size_t k = 0; value && k < sizeof keys / sizeof keys[0]; k++) {
			if (strcmp(flag, keys[k].flag) != 0 || o->n_overrides == 8)
				continue;
			o->overrides[o->n_overrides++] =
				(struct config_override){keys[k].key, value};
			known = true;
		}
		if (value && strcmp(flag, "moves") == 0)
			o->moves = (uint32_t)strtoul(value, NULL, 10), known = o->moves > 0;
		if (value && strcmp(flag, "out") == 0)
			o->out = value, known = true;
		if (value && strcmp(flag, "junit") == 0)
			o->junit = value, known = true;
		if (value && strcmp(flag, "run") == 0)
			o->dir = value, known = true;
		if (!known)
			return usage();
	}
	return o->file ? 0 : usage();
}

int run_verb(int argc, char **argv, bool json)
{
	struct run_options o = {.json = json};
	struct run r = {0};
	int code;

	code = parse(&o, argc, argv);
	if (code)
		return code;
	code = open_run(&r, &o);
	if (!code) {
		int64_t began = run_now_us();
		play(&r);
		run_report(&r, &o, run_now_us() - began);
		code = r.failure[0] ? EXIT_FAILED : EXIT_DONE;
	}
	close_run(&r);
	return code;
}
