/* What came of a run: for people, as JSON, as JUnit XML. */
#include <stdio.h>
#include <string.h>

#include "run_internal.h"

struct memory {
	struct run *r;
	json_t *nodes;
	size_t left;
};

static void on_memory(void *arg, const json_t *answer)
{
	struct memory *m = arg;
	const json_t *s = json_object_get(answer, "result");

	if (s)
		json_array_append_new(m->nodes, json_pack("{s:O, s:O, s:O}", "node",
							  json_object_get(s, "node"), "ues",
							  json_object_get(s, "ues"), "heap_bytes",
							  json_object_get(s, "heap_bytes")));
	if (--m->left == 0)
		fleet_stop(&m->r->fleet);
}

json_t *run_memory(struct run *r)
{
	struct memory m = {.r = r, .nodes = json_array(), .left = r->fleet.n_nodes};

	for (size_t i = 0; i < r->fleet.n_nodes; i++)
		fleet_call(r->fleet.nodes[i], "status", json_object(), on_memory, &m);
	(void)fleet_run_patiently(&r->fleet);
	return m.nodes;
}

/* The line of a node; NULL when it did not answer. */
static const json_t *memory_of(const json_t *nodes, const char *name)
{
	size_t i;
	json_t *node;

	json_array_foreach((json_t *)(uintptr_t)nodes, i, node)
	{
		if (strcmp(json_string_value(json_object_get(node, "node")), name) == 0)
			return node;
	}
	return NULL;
}

static json_int_t heap_of(const json_t *nodes, const char *name)
{
	return json_integer_value(json_object_get(memory_of(nodes, name), "heap_bytes"));
}

/* In the order of the names. What a UE costs is known only when UEs came during the run. */
static void print_memory(const struct run *r, json_t *nodes)
{
	for (size_t i = 0; i < r->fleet.n_nodes; i++) {
		const char *name = r->fleet.nodes[i]->name;
		const json_t *node = memory_of(nodes, name);
		json_int_t ues = json_integer_value(json_object_get(node, "ues"));
		json_int_t grown = heap_of(nodes, name) - heap_of(r->memory_before, name);

		if (!node)
			continue;
		printf("memory %-12s %10lld octets of heap, %6lld UE%s", name,
		       (long long)heap_of(nodes, name), (long long)ues, ues == 1 ? "" : "s");
		if (ues && r->stats.attaches)
			printf(", %lld octets each since the run began", (long long)(grown / ues));
		putchar('\n');
	}
}

static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"", *text))
			fprintf(f, "&#%d;", *text);
		else
			fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
	}
}

static void write_junit(const struct run *r, const char *path, int64_t took_us)
{
	const char *name = r->scenario.name ? r->scenario.name : "scenario";
	FILE *f = fopen(path, "w");
	size_t i;
	json_t *step;

	if (!f) {
		fprintf(stderr, "keyhop: cannot write %s\n", path);
		return;
	}
	fputs("<?xml version=\"1.0\"?>\n<testsuite name=\"", f);
	put_escaped(f, name);
	fprintf(f, "\" tests=\"%zu\" failures=\"%d\" time=\"%.6f\">\n",
		json_array_size(r->step_results), r->failure[0] != '\0', (double)took_us / 1e6);
	json_array_foreach(r->step_results, i, step)
	{
		bool last = i + 1 == json_array_size(r->step_results);
		fputs("  <testcase classname=\"", f);
		put_escaped(f, name);
		fprintf(f, "\" name=\"%zu %s\" time=\"%.6f\">", i + 1,
			json_string_value(json_object_get(step, "step")),
			(double)json_integer_value(json_object_get(step, "duration_us")) / 1e6);
		if (last && r->failure[0]) {
			fputs("<failure message=\"", f);
			put_escaped(f, r->failure);
			fputs("\"/>", f);
		}
		fputs("</testcase>\n", f);
	}
	fputs("</testsuite>\n", f);
	fclose(f);
}

void run_report(struct run *r, const struct run_options *o, int64_t took_us)
{
	json_t *memory = run_memory(r), *all = stats_json(&r->stats);
	double seconds = (double)took_us / 1e6;
	char path[1024];

	json_object_set_new(all, "scenario", json_string(o->file));
	json_object_set_new(all, "ues", json_integer((json_int_t)r->n_movers));
	json_object_set_new(all, "duration_us", json_integer(took_us));
	json_object_set_new(all, "failure", r->failure[0] ? json_string(r->failure) : json_null());
	json_object_set(all, "steps", r->step_results);
	json_object_set(all, "memory", memory);
	if (o->form != OUTPUT_TABLE) {
		output_result(all, o->form);
	} else {
		stats_print(&r->stats);
		print_memory(r, memory);
		printf("%s  %llu handovers completed, %llu failed, %llu pings, %zu UEs, %.2f s, "
		       "%.0f handovers/s\n",
		       r->failure[0] ? "FAILED" : "OK", (unsigned long long)r->stats.completed,
		       (unsigned long long)r->stats.failed, (unsigned long long)r->stats.pings,
		       r->n_movers, seconds, (double)r->stats.completed / seconds);
	}
	if (r->failure[0])
		fprintf(stderr, "keyhop: %s\n", r->failure);
	if (o->out) {
		snprintf(path, sizeof path, "%s/summary.json", o->out);
		if (json_dump_file(all, path, JSON_INDENT(2)))
			fprintf(stderr, "keyhop: cannot write %s\n", path);
	}
	if (o->junit)
		write_junit(r, o->junit, took_us);
	json_decref(memory);
	json_decref(all);
}
