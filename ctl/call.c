#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "import.h"
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
		if (cmd->output != OUTPUT_TABLE)
			output_result(error, OUTPUT_JSON);
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

static void say_no_method(json_t *schema, const struct command *cmd, int argc, char **argv)
{
	char name[128], words[128];
	const char *node = cmd->node ? cmd->node : "NODE";

	snprintf(name, sizeof name, "%s%s%s", argv[0], argc > 1 ? "." : "",
		 argc > 1 ? argv[1] : "");
	const char *near = schema_nearest(schema, name);
	snprintf(words, sizeof words, "%s", near ? near : "");
	if (strchr(words, '.'))
		*strchr(words, '.') = ' ';
	fprintf(stderr, "keyhop: this node has no \"%s%s%s\"", argv[0], argc > 1 ? " " : "",
		argc > 1 ? argv[1] : "");
	if (near)
		fprintf(stderr, ", did you mean \"%s\"?", words);
	fprintf(stderr, "\nhint: keyhop %s help lists what it has\n", node);
}

/* The answer, or NULL after a printed error. *code says what went wrong, also when there is an answer to tell. */
static json_t *ask(struct client *c, const char *method, json_t *params, int timeout_ms, int *code)
{
	return is_import(method, params) ? import_file(c, params, timeout_ms, code)
					 : client_call(c, method, params, timeout_ms, code);
}

static int call(struct client *c, const struct command *cmd, json_t *schema, int argc, char **argv)
{
	char name[128];
	int code = EXIT_DONE, used = find_method(schema, argc, argv, name, sizeof name);

	if (!used) {
		say_no_method(schema, cmd, argc, argv);
		return EXIT_USAGE;
	}
	if (argc > used && is_help(argv[argc - 1]))
		return output_methods(schema, 1, (char *[]){name});
	json_t *params = params_parse(schema_method(schema, name), argc - used, argv + used);
	if (!params)
		return EXIT_USAGE;
	json_t *answer = ask(c, name, params, cmd->timeout_ms, &code);
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
	json_decref(answer);
	if (params) {
		answer = ask(&c, method, params, r->cmd->timeout_ms, &code);
		add_result(r, name, answer);
		json_decref(answer);
	} else if (used) {
		code = EXIT_USAGE;
	}
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
