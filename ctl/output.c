#include "output.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define COLUMNS_MAX 64
#define CELL_MAX 256

static void cell(const json_t *v, char out[CELL_MAX])
{
	char *text;

	if (json_is_string(v)) {
		snprintf(out, CELL_MAX, "%s", json_string_value(v));
	} else if (!v || json_is_null(v)) {
		snprintf(out, CELL_MAX, "-");
	} else {
		text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
		snprintf(out, CELL_MAX, "%s", text ? text : "?");
		free(text);
	}
}

/* For people: a string may be a peer's. */
static void shown(const json_t *v, char out[CELL_MAX])
{
	cell(v, out);
	for (char *p = out; *p; p++)
		*p = output_harmless(*p);
}

static void print_row(const char *const *names, const int *width, size_t n, const json_t *row)
{
	char text[CELL_MAX];

	for (size_t i = 0; i < n; i++) {
		if (row) {
			shown(json_object_get(row, names[i]), text);
		} else {
			snprintf(text, sizeof text, "%s", names[i]);
			for (char *p = text; *p; p++)
				*p = (char)toupper((unsigned char)*p);
		}
		if (i + 1 < n)
			printf("%-*s  ", width[i], text);
		else
			printf("%s\n", text);
	}
}

/* Names of the members of all items, in the order in which they come. */
static size_t find_columns(const json_t *items, const char *names[COLUMNS_MAX])
{
	json_t *row, *v, *seen = json_object();
	const char *key;
	size_t i, n = 0;

	json_array_foreach((json_t *)(uintptr_t)items, i, row)
	{
		json_object_foreach(row, key, v)
		{
			if (n == COLUMNS_MAX || json_object_get(seen, key))
				continue;
			json_object_set_new(seen, key, json_true());
			names[n++] = key;
		}
	}
	json_decref(seen);
	return n;
}

static void print_table(const json_t *items)
{
	const char *names[COLUMNS_MAX];
	int width[COLUMNS_MAX];
	size_t n = find_columns(items, names), i;
	json_t *row;
	char text[CELL_MAX];

	for (size_t c = 0; c < n; c++) {
		width[c] = (int)strlen(names[c]);
		json_array_foreach(items, i, row)
		{
			shown(json_object_get(row, names[c]), text);
			if ((int)strlen(text) > width[c])
				width[c] = (int)strlen(text);
		}
	}
	if (n == 0)
		return;
	print_row(names, width, n, NULL);
	json_array_foreach(items, i, row) print_row(names, width, n, row);
}

/* Members of members as outer.inner, as options are written. */
static void flatten(const json_t *object, const char *prefix, json_t *flat)
{
	const char *key;
	json_t *v;
	char name[CELL_MAX];

	json_object_foreach((json_t *)(uintptr_t)object, key, v)
	{
		snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
		if (json_is_object(v) && !*prefix)
			flatten(v, name, flat);
		else
			json_object_set(flat, name, v);
	}
}

static void print_members(const json_t *object)
{
	json_t *flat = json_object(), *v;
	const char *key;
	char text[CELL_MAX];
	int width = 0;

	flatten(object, "", flat);
	json_object_foreach(flat, key, v) if ((int)strlen(key) > width) width = (int)strlen(key);
	json_object_foreach(flat, key, v)
	{
		shown(v, text);
		printf("%-*s  %s\n", width, key, text);
	}
	json_decref(flat);
}

int output_parse(const char *name, enum output_format *out)
{
	static const char *const names[] = {"table", "json", "ndjson", "csv"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*out = (enum output_format)i;
		return 0;
	}
	return -1;
}

static void print_lines(const json_t *items)
{
	size_t i;
	json_t *row;

	json_array_foreach((json_t *)(uintptr_t)items, i, row)
	{
		json_dumpf(row, stdout, JSON_COMPACT);
		putchar('\n');
	}
}

