/* The course of a step: UEs take turns. */
#include <string.h>

#include <event2/event.h>

#include "run_internal.h"

#define SECOND_US 1000000
#define TICKS_TO_LOOK 10 /* after UEs that wait for too long */

struct step_row {
	/* What one UE does, or NULL. False: nothing to do for it. */
	run_act *act;
	/* What the step is if it is not about UEs. */
	run_begin *begin;
};

static const struct step_row rows[STEP_KIND_COUNT] = {
	[STEP_ATTACH] = {run_act_attach, NULL}, [STEP_DETACH] = {run_act_detach, NULL},
	[STEP_MOVE] = {run_act_move, NULL},	[STEP_PING_PONG] = {run_act_ping_pong, NULL},
	[STEP_WALK] = {run_act_walk, NULL},	[STEP_MEASURE] = {run_act_measure, NULL},
	[STEP_PING] = {run_act_ping, NULL},	[STEP_STATE] = {run_act_state, NULL},
	[STEP_TRACE] = {NULL, run_begin_trace}, [STEP_ROTATE] = {NULL, run_begin_rotate},
	[STEP_FAULT] = {NULL, run_begin_fault}, [STEP_CLEAR] = {NULL, run_begin_clear},
	[STEP_CALL] = {NULL, run_begin_call},	[STEP_EXPECT] = {NULL, run_begin_expect},
	[STEP_WAIT] = {NULL, run_begin_wait},	[STEP_READY] = {NULL, run_begin_ready},
};

static void pump(struct run *r);

const struct step *run_step(const struct run *r)
{
	return (const struct step *)r->scenario.steps.items + r->at;
}

static void enqueue(struct run *r, struct mover *m)
{
	m->next = NULL;
	if (r->waiting)
		r->waiting_last->next = m;
	else
		r->waiting = m;
	r->waiting_last = m;
}

static struct mover *dequeue(struct run *r)
{
	struct mover *m = r->waiting;

	if (m)
		r->waiting = m->next;
	return m;
}

static void mover_turn_over(struct mover *m)
{
	struct run *r = m->run;

	r->actions_done++;
	if (--m->left > 0)
		enqueue(r, m);
	else if (--r->unfinished == 0)
		run_step_done(r);
}

/* An answer or an event ended what the UE was about. */
void run_mover_free(struct mover *m)
{
	struct run *r = m->run;

	m->busy = false;
	r->flying--;
	mover_turn_over(m);
	pump(r);
}

static uint32_t actions_of(const struct step *s)
{
	if (s->kind == STEP_MOVE)
		return run_moves(s);
	return (s->kind == STEP_WALK || s->kind == STEP_PING_PONG) && s->moves ? s->moves : 1;
}

static bool is_limited(const struct run *r)
{
	int32_t kind = run_step(r)->kind;

	return r->scenario.rate && (kind == STEP_MOVE || kind == STEP_PING_PONG ||
				    kind == STEP_WALK || kind == STEP_MEASURE);
}

/* How many may begin now. What a stall of more than a second kept back is not made up for. */
static bool may_begin(struct run *r)
{
	int64_t now = run_now_us(), gone = now - r->rate_since_us;
	uint64_t due;

	if (!is_limited(r))
		return true;
	due = (uint64_t)gone * r->scenario.rate / SECOND_US + 1;
	if (due <= r->begun)
		return false;
	if (due - r->begun > r->scenario.rate) {
		r->rate_since_us = now;
		r->begun = 0;
	}
	r->begun++;
	return true;
}

static void pump(struct run *r)
{
	size_t at = r->at, round = r->round;

	/* A step that ends while its last UE has nothing to do begins the next one in here. */
	while (!r->over && r->at == at && r->round == round && r->flying < r->scenario.in_flight &&
	       r->waiting && may_begin(r)) {
		struct mover *m = dequeue(r);
		if (rows[run_step(r)->kind].act(r, m)) {
			m->busy = true;
			r->flying++;
		} else {
			mover_turn_over(m);
		}
	}
}

void run_on_tick(int fd, short what, void *arg)
{
	struct run *r = arg;

	(void)fd;
	(void)what;
	if (++r->ticks % TICKS_TO_LOOK == 0)
		run_settle_tick(r);
	if (r->at < r->scenario.steps.n && is_limited(r))
		pump(r);
}

void run_on_timer(int fd, short what, void *arg)
{
	struct run *r = arg;
	const struct step *s = run_step(r);

	(void)fd;
	(void)what;
	if (s->kind == STEP_WAIT || (s->kind == STEP_EXPECT && s->never))
		; /* as it should be */
	else if (s->kind == STEP_TRACE)
		run_trace_end(r);
	else if (s->kind == STEP_EXPECT)
		run_fail(r, "no %s%s%s at %s in %u ms", s->topic ? s->topic : "(topic)",
			 s->cause ? " with cause " : "", s->cause ? s->cause : "",
			 s->node ? s->node : "any node", s->timeout_ms);
	else
		run_fail(r, "not ready in %u ms", s->timeout_ms);
	run_step_done(r);
}

void run_step_begin(struct run *r)
{
	const struct step *s = run_step(r);

	if (!rows[s->kind].act) {
		rows[s->kind].begin(r);
		return;
	}
	r->unfinished = r->n_movers;
	r->begun = 0;
	r->rate_since_us = run_now_us();
	for (size_t i = 0; i < r->n_movers; i++) {
		r->movers[i].left = actions_of(s);
		enqueue(r, &r->movers[i]);
	}
	r->actions_planned += (uint64_t)r->n_movers * actions_of(s);
	pump(r);
}
