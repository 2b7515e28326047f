#include "fsm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "loop.h"

enum door_state { DOOR_SHUT, DOOR_OPEN, DOOR_LOCKED, DOOR_STATES };
enum door_event { EV_PUSH, EV_PULL, EV_KEY, DOOR_EVENTS };

/* A machine's own row: the rule first, then its action. */
struct door_row {
	struct fsm_rule rule;
	int (*action)(void);
};

static const char *const states[] = {"SHUT", "OPEN", "LOCKED"};
static const char *const events[] = {"PUSH", "PULL", "KEY"};
static const struct door_row rows[] = {
	{{FSM_MASK(DOOR_SHUT), EV_PULL, DOOR_OPEN, DOOR_SHUT, "none"}, NULL},
	{{FSM_MASK(DOOR_OPEN), EV_PUSH, DOOR_SHUT, DOOR_OPEN, "none"}, NULL},
	{{FSM_MASK(DOOR_SHUT), EV_KEY, DOOR_LOCKED, DOOR_OPEN, "none"}, NULL},
	{{FSM_MASK(DOOR_LOCKED) | FSM_MASK(DOOR_OPEN), EV_KEY, DOOR_SHUT, DOOR_LOCKED, "none"},
	 NULL},
};
static const struct fsm door = {
	.name = "door",
	.cat = LOG_MME,
	.states = states,
	.events = events,
	.state_count = DOOR_STATES,
	.event_count = DOOR_EVENTS,
	.rows = rows,
	.row_count = sizeof rows / sizeof *rows,
	.row_size = sizeof *rows,
};

static const int found[DOOR_STATES][DOOR_EVENTS] = {
	/* PUSH PULL KEY */
	{-1, 0, 2}, /* SHUT */
	{1, -1, 3}, /* OPEN */
	{-1, -1, 3} /* LOCKED */
};

START_TEST(every_cell)
{
	for (uint8_t state = 0; state < DOOR_STATES; state++)
		for (uint8_t event = 0; event < DOOR_EVENTS; event++) {
			int row = found[state][event];

			ck_assert_ptr_eq(fsm_find(&door, state, event),
					 row < 0 ? NULL : &rows[row].rule);
		}
}
END_TEST

START_TEST(out_of_range)
{
	ck_assert_ptr_null(fsm_find(&door, DOOR_STATES, EV_KEY));
	ck_assert_ptr_null(fsm_find(&door, 31, EV_KEY));
	ck_assert_ptr_null(fsm_find(&door, 32, EV_KEY));
	ck_assert_ptr_null(fsm_find(&door, 255, EV_KEY));
	ck_assert_ptr_null(fsm_find(&door, DOOR_SHUT, 255));
}
END_TEST

static void settle(struct fsm_state *state, uint8_t event, int result)
{
	fsm_settle(&door, &(struct fsm_owner){.state = state, .name = "d1"},
		   fsm_find(&door, state->now, event), result);
}

START_TEST(ok_and_fail)
{
	struct fsm_state state = {.now = DOOR_SHUT};

	settle(&state, EV_PULL, 0);
	ck_assert_uint_eq(state.now, DOOR_OPEN);
	settle(&state, EV_PUSH, -1);
	ck_assert_uint_eq(state.now, DOOR_OPEN);
	settle(&state, EV_KEY, -7);
	ck_assert_uint_eq(state.now, DOOR_LOCKED);
}
END_TEST

/* A gate closes by itself; the two open states share one timer. */
enum gate_state { GATE_SHUT, GATE_OPEN, GATE_HELD };
static const struct fsm_timeout gate_timeouts[] = {
	{.states = FSM_MASK(GATE_OPEN) | FSM_MASK(GATE_HELD), .option = 4}, {0}};
static const struct fsm_rule gate_rules[] = {
	{FSM_MASK(GATE_SHUT), EV_PULL, GATE_OPEN, GATE_SHUT, "pull"},
	{FSM_MASK(GATE_OPEN), EV_KEY, GATE_HELD, GATE_OPEN, "hold"},
	{FSM_MASK(GATE_OPEN) | FSM_MASK(GATE_HELD), EV_PUSH, GATE_SHUT, GATE_SHUT, "push"},
};

