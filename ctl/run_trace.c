/* Measurements out of a CSV file, each at its time:
 *
 *	time,ue,enb1,enb2,enb3           seconds; an IMSI, or * for every UE of the run; dBm of each cell, empty: not heard
 *	0.0,*,-70,-95,-110
 *
 * Without such a head line each line is [SECONDS,]IMSI,enb1=-90,enb2=-70. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "mem.h"
#include "run_internal.h"

#define CELLS_MAX 256
#define LINE_LEN 4096
#define IMSI_DIGITS 15

struct entry {
	int64_t at_us; /* since the trace began */
	json_t *cells;
	char imsi[16]; /* "*": all */
};

struct trace {
	struct entry *entries;
	size_t n, cap, next;
	int64_t began_us;
	struct event *timer;
	char *columns[CELLS_MAX]; /* of a head line */
	size_t n_columns;
};

/* False when the text is neither a number nor blank: not heard. */
static bool add_cell(json_t *cells, const char *name, const char *text)
{
	char *end;
	double dbm = strtod(text, &end);
	bool blank = end == text;

	if (end[strspn(end, " \t")] != '\0' || !isfinite(dbm))
		return false;
	if (!blank)
		json_object_set_new(cells, name, json_real(dbm));
	return true;
}

static bool is_number(const char *text, double *out)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || strlen(text) == IMSI_DIGITS)
		return false;
	*out = value;
	return true;
}

static void take_head(struct trace *t, char *rest)
{
	char *part;

	(void)strsep(&rest, ",");
	while ((part = strsep(&rest, ",")) && t->n_columns < CELLS_MAX)
		t->columns[t->n_columns++] = x_strdup(part);
}

/* Fills `e` from a line that is no head. */
static bool take_line(const struct trace *t, char *line, struct entry *e)
{
	char *rest = line, *part = strsep(&rest, ",");
	double seconds = 0;
	size_t column = 0;

	if (part && is_number(part, &seconds))
		part = strsep(&rest, ",");
	if (!part || !(seconds >= 0 && seconds < 1e9) ||
	    (strcmp(part, "*") != 0 && strspn(part, "0123456789") != IMSI_DIGITS))
		return false;
	e->at_us = (int64_t)(seconds * 1e6);
	snprintf(e->imsi, sizeof e->imsi, "%s", part);
	e->cells = json_object();
	while ((part = strsep(&rest, ","))) {
		char *eq = strchr(part, '=');
		if (eq)
			*eq++ = '\0';
		const char *cell = eq ? part : column < t->n_columns ? t->columns[column] : NULL;
		if (!cell || !add_cell(e->cells, cell, eq ? eq : part))
			return false;
		column++;
	}
	return json_object_size(e->cells) > 0;
}

static struct entry *room(struct trace *t)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->entries = x_realloc(t->entries, t->cap * sizeof *t->entries);
	}
	t->entries[t->n] = (struct entry){.cells = NULL};
	return &t->entries[t->n];
}

static bool read_lines(struct run *r, FILE *f, const char *path)
{
	struct trace *t = r->trace;
	char line[LINE_LEN];

	for (unsigned number = 1; fgets(line, sizeof line, f); number++) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (strncmp(line, "time", 4) == 0) {
			char *rest = line;
			(void)strsep(&rest, ",");
			take_head(t, rest);
			continue;
		}
		struct entry *e = room(t);
		t->n++;
		if (take_line(t, line, e))
			continue;
		run_fail(r, "trace: %s:%u: wants [SECONDS,]IMSI and dBm of cells", path, number);
		return false;
	}
	if (!t->n)
		run_fail(r, "trace: %s: there is no measurement in it", path);
	return t->n > 0;
}

static int by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

static void on_answer(void *arg, const json_t *answer)
{
	const char *error = answer_error(answer), *hint = answer_hint(answer);

	if (error)
		run_fail(arg, "trace: measurement: %s%s%s", error, hint ? ": " : "",
			 hint ? hint : "");
}

static void report(struct run *r, const char *imsi, json_t *cells)
{
	fleet_call(r->ue, "measure", json_pack("{s:s, s:O}", "ue", imsi, "cells", cells), on_answer,
		   r);
}

static void play(struct run *r, const struct entry *e)
{
	if (strcmp(e->imsi, "*") != 0)
		report(r, e->imsi, e->cells);
	for (size_t i = 0; e->imsi[0] == '*' && i < r->n_movers; i++)
		report(r, r->movers[i].imsi, e->cells);
}

/* Plays what is due; after the last line the step lasts for `delay`. */
static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct run *r = arg;
	struct trace *t = r->trace;
	int64_t now = run_now_us() - t->began_us;

	(void)fd;
	(void)what;
	while (t->next < t->n && t->entries[t->next].at_us <= now)
		play(r, &t->entries[t->next++]);
	if (r->over)
		return;
	if (t->next == t->n || r->failure[0]) {
		run_set_timer(r, run_step(r)->delay_ms);
		return;
	}
	int64_t left = t->entries[t->next].at_us - now;
	const struct timeval after = {left / 1000000, left % 1000000};
	evtimer_add(t->timer, &after);
}

void run_trace_end(struct run *r)
{
	struct trace *t = r->trace;

	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		json_decref(t->entries[i].cells);
	for (size_t i = 0; i < t->n_columns; i++)
		free(t->columns[i]);
	event_free(t->timer);
	free(t->entries);
	free(t);
	r->trace = NULL;
}

void run_begin_trace(struct run *r)
{
	const char *path = run_step(r)->file;
	FILE *f = path ? fopen(path, "r") : NULL;

	if (!f) {
		run_fail(r, "trace: cannot read %s: %s", path ? path : "(no file)",
			 strerror(errno));
		run_step_done(r);
		return;
	}
	r->trace = x_calloc(1, sizeof *r->trace);
	r->trace->timer = evtimer_new(r->fleet.base, on_due, r);
	bool good = read_lines(r, f, path);
	fclose(f);
	if (!good) {
		run_trace_end(r);
		run_step_done(r);
		return;
	}
	qsort(r->trace->entries, r->trace->n, sizeof(struct entry), by_time);
	r->trace->began_us = run_now_us();
	on_due(-1, 0, r);
}
