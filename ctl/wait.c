/* keyhop wait: ends when nodes are ready or a UE is where it shall be. Woken by events, asks once for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "duration.h"
#include "mem.h"
#include "nodes.h"
#include "ready.h"
#include "words.h"

#define ASK_MS 5000
#define RETRY_NS 50000000 /* for a socket that is not there yet */
#define NODES_MAX 1100

struct wish {
	const char *node; /* that is asked; NULL: all */
	const char *imsi; /* NULL: the node itself */
	const char *state, *cell;
	int64_t deadline;
	int timeout_ms;
	char last[64]; /* how it was when it was asked last: "attached at enb1" */
};

/* By name, or by number: enb2, 2. */
static bool is_cell(const char *word, const json_t *ue)
{
	const char *name = json_string_value(json_object_get(ue, "serving_name"));
	char number[32];

	snprintf(number, sizeof number, "%lld",
		 (long long)json_integer_value(json_object_get(ue, "serving")));
	return strcmp(word, number) == 0 || (name && strcmp(word, name) == 0) ||
	       (strncmp(word, "enb", 3) == 0 && strcmp(word + 3, number) == 0);
}

static void note(struct wish *w, const json_t *ue)
{
	const char *state = json_string_value(json_object_get(ue, "state"));
	const char *name = json_string_value(json_object_get(ue, "serving_name"));
	long long cell = json_integer_value(json_object_get(ue, "serving"));

	if (cell && name)
		snprintf(w->last, sizeof w->last, "%.30s at %.25s", state ? state : "?", name);
	else if (cell)
		snprintf(w->last, sizeof w->last, "%.30s at enb%lld", state ? state : "?", cell);
	else
		snprintf(w->last, sizeof w->last, "%.30s", state ? state : "?");
}

static bool is_there(struct wish *w, const json_t *ue)
{
	const char *state = json_string_value(json_object_get(ue, "state"));

	note(w, ue);
	if (!state || strcmp(state, w->cell ? "attached" : w->state) != 0)
		return false;
	return !w->cell || is_cell(w->cell, ue);
}

/* How long an answer may take: what is left, but with a timeout of 0 a question is asked once all the same. */
static int patience(const struct wish *w)
{
	int64_t left = w->deadline - now_ms();

	if (w->timeout_ms == 0 || left > ASK_MS)
		return ASK_MS;
	return left > 0 ? (int)left : 1;
}

/* 1: it is so; 0: not yet; an exit code below zero, negated. */
static int ask(struct client *c, struct wish *w)
{
	int code = EXIT_FAILED;
	json_t *params = w->imsi ? json_pack("{s:s}", "ue", w->imsi) : json_object();
	json_t *answer = client_call(c, w->imsi ? "ue.show" : "status", params, patience(w), &code);
	const json_t *result = json_object_get(answer, "result");
	const json_t *error = json_object_get(answer, "error");
	int so = result && (w->imsi ? is_there(w, result) : status_is_ready(result));

	if (error) {
		so = -client_print_error(error);
	} else if (!answer) {
		so = -code;
	}
	json_decref(answer);
	return so;
}

static int not_in_time(const struct wish *w)
{
	if (w->imsi)
		fprintf(stderr, "keyhop: UE %s is not %s%s%s in time%s%s\n", w->imsi, w->state,
			w->cell ? " " : "", w->cell ? w->cell : "", w->last[0] ? ": it is " : "",
			w->last);
	else
		fprintf(stderr, "keyhop: %s is not ready in time\n", w->node);
	return EXIT_TIMEOUT;
}

static json_t *subscription(const struct wish *w)
{
	return w->imsi ? json_pack("{s:s}", "ue", w->imsi)
		       : json_pack("{s:[s, s, s, s, s]}", "topics", "tunnel.", "enb", "x2.",
				   "cell.", "config.");
}

static int no_answer(const struct wish *w)
{
	fprintf(stderr, "keyhop: %s does not answer\n", w->node);
	return EXIT_TIMEOUT;
}

static int wait_at(struct client *c, struct wish *w)
{
	int code = EXIT_FAILED, so;
	json_t *message = client_call(c, "events.subscribe", subscription(w), patience(w), &code);

	if (!message)
		return code == EXIT_TIMEOUT ? no_answer(w) : code;
	for (;;) {
		json_decref(message);
		so = ask(c, w);
		if (so == -EXIT_TIMEOUT)
			return no_answer(w);
		if (so)
			return so > 0 ? EXIT_DONE : -so;
		int64_t left = w->deadline - now_ms();
		message = left > 0 ? client_read(c, (int)left, &code) : NULL;
		if (!message)
			return left > 0 && code != EXIT_TIMEOUT ? code : not_in_time(w);
	}
}

/* A node that is being started has no socket yet, or one that nobody listens at. */
static int wait_for(struct wish *w)
{
	const struct timespec pause = {0, RETRY_NS};
	char path[NODE_PATH_MAX];
	struct client c;

	for (;;) {
		int code = EXIT_UNREACHABLE;
		if (node_path(w->node, path, sizeof path) == 0) {
			code = client_open_quiet(&c, path, patience(w));
			if (code == EXIT_TIMEOUT)
				(void)no_answer(w);
			if (!code)
				code = wait_at(&c, w);
			client_close(&c);
		}
		if (code != EXIT_UNREACHABLE)
			return code;
		if (now_ms() >= w->deadline) {
			if (node_path_or_say(w->node, path, sizeof path) == EXIT_DONE)
				fprintf(stderr, "keyhop: nobody listens at %s\n", path);
			return EXIT_UNREACHABLE;
		}
		nanosleep(&pause, NULL);
	}
}

