/* Every state x message cell of mmed, from its own tables; the dispatch table is reached by including it. */
#include "../../mmed/dispatch_table.c"

#include "check_main.h"
#include "loop.h"
#include "test_tables.h"

static struct mme m;

static void setup(void)
{
	m = (struct mme){.node = {.role = ROLE_MME, .name = "mme"}};
	m.node.loop = loop_new();
	m.node.events = events_new("mme", 0);
}

static void teardown(void)
{
	events_free(m.node.events);
	loop_free(m.node.loop);
}

static void ue_refused(uint8_t state, uint8_t event)
{
	struct ue ue = {.mme = &m, .id = 1, .fsm = {.now = state}};
	uint64_t before = m.node.metrics.refused[-KH_E_BAD_STATE];

	ck_assert_int_eq(ue_step(&m, &ue, (enum ue_event_id)event, &(struct ue_input){0}),
			 KH_E_BAD_STATE);
	ck_assert_uint_eq(ue.fsm.now, state);
	ck_assert_uint_eq(m.node.metrics.refused[-KH_E_BAD_STATE], before + 1);
}

START_TEST(ue_cells)
{
	tables_every_cell(&mme_ue_fsm, ue_refused);
}
END_TEST

static void s1_refused(uint8_t state, uint8_t event)
{
	struct s1_peer p = {.mme = &m, .fsm = {.now = state}, .name = "peer"};
	int want =
		state == S1_SETUP && event == S1_EV_MESSAGE ? KH_E_SETUP_REQUIRED : KH_E_BAD_STATE;
	uint64_t before = m.node.metrics.refused[-want];

	ck_assert_int_eq(s1_step(&m, &p, (enum s1_event_id)event, &(struct s1_input){0}), want);
	ck_assert_uint_eq(p.fsm.now, state);
	ck_assert_uint_eq(m.node.metrics.refused[-want], before + 1);
}

START_TEST(s1_cells)
{
	tables_every_cell(&mme_s1_fsm, s1_refused);
}
END_TEST

START_TEST(nothing_is_dead)
{
	tables_nothing_is_dead(&mme_ue_fsm);
	tables_nothing_is_dead(&mme_s1_fsm);
}
END_TEST

static bool nas_is_taken(unsigned number)
{
	for (size_t i = 0; i < sizeof nas_rows / sizeof nas_rows[0]; i++)
		if (nas_rows[i].number == number)
			return true;
	return number == KEYHOP__NAS__NAS__BODY_LOCATION_EVIDENCE; /* inside 12 */
}

/* What an eNodeB or a UE may send has a row, and nothing else has one. */
START_TEST(every_message_has_a_row)
{
	for (size_t i = 0; i < message_row_count; i++) {
		const struct message_row *row = &message_rows[i];

		if (row->iface == IFACE_S1)
			ck_assert_msg(
				(find_row(row->number) || row->number == S1_SETUP_REQUEST_NUMBER) ==
					((row->from & ROLE_ENB) != 0),
				"s1.%s", row->name);
		if (row->iface == IFACE_NAS)
			ck_assert_msg(nas_is_taken(row->number) == ((row->from & ROLE_UE) != 0),
				      "nas.%s", row->name);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tables of mmed");

	CHECK_CASE_WITH(s, "cells", setup, teardown, ue_cells, s1_cells, nothing_is_dead,
			every_message_has_a_row);
	return check_main(s);
}
