#include "params.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *schema_method(json_t *schema, const char *name)
{
	json_t *methods = json_object_get(schema, "methods"), *m;
	size_t i;

	json_array_foreach(methods, i, m) if (strcmp(json_string_value(json_object_get(m, "name")),
						     name) == 0) return m;
	return NULL;
}

static json_t *number(const char *text)
{
	char *end;

	errno = 0;
	long long i = strtoll(text, &end, 0);
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

static json_t *typed(const char *type, char *text)
{
	if (strcmp(type, "string") == 0)
		return json_string(text);
	if (strcmp(type, "bool") == 0)
		return strcmp(text, "true") == 0    ? json_true()
		       : strcmp(text, "false") == 0 ? json_false()
						    : NULL;
	if (strcmp(type, "object") == 0)
		return object(text);
	return strcmp(type, "array") == 0 ? array(text) : number(text);
}

static json_t *find_param(json_t *method, const char *name)
{
	json_t *p;
	size_t i;

	/* People say where to, the interface says target. */
	if (strcmp(name, "to") == 0)
		name = "target";
	json_array_foreach(json_object_get(method, "params"), i,
			   p) if (strcmp(json_string_value(json_object_get(p, "name")), name) ==
				  0) return p;
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

/* Takes one word, or a flag and its value; words used, or -1 after a printed error. */
static int take(json_t *method, json_t *params, int argc, char **argv)
{
	int is_flag = strncmp(argv[0], "--", 2) == 0, used = 1;
	json_t *p = is_flag ? find_param(method, argv[0] + 2) : next_required(method, params);
	char yes[] = "true", *text = argv[0];

	if (!p) {
		fprintf(stderr, "keyhop: unknown parameter %s\n", argv[0]);
		return -1;
	}
	const char *name = json_string_value(json_object_get(p, "name"));
	const char *type = json_string_value(json_object_get(p, "type"));
	if (is_flag) {
		int has_value = argc > 1 && strncmp(argv[1], "--", 2) != 0;
		if (!has_value && strcmp(type, "bool") != 0) {
			fprintf(stderr, "keyhop: --%s wants a value\n", name);
			return -1;
		}
		text = has_value ? argv[1] : yes;
		used += has_value;
	}
	json_t *value = typed(type, text);
	if (!value) {
		fprintf(stderr, "keyhop: %s wants %s, not \"%s\"\n", name, type, text);
		return -1;
	}
	json_object_set_new(params, name, value);
	return used;
}

json_t *params_parse(json_t *method, int argc, char **argv)
{
	json_t *params = json_object();

	for (int i = 0; i < argc;) {
		int used = take(method, params, argc - i, argv + i);
		if (used < 0) {
			json_decref(params);
			return NULL;
		}
		i += used;
	}
	return params;
}
