/* Words of the command line: the tool's own options, wherever they stand, and the flags of a verb. */
#ifndef KEYHOP_CTL_WORDS_H
#define KEYHOP_CTL_WORDS_H

#include <stdbool.h>
#include <stdio.h>

#include "call.h"
#include "verbs.h"

struct option_row {
	char letter; /* 0: none */
	const char *name, *value, *help; /* "output"; value "": none */
};

/* Ends with {0}. */
extern const struct option_row tool_options[];

/* Takes the tool's own options out of argv[1..] into `cmd`, up to "--"; a verb keeps those that are its own. What is left
 * is argv[1..*argc - 1]. -1 to go on, or an exit code. */
int options_take(struct command *cmd, int *argc, char **argv);
/* Is it one of them ("-o", "--output") that wants a value? */
bool option_takes_value(const char *word);
/* "-o, --output" */
void option_name(const struct option_row *row, char *out, size_t len);

/* Does the verb have such a flag ("--ue", "-o"), and does that take a value? Its usage is the table. */
bool verb_has_flag(const struct verb *v, const char *flag);
bool verb_flag_takes_value(const struct verb *v, const char *flag);
typedef void verb_flag_fn(void *arg, const char *flag);
void verb_each_flag(const struct verb *v, verb_flag_fn *fn, void *arg);

/* Goes through the words after a verb. */
struct words {
	const struct verb *verb;
	int argc;
	char **argv;
	bool plain; /* after "--" */
	char *value; /* of the flag, or the word */
	int code; /* why it ended */
	char flag[32];
};

/* The next flag ("--ue", its value in `value`), or "" for a word without one, or NULL at the end: `code` is 0 then, or an
 * exit code after a printed error. --flag value and --flag=value are the same; after "--" all are words. */
const char *words_next(struct words *w);

#endif
