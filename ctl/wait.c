/* keyhop wait: ends when a node is ready or a UE is where it shall be. Woken by events, asks once for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "verbs.h"

struct wish {
	const char *node; /* that is asked */
	const char *imsi; /* NULL: the node itself */
	const char *state, *cell;
	int timeout_ms;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int usage(void)
{
	fputs("usage: keyhop wait NODE ready [--timeout SECONDS]\n"
	      "       keyhop wait ue IMSI attached|detached|at ENB [--timeout SECONDS]\n",
	      stderr);
	return EXIT_USAGE;
}

static bool is_ready(const json_t *s)
{
	const char *role = json_string_value(json_object_get(s, "role"));

	if (role && strcmp(role, "enbd") == 0)
		return json_is_true(json_object_get(s, "s1_up"));
	if (role && strcmp(role, "ued") == 0)
		return json_integer_value(json_object_get(s, "cells_up")) ==
		       json_integer_value(json_object_get(s, "cells"));
	return role != NULL;
}

static bool is_there(const struct wish *w, const json_t *ue)
{
	const char *state = json_string_value(json_object_get(ue, "state"));
	char cell[32];

	if (!state || strcmp(state, w->cell ? "attached" : w->state) != 0)
		return false;
	snprintf(cell, sizeof cell, "enb%lld",
		 (long long)json_integer_value(json_object_get(ue, "serving")));
	return !w->cell || strcmp(cell, w->cell) == 0 || strcmp(cell + 3, w->cell) == 0;
}

/* 1: it is so; 0: not yet; an exit code below zero, negated. */
static int ask(struct client *c, const struct wish *w)
{
	int code = EXIT_FAILED;
	json_t *params = w->imsi ? json_pack("{s:s}", "ue", w->imsi) : json_object();
	json_t *answer = client_call(c, w->imsi ? "ue.show" : "status", params, 5000, &code);
	const json_t *result = json_object_get(answer, "result");
	const json_t *error = json_object_get(answer, "error");
	int so = result && (w->imsi ? is_there(w, result) : is_ready(result));

	if (error) {
		fprintf(stderr, "keyhop: %s\n",
			json_string_value(json_object_get(error, "message")));
		so = -client_exit_code(json_integer_value(json_object_get(error, "code")));
	} else if (!answer) {
		so = -code;
	}
	json_decref(answer);
	return so;
}

static int wait_for(struct client *c, const struct wish *w)
{
	int64_t deadline = now_ms() + w->timeout_ms;
	json_t *params = w->imsi ? json_pack("{s:s}", "ue", w->imsi) : json_object();
	int code = EXIT_FAILED, so;
	json_t *message = client_call(c, "events.subscribe", params, 5000, &code);

	if (!message)
		return code;
	for (;;) {
		json_decref(message);
		so = ask(c, w);
		if (so)
			return so > 0 ? EXIT_DONE : -so;
		int64_t left = deadline - now_ms();
		message = left > 0 ? client_read(c, (int)left, &code) : NULL;
		if (!message)
			return left > 0 ? code : EXIT_TIMEOUT;
	}
}

static int parse(struct wish *w, int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[argc - 2], "--timeout") == 0) {
		w->timeout_ms = (int)(atof(argv[argc - 1]) * 1000);
		argc -= 2;
	}
	w->node = argc > 0 ? argv[0] : NULL;
	if (argc == 2 && strcmp(argv[1], "ready") == 0)
		return 0;
	if (argc < 3 || strcmp(argv[0], "ue") != 0)
		return usage();
	w->imsi = argv[1];
	w->state = argv[2];
	if (argc == 3 && (!strcmp(w->state, "attached") || !strcmp(w->state, "detached")))
		return 0;
	w->cell = argc == 4 && strcmp(w->state, "at") == 0 ? argv[3] : NULL;
	return w->cell ? 0 : usage();
}

int wait_verb(int argc, char **argv, bool json)
{
	struct wish w = {.timeout_ms = 10000};
	struct client c;
	char path[512];
	int code = parse(&w, argc, argv);

	(void)json;
	if (code)
		return code;
	if (client_find(w.node, path, sizeof path)) {
		fprintf(stderr, "keyhop: no socket of node \"%s\"\n", w.node);
		return EXIT_UNREACHABLE;
	}
	code = client_open(&c, path, w.timeout_ms);
	if (!code)
		code = wait_for(&c, &w);
	client_close(&c);
	return code;
}
