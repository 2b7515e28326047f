/* The event loop: one per process. Adds to libevent what batching needs: tasks that run once after all events
 * that are ready now, so that one wakeup is answered with one write per connection. */
#ifndef KEYHOP_LOOP_H
#define KEYHOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct loop;

struct loop *loop_new(void); /* NULL when libevent has no back end */
/* Runs the tasks that are still queued. */
void loop_finish(struct loop *l);
/* The same, then frees. Ends no timer. */
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);
/* Runs until loop_stop(), which lets this turn end first. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Memory to read into, shared by all that belong to this loop: valid until the callback that asked for it
 * returns. Whoever put a secret there wipes it. */
#define LOOP_SCRATCH_LEN 65536
enum loop_scratch { SCRATCH_WIRE, SCRATCH_PLAIN, SCRATCH_COUNT };
uint8_t *loop_scratch(struct loop *l, enum loop_scratch which);

/* Embedded in its owner; zeroed is idle. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *prev, *next;
	bool queued;
};
/* Queues `task` for the end of this turn; once, however often it is asked for. What tasks queue (a task may
 * queue itself again) runs at the end of the next turn. */
void loop_defer(struct loop *l, struct loop_task *task);
void loop_cancel(struct loop *l, struct loop_task *task);

/* `fn` runs before anything that was produced in this turn leaves the process, and says whether it may. NULL ends it. */
void loop_set_barrier(struct loop *l, bool (*fn)(void *arg), void *arg);
/* To be called by whoever is about to write to a socket. False: what was produced in this turn is to be dropped. */
bool loop_barrier(struct loop *l) __attribute__((warn_unused_result));

/* One-shot timer, allocated only while it runs. */
struct loop_timer;
/* Calls fn(arg) once after `ms` milliseconds; the handle is dead from the moment fn is called. */
struct loop_timer *loop_timer_start(struct loop *l, uint32_t ms, void (*fn)(void *arg), void *arg);
/* Ends *timer if it runs and sets it to NULL. */
void loop_timer_stop(struct loop_timer **timer);

#endif
