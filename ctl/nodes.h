/* Where nodes are found by name: NODE.sock or NODE/ctl.sock in a run directory. */
#ifndef KEYHOP_CTL_NODES_H
#define KEYHOP_CTL_NODES_H

#include <stddef.h>

#define NODE_PATH_MAX 512

/* For people who get an error about it. */
#define NODES_WHERE "$KEYHOP_RUN, ./run, this folder or /run/keyhop"

typedef void node_found_fn(void *arg, const char *name, const char *path);

/* Calls `fn` for each socket in `dir`, by name; NULL: in the first of $KEYHOP_RUN, ./run, this folder and /run/keyhop
 * that has one. How many there were. */
size_t nodes_each(const char *dir, node_found_fn *fn, void *arg);
/* Path of a node's socket. 0, or -1 when there is none. */
int node_path(const char *name, char *path, size_t len);
/* The same with an error for people: the nodes that there are, and the one that was perhaps meant. An exit code. */
int node_path_or_say(const char *name, char *path, size_t len);

#endif
