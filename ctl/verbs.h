/* The tool's own verbs: one row each. All else is a method of a node. */
#ifndef KEYHOP_CTL_VERBS_H
#define KEYHOP_CTL_VERBS_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "output.h"

struct verb {
	const char *name, *usage, *help;
	/* The words after the verb. The exit code. */
	int (*run)(int argc, char **argv, enum output_format form);
	const char *examples[2];
	bool is_script; /* it takes all words, --help too */
};

/* Ends with {0}. */
extern const struct verb verbs[];
const struct verb *verb_find(const char *name);
/* Usage and examples, for people. */
void verb_help(const struct verb *v, FILE *out);
/* Says on standard error what is wrong with the words after the verb, and its usage. EXIT_USAGE. */
int verb_misuse(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Flags, verbs, scenario keys, steps and exit codes as JSON, for the manual page and its test. */
void verbs_dump(void);

/* Of the whole tool, or of a verb. */
int help_verb(int argc, char **argv, enum output_format form);
int run_verb(int argc, char **argv, enum output_format form);
/* Puts the plugin where this user's Wireshark finds it. */
int wireshark_verb(int argc, char **argv, enum output_format form);
int decrypt_verb(int argc, char **argv, enum output_format form);
int seq_verb(int argc, char **argv, enum output_format form);
int merge_verb(int argc, char **argv, enum output_format form);
/* Verbs that are scripts. */
int demo_verb(int argc, char **argv, enum output_format form);
int pki_verb(int argc, char **argv, enum output_format form);
/* Where a script is: beside the tool as installed (PREFIX/bin, PREFIX/libexec/keyhop), where it was to be installed, or
 * in the source. `exe` is this tool. EXIT_FAILED, and said so, when it is nowhere. */
#define SCRIPT_PATH_LEN (PATH_MAX + 64)
int script_find(const char *name, char exe[PATH_MAX], char path[SCRIPT_PATH_LEN]);
#define SCRIPT_ARGS_MAX 256
/* Becomes the program args[0] with these `n` words and, as far as there is room, those of `argv`. EXIT_FAILED, and said so,
 * when it does not. */
int script_run(const char *args[SCRIPT_ARGS_MAX], int n, int argc, char **argv);
int lab_verb(int argc, char **argv, enum output_format form);
/* What `keyhop lab` can do: for people, as JSON. */
void lab_print_actions(FILE *out);
void lab_print_words(void);
struct json_t *lab_json(void);
int watch_verb(int argc, char **argv, enum output_format form);
int wait_verb(int argc, char **argv, enum output_format form);
int schema_verb(int argc, char **argv, enum output_format form);
int completion_verb(int argc, char **argv, enum output_format form);
/* What may come next on a command line; the shells' completion calls it. */
int complete_verb(int argc, char **argv, enum output_format form);

#endif
