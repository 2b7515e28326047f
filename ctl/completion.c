/* Completion of the command line: the shells ask `keyhop complete WORD...` what may come next. Words come from the
 * schema of the node that is named, values from the nodes themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "nodes.h"
#include "params.h"
#include "verbs.h"

#define TIMEOUT_MS 1000

static const char bash_script[] =
	"_keyhop() {\n"
	"	local IFS=$'\\n'\n"
	"	COMPREPLY=($(compgen -W \"$(keyhop complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
	"2>/dev/null)\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
	"}\n"
	"complete -o default -F _keyhop keyhop\n";
static const char zsh_script[] = "#compdef keyhop\n"
				 "_keyhop() {\n"
				 "	local -a words_next\n"
				 "	words_next=(${(f)\"$(keyhop complete "
				 "\"${words[@]:1:$((CURRENT-1))}\" 2>/dev/null)\"})\n"
				 "	compadd -a words_next || _files\n"
				 "}\n"
				 "compdef _keyhop keyhop\n";
static const char fish_script[] = "complete -c keyhop -f -a '(keyhop complete (commandline "
				  "-opc)[2..] (commandline -ct) 2>/dev/null)'\n";

int completion_verb(int argc, char **argv, enum output_format form)
{
	static const struct {
		const char *shell, *script;
	} rows[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

	(void)form;
	for (size_t i = 0; argc == 1 && i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(argv[0], rows[i].shell) == 0) {
			fputs(rows[i].script, stdout);
			return EXIT_DONE;
		}
	verb_help(verb_find("completion"), stderr);
	return EXIT_USAGE;
}

static void offer_all(const char *const *words)
{
	for (; *words; words++)
		puts(*words);
}

static void print_node(void *arg, const char *name, const char *path)
{
	(void)arg;
	(void)path;
	puts(name);
}

static void offer_nodes(void)
{
	(void)nodes_each(NULL, print_node, NULL);
}

static void print_node_of_role(void *role, const char *name, const char *path)
{
	struct client c;

	if (!client_open_quiet(&c, path, TIMEOUT_MS) && strcmp(c.role, role) == 0)
		puts(name);
	client_close(&c);
}

static void offer_enbs(void)
{
	char role[] = "enbd";

	(void)nodes_each(NULL, print_node_of_role, role);
}

static json_t *ask_at(const char *path, const char *method)
{
	struct client c;
	int code = 0;
	json_t *answer = NULL;

	if (!client_open_quiet(&c, path, TIMEOUT_MS))
		answer = client_call(&c, method, json_object(), TIMEOUT_MS, &code);
	client_close(&c);
	return answer;
}

static json_t *ask(const char *node, const char *method)
{
	char path[NODE_PATH_MAX];

	return node_path(node, path, sizeof path) ? NULL : ask_at(path, method);
}

static void print_ues(const json_t *answer)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(answer, "result"), "items"), i, item)
	{
		const char *ue = json_string_value(json_object_get(item, "ue"));
		if (ue && *ue)
			puts(ue);
	}
}

static void offer_ues(const char *node)
{
	json_t *answer = ask(node, "ue.list");

	print_ues(answer);
	json_decref(answer);
}

static void print_ues_of_ued(void *arg, const char *name, const char *path)
{
	struct client c;

	(void)arg;
	(void)name;
	if (!client_open_quiet(&c, path, TIMEOUT_MS) && strcmp(c.role, "ued") == 0) {
		json_t *answer = ask_at(path, "ue.list");
		print_ues(answer);
		json_decref(answer);
	}
	client_close(&c);
}

/* First words of methods, or the second words that go with `noun`. */
static void offer_methods(const json_t *schema, const char *noun)
{
	json_t *m;
	size_t i;
	char last[64] = "";

	json_array_foreach(json_object_get(schema, "methods"), i, m)
	{
		const char *name = json_string_value(json_object_get(m, "name"));
		size_t len = strcspn(name, ".");
		if (noun && strlen(noun) == len && strncmp(name, noun, len) == 0 && name[len]) {
			puts(name + len + 1);
		} else if (!noun && (strlen(last) != len || strncmp(last, name, len) != 0)) {
			printf("%.*s\n", (int)len, name);
			snprintf(last, sizeof last, "%.*s", (int)len, name);
		}
	}
}

/* Values that are known; none is also an answer. */
static void offer_values(const char *node, const char *flag)
{
	static const char *const enbs[] = {"--to", "--target", "--enb", "--cell", NULL};
	static const char *const levels[] = {"error", "warn", "info", "debug", "trace", NULL};

	if (strcmp(flag, "--ue") == 0)
		offer_ues(node);
	if (strcmp(flag, "--level") == 0)
		offer_all(levels);
	for (size_t i = 0; enbs[i]; i++)
		if (strcmp(flag, enbs[i]) == 0)
			offer_enbs();
}

static bool is_switch(const json_t *method, const char *flag)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(method, "params"), i, p)
	{
		if (strcmp(json_string_value(json_object_get(p, "name")), flag + 2) == 0)
			return strcmp(json_string_value(json_object_get(p, "type")), "bool") == 0;
	}
	return false;
}

static bool was_given(const char *name, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0)
			return true;
	return false;
}

