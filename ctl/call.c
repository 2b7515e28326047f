#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "import.h"
#include "nearest.h"
#include "params.h"

struct holder {
	const char *ue;
	json_int_t enb;
	json_t *fp;
};

/* The fingerprint of the UE's KeNB, if this is the eNodeB that holds it. */
static void ask_holder(void *arg, const char *name, const char *path)
{
	struct holder *h = arg;
	struct client c;
	int code;

	(void)name;
	if (h->fp || client_open_quiet(&c, path, 1000))
		return;
	json_t *status = strcmp(c.role, "enbd") == 0
				 ? client_call(&c, "status", json_object(), 1000, &code)
				 : NULL;
	if (json_integer_value(json_object_get(json_object_get(status, "result"), "enb")) ==
	    h->enb) {
		json_t *answer =
			client_call(&c, "ue.show", json_pack("{s:s}", "ue", h->ue), 1000, &code);
		h->fp = json_incref(json_object_get(json_object_get(answer, "result"), "kenb_fp"));
		json_decref(answer);
	}
	json_decref(status);
	client_close(&c);
}

/* The source does not hold the target's KeNB; the target knows its fingerprint. */
static void add_fingerprint(json_t *result)
{
	char path[NODE_PATH_MAX], node[32];
	struct holder h = {.ue = json_string_value(json_object_get(result, "ue")),
			   .enb = json_integer_value(json_object_get(result, "to"))};

	if (!json_is_null(json_object_get(result, "kenb_fp")) || !h.ue || !*h.ue)
		return;
	/* Most are called so; else all are asked who they are. */
	snprintf(node, sizeof node, "enb%lld", (long long)h.enb);
	if (node_path(node, path, sizeof path) == 0)
		ask_holder(&h, node, path);
	if (!h.fp)
		(void)nodes_each(NULL, ask_holder, &h);
	if (h.fp)
		json_object_set_new(result, "kenb_fp", h.fp);
}

static int finish(const struct command *cmd, json_t *answer)
{
	json_t *result = json_object_get(answer, "result");
	const json_t *error = json_object_get(answer, "error");

	if (error) {
		if (output_is_json(cmd->output))
			output_result(error, cmd->output);
		return client_print_error(error);
	}
	if (json_object_get(result, "kenb_fp") && json_object_get(result, "outcome"))
		add_fingerprint(result);
	output_result(result, cmd->output);
	return EXIT_DONE;
}

/* NOUN VERB is the method noun.verb; some methods are one word. Words used, 0 when there is no such method. */
static int find_method(json_t *schema, int argc, char **argv, char *name, size_t len)
{
	if (argc > 1) {
		snprintf(name, len, "%s.%s", argv[0], argv[1]);
		if (schema_method(schema, name))
			return 2;
	}
	snprintf(name, len, "%s", argv[0]);
	return schema_method(schema, name) ? 1 : 0;
}

bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool is_list(const json_t *method, const json_t *params)
{
	return params_find(method, "offset") && !json_object_get(params, "offset") &&
	       !json_object_get(params, "limit");
}

/* Calls a method; of a list all pages, unless `params` ask for one. As client_call(). */
static json_t *call_whole(struct client *c, const struct command *cmd, const json_t *method,
			  json_t *params, int *code)
{
	const char *name = json_string_value(json_object_get(method, "name"));
	bool list = is_list(method, params);
	json_t *answer = client_call(c, name, json_incref(params), cmd->timeout_ms, code);
	json_t *whole = json_object_get(answer, "result");

	while (list && json_is_integer(json_object_get(whole, "next"))) {
		json_object_set(params, "offset", json_object_get(whole, "next"));
		json_t *page = client_call(c, name, json_incref(params), cmd->timeout_ms, code);
		json_t *result = json_object_get(page, "result");
		const json_t *items = json_object_get(result, "items");
		if (!json_array_size(items)) { /* an error, or the list has become shorter */
			list = false;
			json_object_set_new(whole, "next", json_null());
		} else {
			json_array_extend(json_object_get(whole, "items"),
					  (json_t *)(uintptr_t)items);
			json_object_set(whole, "next", json_object_get(result, "next"));
		}
		if (!result) {
			json_decref(answer);
			answer = json_incref(page);
		}
		json_decref(page);
	}
	json_decref(params);
	return answer;
}

bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (is_help(argv[i]))
			return true;
	return false;
}

/* The verbs that go with a noun; false when it is none. */
static bool say_noun(const json_t *schema, const char *noun)
{
	size_t len = strlen(noun), i, n = 0;
	json_t *m;

	json_array_foreach(json_object_get(schema, "methods"), i, m)
	{
		const char *name = json_string_value(json_object_get(m, "name"));
		if (strncmp(name, noun, len) != 0 || name[len] != '.')
			continue;
		if (n++ == 0)
			fprintf(stderr, "keyhop: %s wants a verb:", noun);
		fprintf(stderr, " %s", name + len + 1);
	}
	if (n)
		fputc('\n', stderr);
	return n > 0;
}

