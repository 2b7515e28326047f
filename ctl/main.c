/* keyhop: the command-line tool. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stdbool.h>

#include "client.h"
#include "output.h"
#include "params.h"
#include "verbs.h"

#define VERSION "0.1.0"

struct command {
	char socket[512];
	const char *node;
	enum output_format output;
	int timeout_ms;
};

static void usage(FILE *out)
{
	fputs("usage: keyhop [-s SOCKET | -n NODE] [-o table|json|ndjson|csv] [-t SECONDS] NOUN "
	      "VERB "
	      "[WORD]... [--flag value]...\n"
	      "       keyhop NODE NOUN VERB ...\n\n"
	      "  keyhop -n enb1 help                        what this node can do\n"
	      "  keyhop -n enb1 ue list                     UEs of this cell, as a table\n"
	      "  keyhop -n enb1 handover start --ue 001010000000001 --to enb2 --wait\n"
	      "  keyhop -n ue attach --ue 001010000000001 --cell enb1 --wait\n"
	      "  keyhop -n ue measure --ue 001010000000001 --cells enb1=-90,enb2=-70\n"
	      "  keyhop -n ue traffic ping 001010000000001\n"
	      "  keyhop -n mme -o json key list --ue 001010000000001\n"
	      "  keyhop -n enb1 watch [--exec CMD]          events, until interrupted\n\n",
	      out);
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(out, "  keyhop %-10s %s\n", v->name, v->help);
	fputs("\n"
	      "A node is found as NODE.sock or NODE/ctl.sock in $KEYHOP_RUN, this folder or "
	      "/run/keyhop.\n"
	      "exit: 0 done, 1 failed, 2 usage, 3 cannot reach the node, 4 not found, 5 timeout, 6 "
	      "refused\n",
	      out);
}

/* The source does not hold the target's KeNB; the target, asked by name, knows its fingerprint. */
static void add_fingerprint(json_t *result)
{
	struct client c;
	char path[512], node[32];
	int code;
	const char *ue = json_string_value(json_object_get(result, "ue"));

	if (!json_is_null(json_object_get(result, "kenb_fp")) || !ue || !*ue)
		return;
	snprintf(node, sizeof node, "enb%lld",
		 (long long)json_integer_value(json_object_get(result, "to")));
	if (client_find(node, path, sizeof path) || client_open(&c, path, 1000))
		return;
	json_t *answer = client_call(&c, "ue.show", json_pack("{s:s}", "ue", ue), 1000, &code);
	json_t *fp = json_object_get(json_object_get(answer, "result"), "kenb_fp");
	if (fp)
		json_object_set(result, "kenb_fp", fp);
	json_decref(answer);
	client_close(&c);
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

static int call(struct client *c, const struct command *cmd, json_t *schema, int argc, char **argv)
{
	char name[128];
	int code = EXIT_DONE, used = find_method(schema, argc, argv, name, sizeof name);

	if (!used) {
		fprintf(stderr, "keyhop: this node has no \"%s%s%s\"; see: keyhop ... help\n",
			argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
		return EXIT_USAGE;
	}
	json_t *params = params_parse(schema_method(schema, name), argc - used, argv + used);
	if (!params)
		return EXIT_USAGE;
	json_t *answer = client_call(c, name, params, cmd->timeout_ms, &code);
	if (!answer)
		return code;
	code = finish(cmd, answer);
	json_decref(answer);
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct client c;
	int code = client_open(&c, cmd->socket, cmd->timeout_ms);

	if (code) {
		client_close(&c);
		return code;
	}
	if (strcmp(argv[0], "watch") == 0) {
		code = watch(&c, cmd->output != OUTPUT_TABLE, cmd->timeout_ms, argc - 1, argv + 1);
	} else {
		json_t *answer =
			client_call(&c, "schema.list", json_object(), cmd->timeout_ms, &code);
		json_t *schema = json_object_get(answer, "result");
		if (schema && strcmp(argv[0], "help") == 0)
			output_methods(schema);
		else if (schema)
			code = call(&c, cmd, schema, argc, argv);
		json_decref(answer);
	}
	client_close(&c);
	return code;
}

/* -1 to go on, or an exit code. */
static int parse(struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{"socket", required_argument, NULL, 's'}, {"node", required_argument, NULL, 'n'},
		{"output", required_argument, NULL, 'o'}, {"timeout", required_argument, NULL, 't'},
		{"version", no_argument, NULL, 'V'},	  {"help", no_argument, NULL, 'h'},
		{"dump-schema", no_argument, NULL, 'S'},  {0}};
	int c;

	/* '+': flags of the method begin at the first word. */
	while ((c = getopt_long(argc, argv, "+s:n:o:t:Vh", longs, NULL)) != -1) {
		if (c == 's') {
			snprintf(cmd->socket, sizeof cmd->socket, "%s", optarg);
		} else if (c == 'n') {
			cmd->node = optarg;
		} else if (c == 'o' && !output_parse(optarg, &cmd->output)) {
			continue;
		} else if (c == 't') {
			cmd->timeout_ms = (int)(atof(optarg) * 1000);
		} else if (c == 'V') {
			puts("keyhop " VERSION);
			return EXIT_DONE;
		} else if (c == 'S') {
			verbs_dump();
			return EXIT_DONE;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	return -1;
}

/* -o FORMAT is understood wherever it stands. */
static int take_output(struct command *cmd, int argc, char **argv)
{
	int kept = 0;

	bool words = false; /* behind "--" nothing is ours */

	for (int i = 0; i < argc; i++) {
		words = words || strcmp(argv[i], "--") == 0;
		if (!words && i > 0 && i + 1 < argc && strcmp(argv[i], "-o") == 0 &&
		    !output_parse(argv[i + 1], &cmd->output))
			i++;
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	return kept;
}

int main(int argc, char **argv)
{
	struct command cmd = {.timeout_ms = 10000};

	argc = take_output(&cmd, argc, argv);
	int code = parse(&cmd, argc, argv);

	if (code >= 0)
		return code;
	argc -= optind;
	argv += optind;
	const struct verb *verb = argc > 0 && !cmd.node ? verb_find(argv[0]) : NULL;
	if (verb && argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		verb_help(verb, stdout);
		return EXIT_DONE;
	}
	if (verb)
		return verb->run(argc - 1, argv + 1, cmd.output == OUTPUT_JSON);
	if (!cmd.socket[0] && !cmd.node && argc > 1) {
		cmd.node = argv[0];
		argc--;
		argv++;
	}
	if (argc < 1 || (!cmd.socket[0] && !cmd.node)) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!cmd.socket[0] && client_find(cmd.node, cmd.socket, sizeof cmd.socket)) {
		fprintf(stderr, "keyhop: no socket of node \"%s\" (see KEYHOP_RUN, -s)\n",
			cmd.node);
		return EXIT_UNREACHABLE;
	}
	return run(&cmd, argc, argv);
}
