/* Between run.c (a run from beginning to end) and run_steps.c (what one step is). */
#ifndef KEYHOP_CTL_RUN_INTERNAL_H
#define KEYHOP_CTL_RUN_INTERNAL_H

#include <stdbool.h>
#include <stdio.h>

#include <uthash.h>

#include "fleet.h"
#include "output.h"
#include "scenario.h"
#include "stats.h"

struct run;

/* A UE of the run. */
struct mover {
	struct run *run;
	char imsi[16];
	uint32_t cell; /* that serves it; 0: none */
	uint32_t left; /* actions of this step still to do */
	bool busy;
	int64_t requested_us, commanded_us, left_us,
		confirmed_us; /* of its handover, from events */
	json_int_t left_gen; /* generation of the key it left with */
	json_int_t used_gen, had_gen; /* of its last handover, of the newest H_key it has */
	int64_t settle_by_us; /* 0: it does not wait for an H_key */
	json_int_t executed_gen; /* newest handover that the UE knows to be over */
	int64_t acknowledged_by_us; /* 0: it does not wait to know that */
	int64_t measured_by_us; /* 0: it does not wait for what a measurement sets off */
	int64_t look_until_us; /* for it to be attached */
	bool anew; /* it was lost and has attached since its turn began */
	struct mover *next; /* waiting for its turn */
	UT_hash_handle hh;
};

struct run {
	struct scenario scenario;
	struct config_tree *tree; /* the scenario as it was read, for errors */
	struct fleet fleet;
	struct fleet_node *mme, *ue;
	struct stats stats;
	struct mover *movers, *by_imsi;
	size_t n_movers;
	struct mover *waiting, *waiting_last;
	size_t at, round; /* step under way */
	bool between; /* the step before is over, this one has not begun: events do not end it */
	size_t unsubscribed; /* nodes that have not said yet that they tell their events */
	size_t unfinished; /* movers of this step, or calls of a step about nodes */
	uint32_t flying, tokens, settling;
	unsigned ticks;
	uint64_t begun; /* of this step, for the rate */
	int64_t rate_since_us;
	uint64_t random;
	struct neighbours *graph; /* who may hand over to whom; one for each node of the fleet */
	struct trace *trace;
	struct event *timer; /* of this step, or of the rate */
	struct event *tick;
	struct event *next; /* begins the next step, in a turn of its own */
	struct event *abort; /* ends the run, likewise */
	struct event *signals[2];
	bool over; /* in the midst of a step; what still comes of it counts no more */
	int code; /* of the run that failed; 0: EXIT_FAILED */
	json_t *seen; /* events that some step expects, since the step before */
	FILE *events_file;
	char failure[200]; /* the first; "" while all is well */
	uint64_t actions_done, actions_planned;
	bool bar;
	json_t *step_results, *memory_before;
	int64_t step_began_us;
};

struct run_options {
	const char *file, *dir, *out, *junit;
	struct config_override overrides[8];
	size_t n_overrides;
	uint32_t moves; /* instead of those of the file; 0: as in the file */
	enum output_format form;
};

struct neighbours {
	struct fleet_node **to;
	size_t n;
};

int64_t run_now_us(void); /* monotonic */
const struct step *run_step(const struct run *r);
/* Begins the step that `at` names; run_step_done() follows, perhaps at once. */
void run_step_begin(struct run *r);
void run_step_done(struct run *r);
/* The run has failed, with the first such text. */
void run_fail(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* It ends in the next turn of the loop, in the midst of a step, with this exit code. run_fail() says why. */
void run_abort(struct run *r, int code);

/* scenario_check.c: does each step have what it needs; are the nodes there that it names? 0, or KH_E_CONFIG with
 * file:line:column and the nearest name in `why`. */
int run_check_steps(const struct run *r, const struct config_tree *tree, char why[CONFIG_WHY_LEN]);
int run_check_nodes(const struct run *r, const struct config_tree *tree, char why[CONFIG_WHY_LEN]);

/* run_steps.c: a UE has had its turn. */
void run_mover_free(struct mover *m);

/* run_settle.c: a UE has moved, with the H_key `used_gen`. Its turn ends when it knows (the acknowledgement of 10), and
 * with `settle` not before it has a newer H_key. */
void run_mover_moved(struct mover *m);
void run_mover_executed(struct mover *m, json_int_t gen);
void run_mover_settle(struct mover *m);
/* A UE has attached in `cell`: if nobody asked for that, it was lost, and what it waited for will not come. */
void run_mover_attached(struct mover *m, uint32_t cell);
void run_settle_event(struct run *r, const char *topic, const json_t *event);
void run_settle_tick(struct run *r);

/* run_ues.c: what one UE does in a step; false: there is nothing to do for it. */
typedef bool run_act(struct run *r, struct mover *m);
run_act run_act_attach, run_act_detach, run_act_move, run_act_ping_pong, run_act_walk,
	run_act_measure, run_act_ping, run_act_state;
/* Asks where a UE is, after a failure, and ends its turn when it is attached somewhere; or not in time. */
void run_look_up(struct mover *m);
void run_handover_failed(struct mover *m, const char *error);
/* Cells on a path; handovers of each UE in a step. */
size_t run_path_len(const char *path);
uint32_t run_moves(const struct step *s);

/* run_nodes.c: steps that are not about UEs. */
typedef void run_begin(struct run *r);
run_begin run_begin_rotate, run_begin_fault, run_begin_clear, run_begin_air, run_begin_call,
	run_begin_expect, run_begin_wait, run_begin_ready;
/* Calls that make up one step: each counts in r->unfinished, and the last answer ends the step. */
void run_call_each(struct run *r, struct fleet_node *node, const char *method, json_t *params);
void run_call_done(void *arg, const json_t *answer);
/* The step goes on at run_on_timer(), after so long. */
void run_set_timer(struct run *r, uint32_t ms);

/* run_trace.c */
run_begin run_begin_trace;
void run_trace_end(struct run *r);

/* run_graph.c: asks all eNodeBs for their neighbours; 0 or an exit code. The neighbours of a node. */
int run_graph_open(struct run *r);
const struct neighbours *run_graph_of(const struct run *r, const struct fleet_node *node);
void run_graph_close(struct run *r);

/* run_provision.c: the UEs of the ued, or as many as the scenario wants; those that are missing are added with random
 * keys. 0 or an exit code. */
int run_find_ues(struct run *r);

/* Is this the event that an expect step wants? */
bool run_fits(const struct step *s, const char *node, const json_t *event);
/* It has come: good, or bad when it must never. */
void run_expected(struct run *r, const json_t *event);
void run_ask_ready(struct run *r);

/* run_report.c */
/* What each node holds, as far as they answer: runs the loop until all have, or the patience is over. */
json_t *run_memory(struct run *r);
void run_report(struct run *r, const struct run_options *o, int64_t took_us);

/* run_events.c */
void run_event(void *arg, struct fleet_node *node, const json_t *event);
void run_missed(void *arg, struct fleet_node *node, const json_t *range);
void run_lost(void *arg, struct fleet_node *node);
void run_on_tick(int fd, short what, void *arg);
void run_on_timer(int fd, short what, void *arg);

#endif
