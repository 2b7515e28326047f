#include "params.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nearest.h"
#include "words.h"

json_t *schema_method(json_t *schema, const char *name)
{
	json_t *methods = json_object_get(schema, "methods"), *m;
	size_t i;

	json_array_foreach(methods, i, m) if (strcmp(json_string_value(json_object_get(m, "name")),
						     name) == 0) return m;
	return NULL;
}

/* Decimal, or hex with 0x: 010 is ten. */
static json_t *number(const char *text)
{
	char *end;
	const char *digits = text + (*text == '-');
	int base = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') ? 16 : 10;

	errno = 0;
	long long i = strtoll(text, &end, base);
	if (*text && !*end && !errno)
		return json_integer(i);
	double d = strtod(text, &end);
	return *text && !*end ? json_real(d) : NULL;
}

/* enb1=-80,enb2=-70 */
static json_t *object(char *text)
{
	json_t *out = json_object();

	for (char *part; (part = strsep(&text, ","));) {
		char *eq = strchr(part, '=');
		json_t *value = eq ? number(eq + 1) : NULL;
		if (!value) {
			json_decref(out);
			return NULL;
		}
		*eq = '\0';
		json_object_set_new(out, part, value);
	}
	return out;
}

static json_t *array(char *text)
{
	json_t *out = json_array();

	for (char *part; (part = strsep(&text, ","));) {
		json_t *value = number(part);
		json_array_append_new(out, value ? value : json_string(part));
	}
	return out;
}

/* What is cut into parts is a copy: a call to several nodes reads the words again for each. */
static json_t *of_parts(json_t *(*parts)(char *), const char *text)
{
	char *copy = x_strdup(text);
	json_t *out = parts(copy);

	free(copy);
	return out;
}

static json_t *typed(const char *type, const char *text)
{
	if (strcmp(type, "string") == 0)
		return json_string(text);
	if (strcmp(type, "bool") == 0)
		return strcmp(text, "true") == 0    ? json_true()
		       : strcmp(text, "false") == 0 ? json_false()
						    : NULL;
	if (strcmp(type, "object") == 0)
		return of_parts(object, text);
	return strcmp(type, "array") == 0 ? of_parts(array, text) : number(text);
}

json_t *params_find(const json_t *method, const char *name)
{
	json_t *p;
	size_t i;
	char wanted[64];

	/* People say where to, the interface says target; --max-size is max_size. */
	snprintf(wanted, sizeof wanted, "%s", strcmp(name, "to") == 0 ? "target" : name);
	for (char *dash = wanted; (dash = strchr(dash, '-'));)
		*dash = '_';
	json_array_foreach(json_object_get(method, "params"), i, p)
	{
		if (strcmp(json_string_value(json_object_get(p, "name")), wanted) == 0)
			return p;
	}
	return NULL;
}

/* The first required parameter that has no value yet. */
static json_t *next_required(json_t *method, json_t *params)
{
	json_t *p;
	size_t i;

	json_array_foreach(json_object_get(method, "params"), i,
			   p) if (json_is_true(json_object_get(p, "required")) &&
				  !json_object_get(params, json_string_value(json_object_get(
								   p, "name")))) return p;
	return NULL;
}

static const char *type_name(const char *type)
{
	static const char *const names[][2] = {
		{"int", "an integer"},	   {"number", "a number"},	  {"string", "text"},
		{"bool", "true or false"}, {"object", "name=number,..."}, {"array", "a,b,..."},
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i][0], type) == 0)
			return names[i][1];
	return type;
}

static void say_unknown(json_t *method, const char *word)
{
	struct nearest near;
	json_t *p;
	size_t i;
	const char *name = strncmp(word, "--", 2) == 0 ? word + 2 : word;

	nearest_init(&near, name);
	json_array_foreach(json_object_get(method, "params"), i, p)
		nearest_try(&near, json_string_value(json_object_get(p, "name")));
	for (const struct option_row *o = tool_options; o->name; o++)
		nearest_try(&near, o->name);
	fprintf(stderr, "keyhop: unknown parameter %s", word);
	if (near.best)
		fprintf(stderr, ", did you mean --%s?", near.best);
	fputs(i ? "; it takes:" : "; it takes none", stderr);
	json_array_foreach(json_object_get(method, "params"), i, p)
		fprintf(stderr, " --%s", json_string_value(json_object_get(p, "name")));
	fputc('\n', stderr);
}

/* The value of a flag: after '=', or the next word. A flag that is true or false may go without. Words used, -1 when there
 * is none. */
static int flag_value(const char *type, int argc, char **argv, char **text)
{
	static char yes[] = "true";
	char *eq = strchr(argv[0], '=');
	bool is_bool = strcmp(type, "bool") == 0;

	*text = eq ? eq + 1 : yes;
	if (eq)
		return 1;
	if (argc > 1 && (is_bool ? !strcmp(argv[1], "true") || !strcmp(argv[1], "false")
				 : strncmp(argv[1], "--", 2) != 0)) {
		*text = argv[1];
		return 2;
	}
	return is_bool ? 1 : -1;
}

/* Takes one word, or unless `plain` a flag and its value; words used, or -1 after a printed error. */
static int take(json_t *method, json_t *params, bool plain, int argc, char **argv)
{
	bool is_flag = !plain && strncmp(argv[0], "--", 2) == 0;
	int used = 1;
	char flag[64], *text = argv[0];

	snprintf(flag, sizeof flag, "%.*s", (int)strcspn(argv[0], "="), argv[0]);
	json_t *p = is_flag ? params_find(method, flag + 2) : next_required(method, params);
	if (!p) {
		say_unknown(method, is_flag ? flag : argv[0]);
		return -1;
	}
	const char *name = json_string_value(json_object_get(p, "name"));
	const char *type = json_string_value(json_object_get(p, "type"));
	if (is_flag)
		used = flag_value(type, argc, argv, &text);
	if (used < 0) {
		fprintf(stderr, "keyhop: --%s wants a value: %s\n", name,
			json_string_value(json_object_get(p, "help")));
		return -1;
	}
	json_t *value = typed(type, text);
	if (!value) {
		fprintf(stderr, "keyhop: %s wants %s, not \"%s\"\n", name, type_name(type), text);
		return -1;
	}
	json_object_set_new(params, name, value);
	return used;
}

json_t *params_parse(json_t *method, int argc, char **argv)
{
	json_t *params = json_object();
	bool plain = false;

	for (int i = 0; i < argc;) {
		if (!plain && strcmp(argv[i], "--") == 0) {
			plain = true;
			i++;
			continue;
		}
		int used = take(method, params, plain, argc - i, argv + i);
		if (used < 0) {
			json_decref(params);
			return NULL;
		}
		i += used;
	}
	return params;
}

const char *schema_nearest(json_t *schema, const char *name)
{
	struct nearest near;
	json_t *m;
	size_t i;

	nearest_init(&near, name);
	json_array_foreach(json_object_get(schema, "methods"), i, m)
		nearest_try(&near, json_string_value(json_object_get(m, "name")));
	return near.best;
}
