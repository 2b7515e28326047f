#include "output.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "mem.h"

/* A value as one text, new: text as it is, null and what is not there empty, all else as JSON. */
static char *text_of(const json_t *v)
{
	char *text;

	if (!v || json_is_null(v))
		return x_strdup("");
	if (json_is_string(v))
		return x_strdup(json_string_value(v));
	text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
	return text ? text : x_strdup("?");
}

/* For people, new: a string may be a peer's, and a cell is never empty. */
static char *shown(const json_t *v)
{
	char *text = text_of(v);

	for (char *p = text; *p; p++)
		*p = output_harmless(*p);
	if (*text)
		return text;
	free(text);
	return x_strdup("-");
}

/* Columns that a text takes: octets, but for those that continue a character. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void put_padded(const char *text, int width)
{
	printf("%s%*s  ", text, width - width_of(text), "");
}

/* New object: the members of all items, in the order in which they come, and how wide they are. */
static json_t *find_columns(const json_t *items)
{
	json_t *row, *v, *columns = json_object();
	const char *key;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)items, i, row)
	{
		json_object_foreach(row, key, v)
		{
			char *text = shown(v);
			const json_t *known = json_object_get(columns, key);
			int width = width_of(text), most = (int)json_integer_value(known);
			if (!known)
				most = width_of(key);
			json_object_set_new(columns, key,
					    json_integer(width > most ? width : most));
			free(text);
		}
	}
	return columns;
}

/* The last cell is not padded. */
static void print_row(json_t *columns, const json_t *row)
{
	size_t left = json_object_size(columns);
	const char *key;
	json_t *width;

	json_object_foreach(columns, key, width)
	{
		char *text = row ? shown(json_object_get(row, key)) : x_strdup(key);
		for (char *p = text; !row && *p; p++)
			*p = (char)toupper((unsigned char)*p);
		if (--left)
			put_padded(text, (int)json_integer_value(width));
		else
			puts(text);
		free(text);
	}
}

static void print_table(const json_t *items)
{
	json_t *columns = find_columns(items), *row;
	size_t i;

	if (json_object_size(columns))
		print_row(columns, NULL);
	else
		fputs("(none)\n", stderr);
	json_array_foreach((json_t *)(uintptr_t)items, i, row) print_row(columns, row);
	json_decref(columns);
}

/* Members of members as outer.inner, as options are written. */
static void flatten(const json_t *object, const char *prefix, json_t *flat)
{
	const char *key;
	json_t *v;
	char name[256];

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
	int width = 0;

	flatten(object, "", flat);
	json_object_foreach(flat, key, v) if (width_of(key) > width) width = width_of(key);
	json_object_foreach(flat, key, v)
	{
		char *text = shown(v);
		put_padded(key, width);
		puts(text);
		free(text);
	}
	json_decref(flat);
}

/* A list, and what stands beside it but for where it goes on. */
static void print_list(const json_t *result, const json_t *items)
{
	json_t *beside = json_copy((json_t *)(uintptr_t)result);

	json_object_del(beside, "items");
	json_object_del(beside, "next");
	print_table(items);
	if (json_object_size(beside)) {
		putchar('\n');
		print_members(beside);
	}
	json_decref(beside);
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
static void print_csv_cell(const char *text, bool last)
{
	bool quoted = strpbrk(text, ",\"\r\n") != NULL;

	if (quoted)
		putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	if (quoted)
		putchar('"');
	putchar(last ? '\n' : ',');
}

static void print_csv(const json_t *items)
{
	json_t *columns = find_columns(items), *row, *width;
	size_t i, n = json_object_size(columns), left = n;
	const char *key;

	json_object_foreach(columns, key, width) print_csv_cell(key, --left == 0);
	json_array_foreach((json_t *)(uintptr_t)items, i, row)
	{
		left = n;
		json_object_foreach(columns, key, width)
		{
			char *text = text_of(json_object_get(row, key));
			print_csv_cell(text, --left == 0);
			free(text);
		}
	}
	json_decref(columns);
}

/* An object is one line, its members' members are columns, too. */
static void print_csv_object(const json_t *object)
{
	json_t *flat = json_object(), *one = json_pack("[O]", flat);

	flatten(object, "", flat);
	print_csv(one);
	json_decref(one);
	json_decref(flat);
}

void output_result(const json_t *result, enum output_format format)
{
	const json_t *items = json_object_get(result, "items");

	if (!json_is_array(items))
		items = NULL;
	if (format == OUTPUT_JSON || (format == OUTPUT_NDJSON && !items)) {
		json_dumpf(result, stdout,
			   JSON_ENCODE_ANY |
				   (format == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT));
		putchar('\n');
	} else if (format == OUTPUT_NDJSON) {
		print_lines(items);
	} else if (format == OUTPUT_CSV) {
		items ? print_csv(items) : print_csv_object(result);
	} else {
		items ? print_list(result, items) : print_members(result);
	}
	if (json_is_integer(json_object_get(result, "next")) && format != OUTPUT_JSON)
		fprintf(stderr, "(more: --offset %lld)\n",
			(long long)json_integer_value(json_object_get(result, "next")));
}

void output_event(const json_t *event, bool json)
{
	const char *key;
	json_t *v;

	if (json) {
		json_dumpf(event, stdout, JSON_COMPACT);
	} else {
		char *ts = shown(json_object_get(event, "ts")),
		     *topic = shown(json_object_get(event, "topic"));
		printf("%s %-24s", ts, topic);
		free(ts);
		free(topic);
		json_object_foreach((json_t *)(uintptr_t)event, key, v)
		{
			if (strcmp(key, "ts") == 0 || strcmp(key, "topic") == 0 ||
			    strcmp(key, "seq") == 0)
				continue;
			char *text = shown(v);
			printf(" %s=%s", key, text);
			free(text);
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