static void say_no_method(json_t *schema, const struct command *cmd, int argc, char **argv)
{
	char name[128], words[128], hint[NEAREST_HINT_LEN];
	const char *node = cmd->node ? cmd->node : "NODE";

	snprintf(name, sizeof name, "%s%s%s", argv[0], argc > 1 ? "." : "",
		 argc > 1 ? argv[1] : "");
	const char *near = schema_nearest(schema, name);
	snprintf(words, sizeof words, "%s", near ? near : "");
	if (strchr(words, '.'))
		*strchr(words, '.') = ' ';
	if (argc == 1 && say_noun(schema, argv[0]))
		return;
	fprintf(stderr,
		"keyhop: this node has no \"%s%s%s\"%s\n"
		"hint: keyhop %s help lists what it has\n",
		argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "", nearest_hint(words, hint),
		node);
}

/* The answer, or NULL after a printed error. *code says what went wrong, also when there is an answer to tell. */
static json_t *ask(struct client *c, const struct command *cmd, const json_t *method,
		   json_t *params, int *code)
{
	const char *name = json_string_value(json_object_get(method, "name"));

	return is_import(name, params) ? import_file(c, params, cmd->timeout_ms, code)
				       : call_whole(c, cmd, method, params, code);
}

static int call(struct client *c, const struct command *cmd, json_t *schema, int argc, char **argv)
{
	char name[128];
	int code = EXIT_DONE, used = find_method(schema, argc, argv, name, sizeof name);

	if (!used) {
		say_no_method(schema, cmd, argc, argv);
		return EXIT_USAGE;
	}
	if (asks_for_help(argc - used, argv + used))
		return output_methods(schema, 1, (char *[]){name});
	json_t *params = params_parse(schema_method(schema, name), argc - used, argv + used);
	if (!params)
		return EXIT_USAGE;
	json_t *answer = ask(c, cmd, schema_method(schema, name), params, &code);
	if (!answer)
		return code;
	int failed = finish(cmd, answer);
	json_decref(answer);
	return failed ? failed : code;
}

int call_node(const struct command *cmd, int argc, char **argv)
{
	struct client c;
	int code = client_open(&c, cmd->socket, cmd->timeout_ms);

	if (code) {
		client_close(&c);
		return code;
	}
	json_t *answer = client_call(&c, "schema.list", json_object(), cmd->timeout_ms, &code);
	json_t *schema = json_object_get(answer, "result");
	if (schema && (strcmp(argv[0], "help") == 0 || is_help(argv[0])))
		code = output_methods(schema, argc - 1, argv + 1);
	else if (schema)
		code = call(&c, cmd, schema, argc, argv);
	json_decref(answer);
	client_close(&c);
	return code;
}

struct round {
	const struct command *cmd;
	int argc;
	char **argv;
	json_t *items;
	int code;
	size_t asked;
};

/* What one node said, an item with its name in front. */
static void add_item(struct round *r, const char *name, json_t *value)
{
	json_t *item = json_pack("{s:s}", "node", name);

	json_object_update(item, value);
	json_array_append_new(r->items, item);
}

static void add_result(struct round *r, const char *name, json_t *answer)
{
	json_t *result = json_object_get(answer, "result"), *one;
	const json_t *error = json_object_get(answer, "error");
	json_t *list = json_object_get(result, "items");
	size_t i;

	if (error) {
		fprintf(stderr, "%s: ", name);
		int code = client_print_error(error);
		r->code = r->code ? r->code : code;
	} else if (json_is_array(list)) {
		json_array_foreach(list, i, one) add_item(r, name, one);
	} else if (result) {
		add_item(r, name, result);
	}
}

static void ask_one(void *arg, const char *name, const char *path)
{
	struct round *r = arg;
	struct client c;
	char method[128];
	int code = client_open(&c, path, r->cmd->timeout_ms), used;
	json_t *answer =
		code ? NULL
		     : client_call(&c, "schema.list", json_object(), r->cmd->timeout_ms, &code);
	json_t *schema = json_object_get(answer, "result"), *params = NULL;

	used = schema ? find_method(schema, r->argc, r->argv, method, sizeof method) : 0;
	if (used)
		params =
			params_parse(schema_method(schema, method), r->argc - used, r->argv + used);
	r->asked += used > 0;
	if (params) {
		json_t *said = ask(&c, r->cmd, schema_method(schema, method), params, &code);
		add_result(r, name, said);
		json_decref(said);
	} else if (used) {
		code = EXIT_USAGE;
	}
	json_decref(answer);
	client_close(&c);
	r->code = r->code ? r->code : code;
}

int call_all(const struct command *cmd, int argc, char **argv)
{
	struct round r = {.cmd = cmd, .argc = argc, .argv = argv, .items = json_array()};

	if (nodes_each(NULL, ask_one, &r) == 0) {
		fputs("keyhop: there is no node in " NODES_WHERE "\n", stderr);
		r.code = EXIT_UNREACHABLE;
	} else if (!r.asked && !r.code) {
		fprintf(stderr, "keyhop: no node has \"%s%s%s\"\n", argv[0], argc > 1 ? " " : "",
			argc > 1 ? argv[1] : "");
		r.code = EXIT_USAGE;
	}
	json_t *all = json_pack("{s:o, s:n}", "items", r.items, "next");
	if (r.asked)
		output_result(all, cmd->output);
	json_decref(all);
	return r.code;
}
