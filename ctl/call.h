/* Methods of nodes, called from the command line. */
#ifndef KEYHOP_CTL_CALL_H
#define KEYHOP_CTL_CALL_H

#include <stdbool.h>

#include "nodes.h"
#include "output.h"

#define VIAS_MAX 16

/* The tool's own options, wherever they stand. */
struct command {
	char socket[NODE_PATH_MAX];
	const char *node;
	enum output_format output;
	int timeout_ms;
	char *via[VIAS_MAX];
	size_t n_via;
	const char *only; /* an option that is all there is to do: "version"; or NULL */
};

bool is_help(const char *word); /* --help, -h */
/* Is there one among the words, in front of "--"? */
bool asks_for_help(int argc, char **argv);
/* NOUN VERB and their flags at the node whose socket is in `cmd`. The exit code. */
int call_node(const struct command *cmd, int argc, char **argv);
/* The same at every node that has the method; one result for all, each item with its node. The first exit code that is
 * not 0. */
int call_all(const struct command *cmd, int argc, char **argv);

#endif
