/* keyhop: the command-line tool. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "client.h"
#include "duration.h"
#include "nodes.h"
#include "verbs.h"
#include "via.h"

#define VERSION "0.1.0"

static void usage(FILE *out)
{
	fputs("usage: keyhop [-n] NODE NOUN VERB [WORD]... [--flag value]...\n"
	      "       keyhop VERB ...\n"
	      "       with -s SOCKET, -o table|json|ndjson|csv, -t SECONDS, --via "
	      "ssh:HOST[:/DIR]\n\n"
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
		fprintf(out, "  keyhop %-10s %s\n", v->name, v->help);
	fputs("\n"
	      "A node is found as NODE.sock or NODE/ctl.sock in " NODES_WHERE ".\n"
	      "keyhop NODE NOUN VERB --help and keyhop VERB --help say more.\n\nexit code:\n",
	      out);
#define EXIT_HELP(id, number, help) fprintf(out, "  %d  %s\n", number, help);
	EXIT_CODES(EXIT_HELP)
#undef EXIT_HELP
}

/* One word that is no verb: a node of which nothing is asked, or a slip. */
static int say_one_word(const char *word)
{
	fprintf(stderr,
		"keyhop: \"%s\" is no verb of keyhop; of a node, something must be asked\n"
		"hint: keyhop %s help lists what a node of this name has, keyhop --help the "
		"verbs\n",
		word, word);
	return EXIT_USAGE;
}

/* -1 to go on, or an exit code. */
static int take_option(struct command *cmd, int c)
{
	if (c == 's') {
		snprintf(cmd->socket, sizeof cmd->socket, "%s", optarg);
	} else if (c == 'n') {
		cmd->node = optarg;
	} else if (c == 'o' && !output_parse(optarg, &cmd->output)) {
		return -1;
	} else if (c == 't' && !duration_parse(optarg, &cmd->timeout_ms)) {
		return -1;
	} else if (c == 'R' && cmd->n_via < VIAS_MAX) {
		cmd->via[cmd->n_via++] = optarg;
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
	return -1;
}

/* -1 to go on, or an exit code. */
static int parse(struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {{"socket", required_argument, NULL, 's'},
					      {"node", required_argument, NULL, 'n'},
					      {"output", required_argument, NULL, 'o'},
					      {"timeout", required_argument, NULL, 't'},
					      {"via", required_argument, NULL, 'R'},
					      {"version", no_argument, NULL, 'V'},
					      {"help", no_argument, NULL, 'h'},
					      {"dump-schema", no_argument, NULL, 'S'},
					      {0}};
	int c, code = -1;

	/* '+': flags of the method begin at the first word. */
	while (code < 0 && (c = getopt_long(argc, argv, "+s:n:o:t:Vh", longs, NULL)) != -1)
		code = take_option(cmd, c);
	return code;
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

static int run_verb_row(const struct verb *verb, const struct command *cmd, int argc, char **argv)
{
	if (argc == 2 && is_help(argv[1])) {
		verb_help(verb, stdout);
		return EXIT_DONE;
	}
	return verb->run(argc - 1, argv + 1,
			 cmd->output == OUTPUT_JSON || cmd->output == OUTPUT_NDJSON);
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

int main(int argc, char **argv)
{
	struct command cmd = {.timeout_ms = 10000};

	argc = take_output(&cmd, argc, argv);
	int code = parse(&cmd, argc, argv);

	if (code < 0 && cmd.n_via)
		code = via_enter(cmd.via, cmd.n_via);
	if (code >= 0)
		return code;
	argc -= optind;
	argv += optind;
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
	if (strcmp(argv[0], "watch") == 0)
		return watch_node(&cmd, argc, argv);
	if (cmd.node && strcmp(cmd.node, "all") == 0)
		return call_all(&cmd, argc, argv);
	code = cmd.socket[0] ? 0 : node_path_or_say(cmd.node, cmd.socket, sizeof cmd.socket);
	return code ? code : call_node(&cmd, argc, argv);
}
