/* keyhop lab: reads the topology here, where errors have a line and a column, and hands it to the back ends, which are
 * scripts (lab_main.py). */
#define LAB_SCRIPT "lab_main.py"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "call.h"
#include "client.h"
#include "topology.h"
#include "verbs.h"

static const struct {
	const char *name, *usage, *help;
} actions[] = {
	{"up", "",
	 "makes keys, certificates and configurations, starts all nodes, waits until ready"},
	{"down", "", "ends all nodes and what they stood on"},
	{"status", "", "which nodes are there, and whether the lab is ready"},
	{"exec", "NODE -- COMMAND...", "a command where the node is"},
	{"logs", "[NODE...] [--lines N]", "the ends of the nodes' logs"},
	{"capture", "[start|stop|status]", "of what goes between nodes, to lan.pcap"},
	{"partition", "NODE NODE", "nothing goes between the two any more"},
	{"heal", "[NODE NODE]", "ends one partition, or all"},
	{"restart", "NODE", "ends the node's daemon and starts it again"},
	{"seed", "URL",
	 "starts nothing: cloud-init seeds for images of your own, programs from URL"},
};
#define N_ACTIONS (sizeof actions / sizeof actions[0])

struct lab_args {
	const char *action, *file, *backend, *out;
	char **words; /* that are no flags of ours */
	int n_words;
};

void lab_print_actions(FILE *out)
{
	fputs("\nactions:\n", out);
	for (size_t i = 0; i < N_ACTIONS; i++)
		fprintf(out, "  %-9s %-22s %s\n", actions[i].name, actions[i].usage,
			actions[i].help);
}

void lab_print_words(void)
{
	for (size_t i = 0; i < N_ACTIONS; i++)
		puts(actions[i].name);
}

json_t *lab_json(void)
{
	json_t *out = json_array();

	for (size_t i = 0; i < N_ACTIONS; i++)
		json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "action", actions[i].name,
						     "usage", actions[i].usage, "help",
						     actions[i].help));
	return out;
}

static int usage(void)
{
	fputs("usage: keyhop lab ACTION [-t FILE.yaml] [--backend loopback|netns|vm] [--out DIR] "
	      "[-o json]\n"
	      "`up` and `seed` want -t; the others find the lab in DIR ($KEYHOP_RUN, or ./run)\n",
	      stderr);
	lab_print_actions(stderr);
	return EXIT_USAGE;
}

static bool known_action(const char *name)
{
	for (size_t i = 0; i < N_ACTIONS; i++)
		if (strcmp(actions[i].name, name) == 0)
			return true;
	return false;
}

/* A flag of ours and its value, --flag value or --flag=value: how many words. 0: not ours; -1: no value. */
static int take(struct lab_args *a, int argc, char **argv)
{
	const struct {
		const char *flag;
		const char **value;
	} flags[] = {{"-t", &a->file},
		     {"--topology", &a->file},
		     {"--backend", &a->backend},
		     {"--out", &a->out}};

	for (size_t f = 0; f < sizeof flags / sizeof flags[0]; f++) {
		size_t len = strlen(flags[f].flag);
		if (strncmp(argv[0], flags[f].flag, len) != 0 || !strchr("=", argv[0][len]))
			continue;
		*flags[f].value = argv[0][len] ? argv[0] + len + 1 : argv[1];
		return argv[0][len] ? 1 : argc > 1 ? 2 : -1;
	}
	return 0;
}

/* Words that are ours are taken out; what stands behind "--" is kept as it is. */
static int parse(struct lab_args *a, int argc, char **argv)
{
	int kept = 0, i = 1;

	if (argc < 1 || !known_action(argv[0]))
		return usage();
	a->action = argv[0];
	while (i < argc && strcmp(argv[i], "--") != 0) {
		int used = take(a, argc - i, argv + i);
		if (used < 0)
			return usage();
		if (used == 0)
			argv[kept++] = argv[i++];
		i += used;
	}
	while (i < argc)
		argv[kept++] = argv[i++];
	a->words = argv;
	a->n_words = kept;
	if (!a->file && (strcmp(a->action, "up") == 0 || strcmp(a->action, "seed") == 0))
		return usage();
	return 0;
}

/* The topology as JSON in a file without a name that the script inherits: its descriptor, or -1. */
static int topology_file(const struct topology *t)
{
	json_t *json = topology_json(t);
	int fd = memfd_create("topology", 0);
	int err = fd < 0 || json_dumpfd(json, fd, JSON_COMPACT) || lseek(fd, 0, SEEK_SET);

	json_decref(json);
	return err ? -1 : fd;
}

static int start_script(const struct lab_args *a, const char *topology, enum output_format form)
{
	char exe[PATH_MAX], script[SCRIPT_PATH_LEN];
	const char *args[SCRIPT_ARGS_MAX];
	const char *pairs[][2] = {{"--tool", exe},
				  {"--topology", topology},
				  {"--file", a->file},
				  {"--backend", a->backend},
				  {"--out", a->out}};
	int n = 0;

	int code = script_find(LAB_SCRIPT, exe, script);
	if (code)
		return code;
	args[n++] = "python3";
	args[n++] = script;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		if (!pairs[i][1])
			continue;
		args[n++] = pairs[i][0];
		args[n++] = pairs[i][1];
	}
	if (output_is_json(form))
		args[n++] = "--json";
	args[n++] = a->action;
	return script_run(args, n, a->n_words, a->words);
}

int lab_verb(int argc, char **argv, enum output_format form)
{
	struct lab_args a = {0};
	struct topology t = {0};
	char why[CONFIG_WHY_LEN], path[32];

	if (argc == 1 && is_help(argv[0])) {
		verb_help(verb_find("lab"), stdout);
		return EXIT_DONE;
	}
	int code = parse(&a, argc, argv), fd = -1;

	if (code)
		return code;
	if (a.n_words > SCRIPT_ARGS_MAX - 20)
		return usage();
	if (a.file && topology_load(&t, a.file, why)) {
		fprintf(stderr, "keyhop: %s\n", why);
		topology_clear(&t);
		return EXIT_USAGE;
	}
	if (a.file)
		fd = topology_file(&t);
	topology_clear(&t);
	if (a.file && fd < 0) {
		fprintf(stderr, "keyhop: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return start_script(&a, a.file ? path : NULL, form);
}
