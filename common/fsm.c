#include "fsm.h"

#define STATES_MAX 32 /* bits of a mask */

static const struct fsm_rule *row(const struct fsm *f, size_t i)
{
	return (const void *)((const char *)f->rows + i * f->row_size);
}

const struct fsm_rule *fsm_find(const struct fsm *f, uint8_t state, uint8_t event)
{
	if (state >= STATES_MAX)
		return NULL;
	for (size_t i = 0; i < f->row_count; i++) {
		const struct fsm_rule *rule = row(f, i);

		if (rule->event == event && (rule->states & FSM_MASK(state)))
			return rule;
	}
	return NULL;
}

void fsm_settle(const struct fsm *f, uint8_t *state, const struct fsm_rule *rule, int result,
		const char *who)
{
	uint8_t next = result == 0 ? rule->ok : rule->fail;

	if (next == *state)
		return;
	log_debug(f->cat, "%s: %s -> %s on %s", who, fsm_state_name(f, *state),
		  fsm_state_name(f, next), fsm_event_name(f, rule->event));
	*state = next;
}

const char *fsm_state_name(const struct fsm *f, uint8_t state)
{
	return state < f->state_count ? f->states[state] : "?";
}

const char *fsm_event_name(const struct fsm *f, uint8_t event)
{
	return event < f->event_count ? f->events[event] : "?";
}
