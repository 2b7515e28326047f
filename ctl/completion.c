/* Completion of the command line: the shells ask `keyhop complete WORD...` what may come next. Words come from the
 * schema of the node that is named, values from the nodes themselves. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
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

int completion_verb(int argc, char **argv, bool json)
{
	static const struct {
		const char *shell, *script;
	} rows[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

	(void)json;
	for (size_t i = 0; argc == 1 && i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(argv[0], rows[i].shell) == 0) {
			fputs(rows[i].script, stdout);
			return EXIT_DONE;
		}
	fputs("usage: keyhop completion bash|zsh|fish\n", stderr);
	return EXIT_USAGE;
}

/* Names of the nodes whose sockets are there; `prefix` filters eNodeBs ("enb") for targets. */
static void offer_nodes(const char *prefix)
{
	const char *dirs[] = {getenv("KEYHOP_RUN"), "run", ".", "/run/keyhop"};

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		DIR *d = dirs[i] ? opendir(dirs[i]) : NULL;
		const struct dirent *e;
		int found = 0;

		while (d && (e = readdir(d))) {
			size_t len = strlen(e->d_name);
			if (len <= 5 || strcmp(e->d_name + len - 5, ".sock") != 0 ||
			    strncmp(e->d_name, prefix, strlen(prefix)) != 0)
				continue;
			printf("%.*s\n", (int)(len - 5), e->d_name);
			found = 1;
		}
		if (d)
			closedir(d);
		if (found)
			return;
	}
}

static json_t *ask(const char *node, const char *method)
{
	struct client c;
	char path[512];
	int code = 0;
	json_t *answer = NULL;

	if (client_find(node, path, sizeof path) || client_open(&c, path, TIMEOUT_MS))
		return NULL;
	answer = client_call(&c, method, json_object(), TIMEOUT_MS, &code);
	client_close(&c);
	return answer;
}

static void offer_ues(const char *node)
{
	json_t *answer = ask(node, "ue.list"), *item;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(answer, "result"), "items"), i, item)
	{
		const char *ue = json_string_value(json_object_get(item, "ue"));
		if (ue && *ue)
			puts(ue);
	}
	json_decref(answer);
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

static void offer_values(const char *node, const char *flag)
{
	static const char *const enbs[] = {"--to", "--target", "--enb", "--cell", NULL};

	if (strcmp(flag, "--ue") == 0)
		offer_ues(node);
	for (size_t i = 0; enbs[i]; i++)
		if (strcmp(flag, enbs[i]) == 0)
			offer_nodes("enb");
}

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
	if (argc > used && strncmp(argv[argc - 1], "--", 2) == 0 &&
	    strncmp(argv[argc - 2 >= 0 ? argc - 1 : 0], "--", 2) == 0) {
		offer_values(node, argv[argc - 1]);
	}
	json_array_foreach(json_object_get(method, "params"), i, p)
	{
		printf("--%s\n", json_string_value(json_object_get(p, "name")));
	}
	if (argc == used)
		offer_ues(node);
}

static void offer(const char *node, int argc, char **argv)
{
	json_t *answer = ask(node, "schema.list");
	json_t *schema = json_object_get(answer, "result");

	if (argc == 0)
		offer_methods(schema, NULL);
	else if (argc == 1)
		offer_methods(schema, argv[0]);
	if (argc >= 1)
		offer_params(schema, node, argc, argv);
	json_decref(answer);
}

/* The last word is the one being typed; the shell filters by it. */
int complete_verb(int argc, char **argv, bool json)
{
	int whole = argc > 0 ? argc - 1 : 0;

	(void)json;
	if (whole == 0) {
		for (const struct verb *v = verbs; v->name; v++)
			puts(v->name);
		offer_nodes("");
	} else if (verb_find(argv[0])) {
		offer_nodes("");
	} else {
		offer(argv[0], whole - 1, argv + 1);
	}
	return EXIT_DONE;
}

int schema_verb(int argc, char **argv, bool json)
{
	json_t *answer = argc == 1 ? ask(argv[0], "schema.list") : NULL;

	(void)json;
	if (argc != 1) {
		fputs("usage: keyhop schema NODE\n", stderr);
		return EXIT_USAGE;
	}
	if (!answer) {
		fprintf(stderr, "keyhop: node \"%s\" does not answer\n", argv[0]);
		return EXIT_UNREACHABLE;
	}
	json_dumpf(json_object_get(answer, "result"), stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(answer);
	return EXIT_DONE;
}