/* RFC 4180: quoted when it must be. */
static void print_csv_cell(const json_t *v, bool last)
{
	char text[CELL_MAX];

	cell(v, text);
	if (strpbrk(text, ",\"\n")) {
		putchar('"');
		for (const char *p = text; *p; p++)
			fputs(*p == '"' ? "\"\"" : (char[]){*p, '\0'}, stdout);
		putchar('"');
	} else {
		fputs(text, stdout);
	}
	putchar(last ? '\n' : ',');
}

static void print_csv(const json_t *items)
{
	const char *names[COLUMNS_MAX];
	json_t *row;
	size_t i, n = find_columns(items, names);

	for (size_t c = 0; c < n; c++)
		printf("%s%c", names[c], c + 1 == n ? '\n' : ',');
	json_array_foreach((json_t *)(uintptr_t)items, i, row) for (size_t c = 0; c < n; c++)
		print_csv_cell(json_object_get(row, names[c]), c + 1 == n);
}

void output_result(const json_t *result, enum output_format format)
{
	const json_t *items = json_object_get(result, "items");
	json_t *one = json_is_array(items) ? json_incref((json_t *)(uintptr_t)items)
					   : json_pack("[O]", result);

	if (format == OUTPUT_JSON) {
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
		putchar('\n');
	} else if (format == OUTPUT_NDJSON) {
		print_lines(one);
	} else if (format == OUTPUT_CSV) {
		print_csv(one);
	} else if (json_is_array(items)) {
		print_table(items);
	} else {
		print_members(result);
	}
	if (json_is_integer(json_object_get(result, "next")) && format != OUTPUT_JSON)
		fprintf(stderr, "(more: --offset %lld)\n",
			(long long)json_integer_value(json_object_get(result, "next")));
	json_decref(one);
}

void output_event(const json_t *event, bool json)
{
	const char *key;
	json_t *v;
	char text[CELL_MAX];

	if (json) {
		json_dumpf(event, stdout, JSON_COMPACT);
	} else {
		shown(json_object_get(event, "ts"), text);
		printf("%s ", text);
		shown(json_object_get(event, "topic"), text);
		printf("%-24s", text);
		json_object_foreach((json_t *)(uintptr_t)event, key, v)
		{
			if (strcmp(key, "ts") == 0 || strcmp(key, "topic") == 0 ||
			    strcmp(key, "seq") == 0)
				continue;
			shown(v, text);
			printf(" %s=%s", key, text);
		}
	}
	putchar('\n');
	fflush(stdout);
}

static void print_method(const json_t *m)
{
	json_t *p;
	size_t i;

	printf("%-20s %s\n", json_string_value(json_object_get(m, "name")),
	       json_string_value(json_object_get(m, "help")));
	json_array_foreach(json_object_get(m, "params"), i, p)
		printf("    --%-14s %s (%s%s)\n", json_string_value(json_object_get(p, "name")),
		       json_string_value(json_object_get(p, "help")),
		       json_string_value(json_object_get(p, "type")),
		       json_is_true(json_object_get(p, "required")) ? ", required" : "");
}

int output_methods(const json_t *schema, int argc, char **words)
{
	json_t *m;
	size_t i, shown = 0;
	char wanted[128];

	snprintf(wanted, sizeof wanted, "%s%s%s", argc > 0 ? words[0] : "", argc > 1 ? "." : "",
		 argc > 1 ? words[1] : "");
	json_array_foreach(json_object_get(schema, "methods"), i, m)
	{
		const char *name = json_string_value(json_object_get(m, "name"));
		/* A whole name, or a noun for all its verbs. */
		if (strncmp(name, wanted, strlen(wanted)) != 0 ||
		    (wanted[0] && !strchr(".", name[strlen(wanted)])))
			continue;
		print_method(m);
		shown++;
	}
	if (!shown)
		fprintf(stderr, "keyhop: no method \"%s\"\n", wanted);
	return shown ? EXIT_DONE : EXIT_USAGE;
}
