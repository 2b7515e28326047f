/* keyhop run FILE: plays a scenario on the nodes of a run directory. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "client.h"
#include "file.h"
#include "run_internal.h"
#include "words.h"

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
	for (char *p = r->failure; *p; p++)
		*p = output_harmless(*p);
}

void run_abort(struct run *r, int code)
{
	r->code = r->code ? r->code : code;
	if (r->abort)
		event_active(r->abort, EV_TIMEOUT, 0);
}

/* ---- the course of a run ---- */

static void on_next(int fd, short what, void *arg)
{
	struct run *r = arg;

	(void)fd;
	(void)what;
	if (r->over)
		return;
	if (r->at < r->scenario.steps.n) {
		if (run_step(r)->kind != STEP_EXPECT)
			json_array_clear(r->seen);
		r->step_began_us = run_now_us();
		r->between = false;
		run_step_begin(r);
	} else {
		fleet_stop(&r->fleet);
	}
}

static void note_step(struct run *r)
{
	json_array_append_new(r->step_results,
			      json_pack("{s:s, s:I, s:s}", "step",
					step_word((enum step_kind)run_step(r)->kind), "duration_us",
					(json_int_t)(run_now_us() - r->step_began_us), "failure",
					r->failure));
}

/* The step under way has no end: it is where the run failed. */
static void on_abort(int fd, short what, void *arg)
{
	struct run *r = arg;

	(void)fd;
	(void)what;
	if (r->between) /* the next one has not begun */
		r->step_began_us = run_now_us();
	if (r->at < r->scenario.steps.n)
		note_step(r);
	r->over = true;
	fleet_stop(&r->fleet);
}

static void on_signal(int sig, short what, void *arg)
{
	struct run *r = arg;

	(void)what;
	run_fail(r, "interrupted");
	run_abort(r, 128 + sig);
}

void run_step_done(struct run *r)
{
	/* An answer that came with the end of the run. */
	if (r->over || r->at >= r->scenario.steps.n)
		return;
	note_step(r);
	r->at++;
	if (r->at == r->scenario.steps.n && ++r->round < r->scenario.repeat && !r->failure[0])
		r->at = 0;
	/* A scenario that went wrong is not played on: what follows would not mean what it says. */
	if (r->failure[0])
		r->at = r->scenario.steps.n;
	r->between = true;
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

static void on_subscribed(void *arg, const json_t *answer)
{
	struct run *r = arg;
	const char *error = answer_error(answer);

	if (error)
		run_fail(r, "events.subscribe: %s", error);
	if (--r->unsubscribed == 0)
		fleet_stop(&r->fleet);
}

/* Only what a run needs: an event that nobody reads costs all the same. Nothing is done before all nodes tell what comes
 * of it. */
static int subscribe(struct run *r)
{
	const struct step *steps = r->scenario.steps.items;
	json_t *topics = json_pack("[s, s, s, s, s, s, s]", "handover.", "tunnel.", "x2.", "cell.",
				   "enb.", "wraplist.received", "ue.attached");

	if (r->scenario.settle)
		json_array_append_new(topics, json_string("hkey.received"));

	for (size_t i = 0; i < r->scenario.steps.n; i++)
		if (steps[i].kind == STEP_EXPECT && steps[i].topic)
			json_array_append_new(topics, json_string(steps[i].topic));
	r->unsubscribed = r->fleet.n_nodes;
	for (size_t i = 0; i < r->fleet.n_nodes; i++)
		fleet_call(r->fleet.nodes[i], "events.subscribe",
			   json_pack("{s:O}", "topics", topics), on_subscribed, r);
	json_decref(topics);
	return fleet_run_patiently(&r->fleet);
}

static const struct fleet_ops fleet_ops = {
	.event = run_event, .lost = run_lost, .missed = run_missed};

/* NULL, after having said why. */
static FILE *begin_file(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		fprintf(stderr, "keyhop: %s: %s\n", path, strerror(errno));
	return f;
}

/* Before anything is done: whether what comes of it can be written. */
static int open_out(struct run *r, const struct run_options *o)
{
	char path[1024];

	if (o->out) {
		snprintf(path, sizeof path, "%s", o->out);
		(void)file_make_folder(path);
		snprintf(path, sizeof path, "%s/events.ndjson", o->out);
		r->events_file = begin_file(path);
		if (!r->events_file)
			return EXIT_USAGE;
	}
	FILE *junit = o->junit ? begin_file(o->junit) : NULL;
	if (junit)
		fclose(junit);
	return o->junit && !junit ? EXIT_USAGE : 0;
}

/* A slip in a flag that stands for a key of the file is called by the flag. */
static void say_why(const char *why)
{
	bool flag = strncmp(why, "-o ", 3) == 0;

	fprintf(stderr, "keyhop: %s%s\n", flag ? "run: --" : "", flag ? why + 3 : why);
}

static int open_scenario(struct run *r, const struct run_options *o)
{
	const struct config_source from = {&o->file, 1, o->overrides, o->n_overrides};
	char why[CONFIG_WHY_LEN] = "";

	stats_init(&r->stats);
	r->seen = json_array();
	r->step_results = json_array();
	if (config_load(scenario_rows, &r->scenario, &from, &r->tree, why)) {
		say_why(why);
		return EXIT_USAGE;
	}
	for (size_t i = 0; o->moves && i < r->scenario.steps.n; i++)
		((struct step *)r->scenario.steps.items)[i].moves = o->moves;
	if (run_check_steps(r, r->tree, why)) {
		say_why(why);
		return EXIT_USAGE;
	}
	return open_out(r, o);
}

/* The nodes, and what the run needs to know of them. 0 or an exit code. */
static int open_nodes(struct run *r, const struct run_options *o)
{
	char why[CONFIG_WHY_LEN];
	int code = fleet_open(&r->fleet, o->dir, &fleet_ops, r);
	if (code)
		return code;
	r->mme = fleet_role(&r->fleet, "mmed");
	r->ue = fleet_role(&r->fleet, "ued");
	if (!r->ue) {
		fputs("keyhop: a run needs one ued among its nodes\n", stderr);
		return EXIT_USAGE;
	}
	if (run_check_nodes(r, r->tree, why)) {
		say_why(why);
		return EXIT_USAGE;
	}
	r->random = r->scenario.seed;
	r->bar = isatty(STDERR_FILENO);
	r->memory_before = run_memory(r);
	code = r->fleet.silent ? EXIT_UNREACHABLE : run_find_ues(r);
	if (!code)
		code = run_graph_open(r);
	if (!code && r->failure[0]) {
		fprintf(stderr, "keyhop: %s\n", r->failure);
		code = r->code ? r->code : EXIT_FAILED;
	}
	return code;
}

static void open_events(struct run *r)
{
	const struct timeval tick = {0, TICK_US};
	static const int signals[] = {SIGINT, SIGTERM};

	r->timer = evtimer_new(r->fleet.base, run_on_timer, r);
	r->next = evtimer_new(r->fleet.base, on_next, r);
	r->abort = evtimer_new(r->fleet.base, on_abort, r);
	r->tick = event_new(r->fleet.base, -1, EV_PERSIST, on_progress, r);
	event_add(r->tick, &tick);
	r->between = true;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		r->signals[i] = evsignal_new(r->fleet.base, signals[i], on_signal, r);
		event_add(r->signals[i], NULL);
	}
}