struct names {
	char *name[NODES_MAX];
	size_t n;
};

static void add_name(void *arg, const char *name, const char *path)
{
	struct names *all = arg;

	(void)path;
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->name[i], name) == 0)
			return;
	if (all->n < NODES_MAX)
		all->name[all->n++] = x_strdup(name);
}

/* Nodes of the lab that are still to come, out of lab.json. */
static void add_lab(struct names *all)
{
	const char *dirs[] = {getenv("KEYHOP_RUN"), "run", "."};
	char path[NODE_PATH_MAX];
	json_t *node;
	size_t k;

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		snprintf(path, sizeof path, "%s/lab.json", dirs[i] ? dirs[i] : "");
		json_t *lab = dirs[i] ? json_load_file(path, 0, NULL) : NULL;
		json_array_foreach(json_object_get(json_object_get(lab, "topology"), "nodes"), k,
				   node)
		{
			const char *name = json_string_value(json_object_get(node, "name"));
			if (name)
				add_name(all, name, path);
		}
		json_decref(lab);
		if (all->n)
			return;
	}
}

/* All nodes there are; at least one. */
static int wait_for_all(struct wish *w)
{
	const struct timespec pause = {0, RETRY_NS};
	struct names all = {.n = 0};
	int code = EXIT_DONE;

	for (;;) {
		add_lab(&all);
		(void)nodes_each(NULL, add_name, &all);
		if (all.n || now_ms() >= w->deadline)
			break;
		nanosleep(&pause, NULL);
	}
	if (!all.n) {
		fputs("keyhop: no node is there in time: looked in " NODES_WHERE "\n", stderr);
		return EXIT_UNREACHABLE;
	}
	for (size_t i = 0; i < all.n && !code; i++) {
		w->node = all.name[i];
		code = wait_for(w);
	}
	for (size_t i = 0; i < all.n; i++)
		free(all.name[i]);
	return code;
}

struct home {
	const char *imsi;
	char node[64];
	bool any;
};

/* Does this node play the UE? */
static void try_home(void *arg, const char *name, const char *path)
{
	struct home *h = arg;
	struct client c;
	int code;

	if (h->node[0] || client_open_quiet(&c, path, ASK_MS))
		return;
	if (strcmp(c.role, "ued") == 0) {
		json_t *answer = client_call(&c, "ue.show", json_pack("{s:s}", "ue", h->imsi),
					     ASK_MS, &code);
		h->any = true;
		if (json_object_get(answer, "result"))
			snprintf(h->node, sizeof h->node, "%s", name);
		json_decref(answer);
	}
	client_close(&c);
}

static int wait_for_ue(struct wish *w)
{
	const struct timespec pause = {0, RETRY_NS};
	struct home h = {.imsi = w->imsi};

	for (;;) {
		(void)nodes_each(NULL, try_home, &h);
		if (h.any || now_ms() >= w->deadline)
			break;
		nanosleep(&pause, NULL);
	}
	if (!h.any)
		fputs("keyhop: no ued answers in " NODES_WHERE "\n", stderr);
	else if (!h.node[0])
		fprintf(stderr, "keyhop: no ued plays UE %s\nhint: keyhop ue ue list\n", w->imsi);
	if (!h.node[0])
		return h.any ? EXIT_NOT_FOUND : EXIT_UNREACHABLE;
	w->node = h.node;
	int code = wait_for(w);
	w->node = NULL;
	return code;
}

#define WORDS_MAX 4

/* NODE ready, ue IMSI STATE or ue IMSI at CELL. */
static int take_words(struct wish *w, char **word, int n)
{
	bool is_state = n == 3 && (!strcmp(word[2], "attached") || !strcmp(word[2], "detached"));
	bool is_place = n == 4 && strcmp(word[2], "at") == 0;

	if (n == 2 && strcmp(word[1], "ready") == 0) {
		w->node = word[0];
		return EXIT_DONE;
	}
	if (n < 3 || strcmp(word[0], "ue") != 0 || (!is_state && !is_place)) {
		(void)verb_misuse("wait", "that is nothing to wait for");
		return EXIT_USAGE;
	}
	w->imsi = word[1];
	w->state = word[2];
	w->cell = is_place ? word[3] : NULL;
	return EXIT_DONE;
}

static int parse(struct wish *w, int argc, char **argv)
{
	struct words words = {.verb = verb_find("wait"), .argc = argc, .argv = argv};
	char *word[WORDS_MAX];
	int n = 0;

	for (const char *flag; (flag = words_next(&words));) {
		if (*flag && duration_parse(words.value, &w->timeout_ms))
			return verb_misuse("wait", "%s: \"%s\" is no duration", flag, words.value);
		if (!*flag && n == WORDS_MAX)
			return verb_misuse("wait", "%s: a word too many", words.value);
		if (!*flag)
			word[n++] = words.value;
	}
	w->deadline = now_ms() + w->timeout_ms;
	return words.code ? words.code : take_words(w, word, n);
}

int wait_verb(int argc, char **argv, enum output_format form)
{
	struct wish w = {.timeout_ms = 10000};
	int code = parse(&w, argc, argv);

	(void)form;
	if (code)
		return code;
	if (w.imsi)
		return wait_for_ue(&w);
	return strcmp(w.node, "all") == 0 ? wait_for_all(&w) : wait_for(&w);
}
