/* Scripts of completion for the shells, and the schema of the nodes for everybody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "complete.h"
#include "nodes.h"
#include "verbs.h"

/* Each shell's way to offer the lines of `keyhop complete` that fit, and files where a line says so. What a node is called
 * never becomes part of a command: words are taken as they are. */
static const char bash_script[] =
	"_keyhop() {\n"
	"	local word cur=${COMP_WORDS[COMP_CWORD]}\n"
	"	[[ $cur == = ]] && cur=\n"
	"	COMPREPLY=()\n"
	"	while IFS= read -r word; do\n"
	"		if [[ $word == " COMPLETE_FILES " ]]; then\n"
	"			compopt -o filenames 2>/dev/null\n"
	"			while IFS= read -r word; do COMPREPLY+=(\"$word\"); done "
	"< <(compgen -f -- \"$cur\")\n"
	"		elif [[ $word == \"$cur\"* ]]; then\n"
	"			COMPREPLY+=(\"$word\")\n"
	"		fi\n"
	"	done < <(keyhop complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _keyhop keyhop\n";
static const char zsh_script[] = "#compdef keyhop\n"
				 "_keyhop() {\n"
				 "	local -a words_next\n"
				 "	local files offered=1\n"
				 "	words_next=(${(f)\"$(keyhop complete "
				 "\"${words[@]:1:$((CURRENT-1))}\" 2>/dev/null)\"})\n"
				 "	files=${words_next[(I)" COMPLETE_FILES "]}\n"
				 "	words_next=(${words_next:#" COMPLETE_FILES "})\n"
				 "	compadd -a words_next && offered=0\n"
				 "	(( files )) && _files && offered=0\n"
				 "	return offered\n"
				 "}\n"
				 "compdef _keyhop keyhop\n";
static const char fish_script[] = "function __keyhop_complete\n"
				  "	for word in (keyhop complete (commandline -opc)[2..] "
				  "(commandline -ct) 2>/dev/null)\n"
				  "		if test \"$word\" = " COMPLETE_FILES "\n"
				  "			__fish_complete_path (commandline -ct)\n"
				  "		else\n"
				  "			printf '%s\\n' \"$word\"\n"
				  "		end\n"
				  "	end\n"
				  "end\n"
				  "complete -c keyhop -f -a '(__keyhop_complete)'\n";

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
	return verb_misuse("completion", "wants bash, zsh or fish");
}

struct schemas {
	json_t *by_daemon;
};

static void add_schema(void *arg, const char *name, const char *path)
{
	struct schemas *s = arg;
	json_t *schema = client_schema(path);
	const char *daemon = json_string_value(json_object_get(schema, "daemon"));

	(void)name;
	if (daemon && !json_object_get(s->by_daemon, daemon))
		json_object_set(s->by_daemon, daemon, schema);
	json_decref(schema);
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
	json_t *schema;

	if (node_path_or_say(node, path, sizeof path))
		return NULL;
	schema = client_schema(path);
	if (!schema)
		fprintf(stderr, "keyhop: node \"%s\" does not answer\n", node);
	return schema;
}

int schema_verb(int argc, char **argv, enum output_format form)
{
	json_t *schema;

	if (argc > 1)
		return verb_misuse("schema", "%s: a word too many", argv[1]);
	if (argc == 1 && *argv[0] == '-')
		return verb_misuse("schema", "%s: no such option", argv[0]);
	schema = argc == 1 ? schema_of(argv[0]) : all_schemas();
	if (!schema)
		return EXIT_UNREACHABLE;
	output_result(schema, form == OUTPUT_NDJSON ? OUTPUT_NDJSON : OUTPUT_JSON);
	json_decref(schema);
	return EXIT_DONE;
}
