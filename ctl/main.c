/* keyhop: the command-line tool. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "client.h"
#include "nearest.h"
#include "nodes.h"
#include "verbs.h"
#include "via.h"
#include "words.h"

static void print_options(FILE *out)
{
	char name[40];

	fputs("\noptions, before or after the words, up to \"--\":\n", out);
	for (const struct option_row *o = tool_options; o->help; o++) {
		if (!o->help[0])
			continue;
		option_name(o, name, sizeof name);
		size_t len = strlen(name);
		snprintf(name + len, sizeof name - len, " %s", o->value);
		fprintf(out, "  %-34s %s\n", name, o->help);
	}
}

static void usage(FILE *out)
{
	fputs("usage: keyhop NODE NOUN VERB [WORD]... [--flag value]...\n"
	      "       keyhop VERB ...\n\n"
	      "  keyhop enb1 help                           what this node can do\n"
	      "  keyhop enb1 ue list                        UEs of this cell, as a table\n"
	      "  keyhop enb1 handover start --ue 001010000000001 --to enb2 --wait\n"
	      "  keyhop ue attach --ue 001010000000001 --cell enb1 --wait\n"
	      "  keyhop ue measure --ue 001010000000001 --cells enb1=-90,enb2=-70\n"
	      "  keyhop ue traffic ping 001010000000001\n"
	      "  keyhop mme key list --ue 001010000000001 -o json\n"
	      "  keyhop all log set --level debug           at every node\n"
	      "  keyhop --via ssh:lab2 enb7 status          a node of another machine\n\n",
	      out);
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(out, "  keyhop %-11s %s\n", v->name, v->help);
	print_options(out);
	fputs("\n"
	      "A node is found as NODE.sock or NODE/ctl.sock in " NODES_WHERE ".\n"
	      "keyhop NODE NOUN VERB --help and keyhop help VERB say more.\n\nexit code:\n",
	      out);
#define EXIT_HELP(id, number, help) fprintf(out, "  %d  %s\n", number, help);
	EXIT_CODES(EXIT_HELP)
#undef EXIT_HELP
}

/* The verb that was perhaps meant, or NULL. */
static const char *nearest_verb(const char *word)
{
	struct nearest near;

	nearest_init(&near, word);
	for (const struct verb *v = verbs; v->name; v++)
		nearest_try(&near, v->name);
	return near.best;
}

int help_verb(int argc, char **argv, enum output_format form)
{
	const struct verb *v = argc == 1 ? verb_find(argv[0]) : NULL;
	char hint[NEAREST_HINT_LEN];

	(void)form;
	if (argc > 0 && !v) {
		fprintf(stderr, "keyhop: \"%s\" is no verb%s\n", argv[0],
			nearest_hint(nearest_verb(argv[0]), hint));
		return EXIT_USAGE;
	}
	if (v)
		verb_help(v, stdout);
	else
		usage(stdout);
	return EXIT_DONE;
}

/* One word that is no verb: a node of which nothing is asked, or a slip. */
static int say_one_word(const char *word)
{
	char path[NODE_PATH_MAX], hint[NEAREST_HINT_LEN];

	if (node_path(word, path, sizeof path) == 0)
		fprintf(stderr,
			"keyhop: %s is a node: of it, something must be asked\n"
			"hint: keyhop %s help lists what it has\n",
			word, word);
	else
		fprintf(stderr,
			"keyhop: \"%s\" is no verb of keyhop, and no node is called so%s\n"
			"hint: keyhop --help\n",
			word, nearest_hint(nearest_verb(word), hint));
	return EXIT_USAGE;
}

static int do_only(const char *option)
{
	if (strcmp(option, "version") == 0)
		puts("keyhop " KEYHOP_VERSION);
	else if (strcmp(option, "dump-schema") == 0)
		verbs_dump();
	else
		usage(stdout);
	return EXIT_DONE;
}

static int run_verb_row(const struct verb *verb, const struct command *cmd, int argc, char **argv)
{
	if (!verb->is_script && asks_for_help(argc - 1, argv + 1)) {
		verb_help(verb, stdout);
		return EXIT_DONE;
	}
	return verb->run(argc - 1, argv + 1, cmd->output);
}

/* DIR/NODE.sock is NODE in DIR. */
static char *node_of_socket(char *path)
{
	char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	if (len > 5 && strcmp(name + len - 5, ".sock") == 0)
		name[len - 5] = '\0';
	if (slash)
		*slash = '\0';
	setenv("KEYHOP_RUN", slash ? path : ".", 1);
	return name;
}

/* keyhop NODE watch --flag ... is keyhop watch NODE --flag ... */
static int watch_node(struct command *cmd, int argc, char **argv)
{
	char *words[64] = {(char *)(uintptr_t) "watch", (char *)(uintptr_t)cmd->node};

	if (argc > 60)
		return EXIT_USAGE;
	if (cmd->socket[0])
		words[1] = node_of_socket(cmd->socket);
	for (int i = 1; i < argc; i++)
		words[i + 1] = argv[i];
	return run_verb_row(verb_find("watch"), cmd, argc + 1, words);
}

static int run_method(struct command *cmd, int argc, char **argv)
{
	int code = 0;

	if (strcmp(argv[0], "watch") == 0)
		return watch_node(cmd, argc, argv);
	if (cmd->node && strcmp(cmd->node, "all") == 0)
		return call_all(cmd, argc, argv);
	if (!cmd->socket[0]) {
		code = node_path_or_say(cmd->node, cmd->socket, sizeof cmd->socket);
		const char *near = code ? nearest_verb(cmd->node) : NULL;
		if (near)
			fprintf(stderr, "hint: did you mean the verb \"%s\"?\n", near);
		else if (code)
			fputs("hint: the first word is a verb of keyhop, or the node that is "
			      "asked: keyhop NODE NOUN VERB\n",
			      stderr);
	}
	return code ? code : call_node(cmd, argc, argv);
}

int main(int argc, char **argv)
{
	struct command cmd = {.timeout_ms = 10000};
	int code = options_take(&cmd, &argc, argv);

	if (code < 0 && cmd.only)
		return do_only(cmd.only);
	if (code < 0 && cmd.n_via)
		code = via_enter(cmd.via, cmd.n_via);
	if (code >= 0)
		return code;
	argc--;
	argv++;
	const struct verb *verb =
		argc > 0 && !cmd.node && !cmd.socket[0] ? verb_find(argv[0]) : NULL;
	if (verb)
		return run_verb_row(verb, &cmd, argc, argv);
	if (!cmd.socket[0] && !cmd.node && argc > 1) {
		cmd.node = argv[0];
		argc--;
		argv++;
	}
	if (argc < 1 || (!cmd.socket[0] && !cmd.node)) {
		if (argc == 1)
			return say_one_word(argv[0]);
		usage(stderr);
		return EXIT_USAGE;
	}
	return run_method(&cmd, argc, argv);
}
