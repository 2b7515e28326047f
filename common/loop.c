#include "loop.h"

#include <stdlib.h>

#include <event2/event.h>

#include "mem.h"

/* Rounds of tasks that loop_finish() runs at most: enough for a close that follows a close, an end for a
 * task that queues itself for ever. */
#define LAST_ROUNDS 16

struct loop {
	struct event_base *base;
	struct event *turn_end;
	struct loop_task queue; /* head of a ring */
	bool ending; /* tasks are running */
	uint8_t *scratch[SCRATCH_COUNT];
	bool (*barrier)(void *arg);
	void *barrier_arg;
};

struct loop_timer {
	struct event *event;
	void (*fn)(void *arg);
	void *arg;
};

static void ring_init(struct loop_task *head)
{
	head->prev = head;
	head->next = head;
}

static bool ring_is_empty(const struct loop_task *head)
{
	return head->next == head;
}

static void ring_append(struct loop_task *head, struct loop_task *task)
{
	task->prev = head->prev;
	task->next = head;
	head->prev->next = task;
	head->prev = task;
}

static void ring_remove(struct loop_task *task)
{
	task->prev->next = task->next;
	task->next->prev = task->prev;
	task->prev = NULL;
	task->next = NULL;
}

/* Moves all of `from` to the empty ring `to`. */
static void ring_move(struct loop_task *to, struct loop_task *from)
{
	ring_init(to);
	if (ring_is_empty(from))
		return;
	*to = *from;
	to->next->prev = to;
	to->prev->next = to;
	ring_init(from);
}

/* Only what was queued before this round: a task that queues itself must not keep the loop from its
 * sockets. */
static void run_round(struct loop *l)
{
	struct loop_task round;

	l->ending = true;
	ring_move(&round, &l->queue);
	while (!ring_is_empty(&round)) {
		struct loop_task *task = round.next;

		ring_remove(task);
		task->queued = false;
		task->run(task);
	}
	l->ending = false;
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval at_once = {0, 0};
	struct loop *l = arg;

	(void)fd;
	(void)what;
	run_round(l);
	/* A timer, unlike event_active(), lets the loop look at its sockets first. */
	if (!ring_is_empty(&l->queue))
		event_add(l->turn_end, &at_once);
}

static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		x_out_of_memory();
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *loop_new(void)
{
	struct event_base *base = new_base();
	struct loop *l;

	if (!base)
		return NULL;
	l = x_calloc(1, sizeof *l);
	l->base = base;
	ring_init(&l->queue);
	l->turn_end = event_new(base, -1, 0, on_turn_end, l);
	if (!l->turn_end)
		x_out_of_memory();
	return l;
}

void loop_finish(struct loop *l)
{
	for (int i = 0; i < LAST_ROUNDS && !ring_is_empty(&l->queue); i++)
		run_round(l);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	loop_finish(l);
	event_free(l->turn_end);
	event_base_free(l->base);
	for (int i = 0; i < SCRATCH_COUNT; i++)
		free(l->scratch[i]);
	free(l);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

void loop_run(struct loop *l)
{
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
	event_base_loopexit(l->base, NULL);
}

void loop_set_barrier(struct loop *l, bool (*fn)(void *arg), void *arg)
{
	l->barrier = fn;
	l->barrier_arg = arg;
}

bool loop_barrier(struct loop *l)
{
	return !l->barrier || l->barrier(l->barrier_arg);
}

uint8_t *loop_scratch(struct loop *l, enum loop_scratch which)
{
	if (!l->scratch[which])
		l->scratch[which] = x_calloc(1, LOOP_SCRATCH_LEN);
	return l->scratch[which];
}

void loop_defer(struct loop *l, struct loop_task *task)
{
	bool first = ring_is_empty(&l->queue);

	if (task->queued)
		return;
	task->queued = true;
	ring_append(&l->queue, task);
	/* Activated events run in order: this one comes after all that are ready now. */
	if (first && !l->ending)
		event_active(l->turn_end, EV_TIMEOUT, 0);
}

void loop_cancel(struct loop *l, struct loop_task *task)
{
	(void)l;
	if (!task->queued)
		return;
	task->queued = false;
	ring_remove(task);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;
	void (*fn)(void *arg) = timer->fn;
	void *fn_arg = timer->arg;

	(void)fd;
	(void)what;
	event_free(timer->event);
	free(timer);
	fn(fn_arg);
}

struct loop_timer *loop_timer_start(struct loop *l, uint32_t ms, void (*fn)(void *arg), void *arg)
{
	struct timeval after = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
	struct loop_timer *timer = x_calloc(1, sizeof *timer);

	timer->fn = fn;
	timer->arg = arg;
	timer->event = event_new(l->base, -1, 0, on_timer, timer);
	if (!timer->event || event_add(timer->event, &after) < 0)
		x_out_of_memory();
	return timer;
}

void loop_timer_stop(struct loop_timer **timer)
{
	if (!*timer)
		return;
	event_free((*timer)->event);
	free(*timer);
	*timer = NULL;
}