struct gate {
	struct fsm_state state;
	struct loop *loop;
	unsigned expired;
};

static void gate_expired(void *owner)
{
	struct gate *g = owner;

	fsm_timer_fired(&g->state);
	g->expired++;
	loop_stop(g->loop);
}

static const struct fsm gate = {
	.name = "gate",
	.cat = LOG_MME,
	.states = states,
	.events = events,
	.state_count = 3,
	.event_count = DOOR_EVENTS,
	.rows = gate_rules,
	.row_count = 3,
	.row_size = sizeof gate_rules[0],
	.timeouts = gate_timeouts,
	.expired = gate_expired,
};

static void gate_settle(struct gate *g, const uint32_t *options, size_t row, int result)
{
	fsm_settle(&gate, &(struct fsm_owner){&g->state, g, "g1", g->loop, options},
		   fsm_row(&gate, row), result);
}

START_TEST(timers_follow_the_states)
{
	const uint32_t options[] = {0, 60000};
	struct gate g = {.loop = loop_new()};
	struct loop_timer *first;

	gate_settle(&g, options, 0, -1);
	ck_assert_ptr_null(g.state.timer);
	gate_settle(&g, options, 0, 0);
	first = g.state.timer;
	ck_assert_ptr_nonnull(first);
	gate_settle(&g, options, 1, 0);
	ck_assert_uint_eq(g.state.now, GATE_HELD);
	ck_assert_ptr_eq(g.state.timer, first);
	gate_settle(&g, options, 2, 0);
	ck_assert_ptr_null(g.state.timer);
	loop_free(g.loop);
}
END_TEST

START_TEST(timers_fire_and_start_again)
{
	const uint32_t options[] = {0, 1};
	struct gate g = {.loop = loop_new()};

	gate_settle(&g, options, 0, 0);
	loop_run(g.loop);
	ck_assert_uint_eq(g.expired, 1);
	ck_assert_ptr_null(g.state.timer);
	/* An event that leaves the state: the timer runs anew. */
	gate_settle(&g, options, 1, -1);
	ck_assert_ptr_nonnull(g.state.timer);
	fsm_stop(&g.state, NULL);
	ck_assert_ptr_null(g.state.timer);
	loop_free(g.loop);
}
END_TEST

START_TEST(zero_is_for_ever)
{
	const uint32_t options[] = {60000, 0};
	struct gate g = {.loop = loop_new()};

	gate_settle(&g, options, 0, 0);
	ck_assert_uint_eq(g.state.now, GATE_OPEN);
	ck_assert_ptr_null(g.state.timer);
	loop_free(g.loop);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(fsm_state_name(&door, DOOR_LOCKED), "LOCKED");
	ck_assert_str_eq(fsm_state_name(&door, DOOR_STATES), "?");
	ck_assert_str_eq(fsm_event_name(&door, EV_PULL), "PULL");
	ck_assert_str_eq(fsm_event_name(&door, DOOR_EVENTS), "?");
}
END_TEST

static size_t read_all(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t len;

	ck_assert_ptr_nonnull(f);
	len = fread(out, 1, size - 1, f);
	out[len] = '\0';
	fclose(f);
	return len;
}

START_TEST(changes_are_logged)
{
	char path[] = "/tmp/keyhop-test-XXXXXX", text[400];
	int fd = mkstemp(path);
	struct fsm_state state = {.now = DOOR_SHUT};

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(log_to_file(path), 0);
	log_set_category(LOG_MME, LOG_DEBUG);
	/* No change, no line. */
	settle(&state, EV_PULL, -1);
	ck_assert_uint_eq(read_all(path, text, sizeof text), 0);
	settle(&state, EV_PULL, 0);
	log_close();
	read_all(path, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, "d1: SHUT -> OPEN on PULL\n"));
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fsm");

	CHECK_CASE(s, "fsm", every_cell, out_of_range, ok_and_fail, names, changes_are_logged,
		   timers_follow_the_states, timers_fire_and_start_again, zero_is_for_ever);
	return check_main(s);
}