/* After the words of a method: a value for the flag before, or flags that were not given yet. */
static void offer_params(json_t *schema, const char *node, int argc, char **argv)
{
	char name[128];
	json_t *method, *p;
	size_t i;
	int used = 2;

	snprintf(name, sizeof name, "%s.%s", argv[0], argc > 1 ? argv[1] : "");
	method = schema_method(schema, name);
	if (!method) {
		method = schema_method(schema, argv[0]);
		used = 1;
	}
	if (!method)
		return;
	if (argc > used && strncmp(argv[argc - 1], "--", 2) == 0 &&
	    !is_switch(method, argv[argc - 1])) {
		offer_values(node, argv[argc - 1]);
		return;
	}
	json_array_foreach(json_object_get(method, "params"), i, p)
	{
		const char *flag = json_string_value(json_object_get(p, "name"));
		if (!was_given(flag, argc - used, argv + used))
			printf("--%s\n", flag);
		if (argc == used && strcmp(flag, "ue") == 0)
			offer_ues(node);
	}
}

static void offer(const char *node, int argc, char **argv)
{
	json_t *answer = ask(node, "schema.list");
	json_t *schema = json_object_get(answer, "result");

	if (argc == 0) {
		offer_methods(schema, NULL);
		puts("help\nwatch");
	} else if (argc == 1) {
		offer_methods(schema, argv[0]);
	}
	if (argc >= 1)
		offer_params(schema, node, argc, argv);
	json_decref(answer);
}

static void offer_wait(int argc, char **argv)
{
	static const char *const states[] = {"attached", "detached", "at", NULL};

	if (argc == 0) {
		puts("all");
		puts("ue");
		offer_nodes();
	} else if (strcmp(argv[0], "ue") == 0 && argc == 1) {
		(void)nodes_each(NULL, print_ues_of_ued, NULL);
		puts("ready");
	} else if (argc == 1) {
		puts("ready");
	} else if (strcmp(argv[argc - 1], "at") == 0) {
		offer_enbs();
	} else if (strcmp(argv[0], "ue") == 0 && argc == 2) {
		offer_all(states);
	} else {
		puts("--timeout");
	}
}

/* The flags that stand in a verb's usage; files are the shell's own business. */
static void offer_flags(const struct verb *v)
{
	for (const char *p = v->usage; (p = strstr(p, "--"));) {
		size_t len = strspn(p, "-abcdefghijklmnopqrstuvwxyz");
		printf("%.*s\n", (int)len, p);
		p += len;
	}
}

static void offer_verb(const struct verb *v, int argc, char **argv)
{
	static const char *const shells[] = {"bash", "zsh", "fish", NULL};

	if (v->run == wait_verb)
		offer_wait(argc, argv);
	else if (v->run == completion_verb)
		offer_all(shells);
	else if (v->run == lab_verb && argc == 0)
		lab_print_words();
	else if (argc > 0 && strcmp(argv[argc - 1], "--ue") == 0)
		(void)nodes_each(NULL, print_ues_of_ued, NULL);
	else
		offer_flags(v);
	if (v->run == watch_verb || v->run == schema_verb || (v->run == lab_verb && argc > 0))
		offer_nodes();
}

static void offer_first(void)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (v->run != complete_verb)
			puts(v->name);
	offer_nodes();
}

/* The last word is the one being typed; the shell filters by it. Options in front of the node are passed over. */
int complete_verb(int argc, char **argv, enum output_format form)
{
	int whole = argc > 0 ? argc - 1 : 0;

	(void)form;
	while (whole > 1 && argv[0][0] == '-' && strcmp(argv[0], "-n") != 0) {
		argv += 2;
		whole -= 2;
	}
	if (whole > 0 && strcmp(argv[0], "-n") == 0) {
		argv++;
		whole--;
	}
	if (whole == 0)
		offer_first();
	else if (verb_find(argv[0]))
		offer_verb(verb_find(argv[0]), whole - 1, argv + 1);
	else
		offer(argv[0], whole - 1, argv + 1);
	return EXIT_DONE;
}

struct schemas {
	json_t *by_daemon;
};

static void add_schema(void *arg, const char *name, const char *path)
{
	struct schemas *s = arg;
	json_t *answer = ask_at(path, "schema.list");
	json_t *schema = json_object_get(answer, "result");
	const char *daemon = json_string_value(json_object_get(schema, "daemon"));

	(void)name;
	if (daemon && !json_object_get(s->by_daemon, daemon))
		json_object_set(s->by_daemon, daemon, schema);
	json_decref(answer);
}

/* Of every daemon that answers somewhere, {"mmed": {...}, "enbd": {...}, "ued": {...}}. */
static json_t *all_schemas(void)
{
	struct schemas s = {json_object()};

	(void)nodes_each(NULL, add_schema, &s);
	if (json_object_size(s.by_daemon))
		return s.by_daemon;
	fputs("keyhop: no node answers in " NODES_WHERE
	      "\nhint: mmed --dump-schema says the same without a node\n",
	      stderr);
	json_decref(s.by_daemon);
	return NULL;
}

static json_t *schema_of(const char *node)
{
	char path[NODE_PATH_MAX];
	json_t *answer, *schema;

	if (node_path_or_say(node, path, sizeof path))
		return NULL;
	answer = ask_at(path, "schema.list");
	schema = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	if (!schema)
		fprintf(stderr, "keyhop: node \"%s\" does not answer\n", node);
	return schema;
}

int schema_verb(int argc, char **argv, enum output_format form)
{
	json_t *schema;

	(void)form;
	if (argc > 1) {
		verb_help(verb_find("schema"), stderr);
		return EXIT_USAGE;
	}
	schema = argc == 1 ? schema_of(argv[0]) : all_schemas();
	if (!schema)
		return EXIT_UNREACHABLE;
	json_dumpf(schema, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(schema);
	return EXIT_DONE;
}
