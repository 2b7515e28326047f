/* Every state x message cell of enbd, from its own tables; the dispatch table is reached by including it. */
#include "../../enbd/dispatch_table.c"

#include "check_main.h"
#include "loop.h"
#include "test_tables.h"

static struct enb e;

static void setup(void)
{
	e = (struct enb){.node = {.role = ROLE_ENB, .name = "enb1"}};
	e.node.loop = loop_new();
	e.node.events = events_new("enb1", 0);
}

static void teardown(void)
{
	events_free(e.node.events);
	loop_free(e.node.loop);
}

static void ue_refused(uint8_t state, uint8_t event)
{
	struct ue ue = {.enb = &e, .fsm = {.now = state}};
	uint64_t before = e.node.metrics.refused[-KH_E_BAD_STATE];

	ck_assert_int_eq(ue_step(&ue, (enum ue_event_id)event, &(struct ue_input){0}),
			 KH_E_BAD_STATE);
	ck_assert_uint_eq(ue.fsm.now, state);
	ck_assert_uint_eq(e.node.metrics.refused[-KH_E_BAD_STATE], before + 1);
}

START_TEST(ue_cells)
{
	tables_every_cell(&enb_ue_fsm, ue_refused);
}
END_TEST

static void s1_refused(uint8_t state, uint8_t event)
{
	int want = event == S1_EV_MESSAGE ? KH_E_SETUP_REQUIRED : KH_E_BAD_STATE;
	uint64_t before = e.node.metrics.refused[-want];

	e.s1.fsm.now = state;
	ck_assert_int_eq(s1_step(&e, (enum s1_event_id)event, &(struct s1_input){0}), want);
	ck_assert_uint_eq(e.s1.fsm.now, state);
	ck_assert_uint_eq(e.node.metrics.refused[-want], before + 1);
}

START_TEST(s1_cells)
{
	tables_every_cell(&enb_s1_fsm, s1_refused);
}
END_TEST

static void x2_refused(uint8_t state, uint8_t event)
{
	struct x2_peer p = {.enb = &e, .fsm = {.now = state}, .name = "peer"};
	int want = event == X2_EV_MESSAGE ? KH_E_SETUP_REQUIRED : KH_E_BAD_STATE;
	uint64_t before = e.node.metrics.refused[-want];

	ck_assert_int_eq(x2_step(&p, (enum x2_event_id)event, &(struct x2_input){0}), want);
	ck_assert_uint_eq(p.fsm.now, state);
	ck_assert_uint_eq(e.node.metrics.refused[-want], before + 1);
}

START_TEST(x2_cells)
{
	tables_every_cell(&enb_x2_fsm, x2_refused);
}
END_TEST

START_TEST(nothing_is_dead)
{
	tables_nothing_is_dead(&enb_ue_fsm);
	tables_nothing_is_dead(&enb_s1_fsm);
	tables_nothing_is_dead(&enb_x2_fsm);
}
END_TEST

static bool s1_is_taken(unsigned number)
{
	return find_s1_row(number) || number == KEYHOP__S1__S1__BODY_S1_SETUP_RESPONSE ||
	       number == KEYHOP__S1__S1__BODY_S1_SETUP_FAILURE;
}

static bool x2_is_taken(unsigned number)
{
	const Keyhop__X2__X2 x2 = {.body_case = (Keyhop__X2__X2__BodyCase)number};

	return find_x2_row(number) || x2_event_of(&x2) != X2_EV_MESSAGE;
}

static bool rrc_is_taken(unsigned number)
{
	for (size_t i = 0; i < COUNT(srb1_rows); i++)
		if (srb1_rows[i].number == number)
			return true;
	return number == KEYHOP__RRC__RRC__BODY_RRC_CONNECTION_REQUEST || /* SRB0 */
	       number == KEYHOP__RRC__RRC__BODY_REESTABLISHMENT_REQUEST;
}

/* What the MME, a neighbour or a UE may send is taken, and nothing else is. */
START_TEST(every_message_has_a_row)
{
	for (size_t i = 0; i < message_row_count; i++) {
		const struct message_row *row = &message_rows[i];

		if (row->iface == IFACE_S1)
			ck_assert_msg(s1_is_taken(row->number) == ((row->from & ROLE_MME) != 0),
				      "s1.%s", row->name);
		if (row->iface == IFACE_X2)
			ck_assert_msg(x2_is_taken(row->number), "x2.%s", row->name);
		if (row->iface == IFACE_RRC)
			ck_assert_msg(rrc_is_taken(row->number) == ((row->from & ROLE_UE) != 0),
				      "rrc.%s", row->name);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tables of enbd");

	CHECK_CASE_WITH(s, "cells", setup, teardown, ue_cells, s1_cells, x2_cells, nothing_is_dead,
			every_message_has_a_row);
	return check_main(s);
}
