#include "fsm.h"

#include <string.h>

#include "loop.h"

#define STATES_MAX 32 /* bits of a mask */

const struct fsm_rule *fsm_row(const struct fsm *f, size_t i)
{
	return (const void *)((const char *)f->rows + i * f->row_size);
}

const struct fsm_rule *fsm_find(const struct fsm *f, uint8_t state, uint8_t event)
{
	if (state >= STATES_MAX)
		return NULL;
	for (size_t i = 0; i < f->row_count; i++) {
		const struct fsm_rule *rule = fsm_row(f, i);

		if (rule->event == event && (rule->states & FSM_MASK(state)))
			return rule;
	}
	return NULL;
}

const struct fsm_timeout *fsm_timeout_of(const struct fsm *f, uint8_t state)
{
	for (const struct fsm_timeout *t = f->timeouts; t && t->states; t++)
		if (t->states & FSM_MASK(state))
			return t;
	return NULL;
}

static uint32_t duration_ms(const struct fsm_timeout *t, const struct fsm_owner *o)
{
	uint32_t ms;

	if (t->ms)
		return t->ms(o->owner);
	memcpy(&ms, (const uint8_t *)o->options + t->option, sizeof ms);
	return ms;
}

static void set_timer(const struct fsm *f, const struct fsm_owner *o, uint8_t from)
{
	const struct fsm_timeout *t = fsm_timeout_of(f, o->state->now);
	uint32_t ms;

	if (t && t == fsm_timeout_of(f, from) && o->state->timer)
		return;
	loop_timer_stop(&o->state->timer);
	if (!t)
		return;
	ms = duration_ms(t, o);
	if (ms > 0)
		o->state->timer = loop_timer_start(o->loop, ms, f->expired, o->owner);
}

void fsm_settle(const struct fsm *f, const struct fsm_owner *o, const struct fsm_rule *rule,
		int result)
{
	uint8_t from = o->state->now, next = result == 0 ? rule->ok : rule->fail;

	if (next != from)
		log_debug(f->cat, "%s: %s -> %s on %s", o->name, fsm_state_name(f, from),
			  fsm_state_name(f, next), fsm_event_name(f, rule->event));
	o->state->now = next;
	if (o->counts && from)
		o->counts[from]--;
	if (o->counts && next)
		o->counts[next]++;
	set_timer(f, o, from);
}

void fsm_start(const struct fsm *f, const struct fsm_owner *o)
{
	set_timer(f, o, o->state->now);
}

void fsm_timer_fired(struct fsm_state *state)
{
	state->timer = NULL;
}

void fsm_stop(struct fsm_state *state, uint32_t *counts)
{
	if (counts && state->now)
		counts[state->now]--;
	loop_timer_stop(&state->timer);
}

const char *fsm_state_name(const struct fsm *f, uint8_t state)
{
	return state < f->state_count ? f->states[state] : "?";
}

const char *fsm_event_name(const struct fsm *f, uint8_t event)
{
	return event < f->event_count ? f->events[event] : "?";
}