static void close_events(struct run *r)
{
	struct event *const all[] = {r->timer, r->next,	      r->abort,
				     r->tick,  r->signals[0], r->signals[1]};

	for (size_t i = 0; r->timer && i < sizeof all / sizeof all[0]; i++)
		event_free(all[i]);
}

/* 0, or an exit code when there is nothing to report. */
static int play(struct run *r)
{
	open_events(r);
	int code = subscribe(r);
	if (!code) {
		event_active(r->next, EV_TIMEOUT, 0);
		fleet_run(&r->fleet);
	}
	/* From here on a signal ends the tool as it always does. */
	for (size_t i = 0; i < sizeof r->signals / sizeof r->signals[0]; i++)
		event_del(r->signals[i]);
	event_del(r->tick);
	if (r->bar)
		fputc('\n', stderr);
	return code;
}

static void close_run(struct run *r)
{
	HASH_CLEAR(hh, r->by_imsi);
	run_trace_end(r);
	run_graph_close(r);
	close_events(r);
	fleet_close(&r->fleet);
	free(r->movers);
	if (r->events_file)
		fclose(r->events_file);
	json_decref(r->seen);
	json_decref(r->memory_before);
	json_decref(r->step_results);
	stats_clear(&r->stats);
	config_clear(scenario_rows, &r->scenario);
	config_tree_free(r->tree);
}

/* Those that stand for a key of the file. */
static bool take_override(struct run_options *o, const char *flag, const char *value)
{
	static const char *const keys[][2] = {{"--ues", "ues"},
					      {"--repeat", "repeat"},
					      {"--rate", "rate"},
					      {"--in-flight", "in_flight"},
					      {"--seed", "seed"}};

	for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
		if (strcmp(flag, keys[k][0]) != 0 || o->n_overrides == 8)
			continue;
		o->overrides[o->n_overrides++] = (struct config_override){keys[k][1], value};
		return true;
	}
	return false;
}

static bool take_flag(struct run_options *o, const char *flag, const char *value)
{
	const struct {
		const char *flag, **to;
	} rows[] = {{"--out", &o->out}, {"--junit", &o->junit}, {"--run", &o->dir}};
	char *end;

	if (take_override(o, flag, value))
		return true;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(flag, rows[i].flag) != 0)
			continue;
		*rows[i].to = value;
		return true;
	}
	unsigned long moves = strtoul(value, &end, 10);
	o->moves = (uint32_t)moves;
	return strcmp(flag, "--moves") == 0 && !*end && moves > 0 && moves <= 1000000;
}

static int parse(struct run_options *o, int argc, char **argv)
{
	struct words w = {.verb = verb_find("run"), .argc = argc, .argv = argv};

	for (const char *flag; (flag = words_next(&w));) {
		if (*flag && !take_flag(o, flag, w.value))
			return verb_misuse("run", "%s: \"%s\" is no value for it", flag, w.value);
		if (!*flag && o->file)
			return verb_misuse("run", "%s: a word too many", w.value);
		if (!*flag)
			o->file = w.value;
	}
	if (w.code)
		return w.code;
	return o->file ? EXIT_DONE : verb_misuse("run", "FILE.yaml is missing");
}

int run_verb(int argc, char **argv, enum output_format form)
{
	struct run_options o = {.form = form};
	struct run r = {0};
	int code;

	code = parse(&o, argc, argv);
	if (code)
		return code;
	code = open_scenario(&r, &o);
	if (!code)
		code = open_nodes(&r, &o);
	int64_t began = run_now_us();
	if (!code)
		code = play(&r);
	if (!code) {
		run_report(&r, &o, run_now_us() - began);
		code = !r.failure[0] ? EXIT_DONE : r.code ? r.code : EXIT_FAILED;
	}
	close_run(&r);
	return code;
}
