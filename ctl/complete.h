/* What may come next on a command line, for the shells. */
#ifndef KEYHOP_CTL_COMPLETE_H
#define KEYHOP_CTL_COMPLETE_H

#include "call.h"
#include "verbs.h"

/* A line of this instead of a word: the names of files are wanted, and those the shell knows best. */
#define COMPLETE_FILES ":file"

struct completing {
	struct command cmd;
	const struct verb *verb; /* NULL: a method */
	const char *node; /* that is asked, if one is named; "all" */
	json_t *schema; /* of it; NULL while none was asked for */
	int argc; /* whole words after the verb, or after the node */
	char **argv;
	const char *typed; /* of the next word */
	char prefix[64]; /* "--flag=", in front of each value */
};

/* Offers a word, unless a shell could make more of it than a word. */
void complete_offer(const struct completing *c, const char *word);
void complete_offer_n(const struct completing *c, const char *word, size_t len);
/* Nodes by name; eNodeBs only; UEs of a node, or of every ued when none is named. */
void complete_nodes(const struct completing *c);
void complete_enbs(const struct completing *c);
void complete_ues(const struct completing *c);
/* What is known to stand after a flag ("--ue", "ue", "-o"); nothing when nothing is known. */
void complete_value(const struct completing *c, const char *flag);
/* schema.list of the node that is named, of any for "all"; kept in c->schema. NULL when nobody answers. */
json_t *complete_schema(struct completing *c);

#endif
