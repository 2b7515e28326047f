/* All nodes of a run directory at once, without blocking: calls with callbacks, and their events. */
#ifndef KEYHOP_CTL_FLEET_H
#define KEYHOP_CTL_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct event_base;
struct fleet;

struct fleet_node {
	struct fleet *fleet;
	char name[64], role[16]; /* "enb1", "enbd" */
	uint32_t enb_id; /* of an eNodeB */
	struct bufferevent *bev;
	bool gone;
	struct pending *pending; /* calls without an answer */
	int next_id;
};

/* The answer has `result` or `error`; borrowed. NULL: the node is gone. */
typedef void fleet_answer_fn(void *arg, const json_t *answer);

/* Each may be NULL. */
struct fleet_ops {
	/* An event of a node that was subscribed to; borrowed. */
	void (*event)(void *arg, struct fleet_node *node, const json_t *event);
	/* A node went away. */
	void (*lost)(void *arg, struct fleet_node *node);
	/* This reader was too slow: events `from` to `to` of a node are gone; borrowed. */
	void (*missed)(void *arg, struct fleet_node *node, const json_t *range);
};
/* What most do about it: a line on standard error. */
void fleet_say_missed(void *arg, struct fleet_node *node, const json_t *range);

#define FLEET_NODES_MAX 1100

struct fleet {
	struct event_base *base;
	struct fleet_node *nodes[FLEET_NODES_MAX];
	size_t n_nodes;
	const struct fleet_ops *ops;
	void *arg;
	char *const *only; /* names of the nodes wanted; none: all */
	size_t n_only;
	struct event *reader; /* of our standard output is gone */
	bool silent; /* the patience of fleet_run_patiently() is over */
};

/* Connects to each node of `dir` (nodes.h says what NULL means) and asks what it is. 0 or an exit code; what is wrong is
 * printed. fleet_close() in any case. */
int fleet_open(struct fleet *f, const char *dir, const struct fleet_ops *ops, void *arg);
/* The same for nodes of these names only; `names` is borrowed for as long as the fleet is open. */
int fleet_open_some(struct fleet *f, const char *dir, char *const *names, size_t n,
		    const struct fleet_ops *ops, void *arg);
void fleet_close(struct fleet *f);

/* Takes over `params`. `fn` may be NULL. */
void fleet_call(struct fleet_node *node, const char *method, json_t *params, fleet_answer_fn *fn,
		void *arg);
/* Runs the loop until fleet_stop(). */
void fleet_run(struct fleet *f);
void fleet_stop(struct fleet *f);
/* The same for as long as a node may take to answer. 0, or EXIT_UNREACHABLE when nobody stopped it: nodes that owe an
 * answer are named. The loop must not run again then: what waits for answers may be gone. */
int fleet_run_patiently(struct fleet *f);
/* fleet_stop() as soon as nobody reads what goes into the pipe that standard output is, if it is one. */
void fleet_stop_when_unread(struct fleet *f);

struct fleet_node *fleet_find(struct fleet *f, const char *name);
struct fleet_node *fleet_enb(struct fleet *f, uint32_t enb_id);
/* The only node of a role, or NULL. */
struct fleet_node *fleet_role(struct fleet *f, const char *role);

/* data.name of an error, or NULL. */
const char *answer_error(const json_t *answer);
/* data.hint of an error: what to do about it; or NULL. Lives as long as the answer. */
const char *answer_hint(const json_t *answer);

#endif
