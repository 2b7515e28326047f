#include "test_tables.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "loop.h"

static unsigned rows_of(const struct fsm *f, uint8_t state, uint8_t event)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->row_count; i++)
		n += fsm_row(f, i)->event == event &&
		     (fsm_row(f, i)->states & FSM_MASK(state)) != 0;
	return n;
}

/* A stand-in for the options: every duration is one minute. */
static const uint32_t *minutes(void)
{
	static uint32_t options[1024];

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		options[i] = 60000;
	return options;
}

static void settle_and_look(const struct fsm *f, const struct fsm_rule *rule, uint8_t state,
			    int result, uint8_t want)
{
	struct loop *loop = loop_new();
	struct fsm_state at = {.now = state};
	const struct fsm_owner owner = {
		.state = &at, .name = "cell", .loop = loop, .options = minutes()};
	const struct fsm_timeout *t = fsm_timeout_of(f, want);

	/* A computed timeout asks the owner, and there is none here. */
	if (t && t->ms) {
		loop_free(loop);
		return;
	}
	fsm_settle(f, &owner, rule, result);
	ck_assert_uint_eq(at.now, want);
	ck_assert_msg((at.timer != NULL) == (t != NULL), "%s: timer in state %s", f->name,
		      fsm_state_name(f, want));
	fsm_stop(&at, NULL);
	loop_free(loop);
}

void tables_every_cell(const struct fsm *f, tables_refused_fn *refused)
{
	for (uint8_t state = 0; state < f->state_count; state++)
		for (uint8_t event = 0; event < f->event_count; event++) {
			const struct fsm_rule *rule = fsm_find(f, state, event);
			unsigned n = rows_of(f, state, event);

			ck_assert_msg(n <= 1, "%s: %u rows for %s in state %s", f->name, n,
				      fsm_event_name(f, event), fsm_state_name(f, state));
			ck_assert_msg((rule != NULL) == (n == 1), "%s", f->name);
			if (!rule) {
				refused(state, event);
				continue;
			}
			ck_assert_uint_lt(rule->ok, f->state_count);
			ck_assert_uint_lt(rule->fail, f->state_count);
			settle_and_look(f, rule, state, 0, rule->ok);
			settle_and_look(f, rule, state, -1, rule->fail);
		}
}

static bool reach_more(const struct fsm *f, uint32_t *reached)
{
	uint32_t before = *reached;

	for (size_t i = 0; i < f->row_count; i++) {
		const struct fsm_rule *rule = fsm_row(f, i);

		if (rule->states & *reached)
			*reached |= FSM_MASK(rule->ok) | FSM_MASK(rule->fail);
	}
	return *reached != before;
}

void tables_nothing_is_dead(const struct fsm *f)
{
	uint32_t reached = FSM_MASK(0), all = (uint32_t)((1ULL << f->state_count) - 1);

	while (reach_more(f, &reached))
		;
	ck_assert_msg(reached == all, "%s: reached %x of %x", f->name, reached, all);
	for (uint8_t event = 0; event < f->event_count; event++) {
		unsigned n = 0;

		for (uint8_t state = 0; state < f->state_count; state++)
			n += rows_of(f, state, event);
		ck_assert_msg(n > 0, "%s: %s has no row", f->name, fsm_event_name(f, event));
	}
	for (size_t i = 0; i < f->row_count; i++)
		ck_assert_msg((fsm_row(f, i)->states & ~all) == 0 && fsm_row(f, i)->states != 0,
			      "%s: row %zu", f->name, i);
}
