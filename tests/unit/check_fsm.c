#include "fsm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"

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
	{{FSM_MASK(DOOR_SHUT), EV_PULL, DOOR_OPEN, DOOR_SHUT}, NULL},
	{{FSM_MASK(DOOR_OPEN), EV_PUSH, DOOR_SHUT, DOOR_OPEN}, NULL},
	{{FSM_MASK(DOOR_SHUT), EV_KEY, DOOR_LOCKED, DOOR_OPEN}, NULL},
	{{FSM_MASK(DOOR_LOCKED) | FSM_MASK(DOOR_OPEN), EV_KEY, DOOR_SHUT, DOOR_LOCKED}, NULL},
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

START_TEST(ok_and_fail)
{
	uint8_t state = DOOR_SHUT;

	fsm_settle(&door, &state, fsm_find(&door, state, EV_PULL), 0, "d1");
	ck_assert_uint_eq(state, DOOR_OPEN);
	fsm_settle(&door, &state, fsm_find(&door, state, EV_PUSH), -1, "d1");
	ck_assert_uint_eq(state, DOOR_OPEN);
	fsm_settle(&door, &state, fsm_find(&door, state, EV_KEY), -7, "d1");
	ck_assert_uint_eq(state, DOOR_LOCKED);
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
	uint8_t state = DOOR_SHUT;

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(log_to_file(path), 0);
	log_set_category(LOG_MME, LOG_DEBUG);
	/* No change, no line. */
	fsm_settle(&door, &state, fsm_find(&door, state, EV_PULL), -1, "d1");
	ck_assert_uint_eq(read_all(path, text, sizeof text), 0);
	fsm_settle(&door, &state, fsm_find(&door, state, EV_PULL), 0, "d1");
	log_close();
	read_all(path, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, "d1: SHUT -> OPEN on PULL\n"));
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fsm");

	CHECK_CASE(s, "fsm", every_cell, out_of_range, ok_and_fail, names, changes_are_logged);
	return check_main(s);
}
