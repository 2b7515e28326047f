/* Every state x message cell of ued, from its own tables; the dispatch table is reached by including it. */
#include "../../ued/dispatch_table.c"

#include "check_main.h"
#include "loop.h"
#include "test_tables.h"

static struct ue_node u;

static void setup(void)
{
	u = (struct ue_node){.node = {.role = ROLE_UE, .name = "ue"}};
	u.node.loop = loop_new();
	u.node.events = events_new("ue", 0);
}

static void teardown(void)
{
	events_free(u.node.events);
	loop_free(u.node.loop);
}

static void ue_refused(uint8_t state, uint8_t event)
{
	struct ue ue = {.node = &u, .fsm = {.now = state}};
	uint64_t before = u.node.metrics.refused[-KH_E_BAD_STATE];

	ck_assert_int_eq(ue_step(&ue, (enum ue_event_id)event, &(struct ue_input){0}),
			 KH_E_BAD_STATE);
	ck_assert_uint_eq(ue.fsm.now, state);
	ck_assert_uint_eq(u.node.metrics.refused[-KH_E_BAD_STATE], before + 1);
}

START_TEST(ue_cells)
{
	tables_every_cell(&ued_ue_fsm, ue_refused);
}
END_TEST

START_TEST(nothing_is_dead)
{
	tables_nothing_is_dead(&ued_ue_fsm);
}
END_TEST

static bool rrc_is_taken(unsigned number)
{
	for (size_t i = 0; i < COUNT(srb1_rows); i++)
		if (srb1_rows[i].number == number)
			return true;
	return number == KEYHOP__RRC__RRC__BODY_DL_INFORMATION_TRANSFER ||
	       number == KEYHOP__RRC__RRC__BODY_RRC_CONNECTION_SETUP || /* SRB0 */
	       number == KEYHOP__RRC__RRC__BODY_RRC_CONNECTION_REJECT ||
	       number == KEYHOP__RRC__RRC__BODY_REESTABLISHMENT_REJECT;
}

static bool nas_is_taken(unsigned number)
{
	for (size_t i = 0; i < COUNT(nas_rows); i++)
		if (nas_rows[i].number == number)
			return true;
	return number == KEYHOP__NAS__NAS__BODY_SECURITY_MODE_COMMAND; /* finds its own way */
}

/* What an eNodeB or the MME may send is taken, and nothing else is. */
START_TEST(every_message_has_a_row)
{
	for (size_t i = 0; i < message_row_count; i++) {
		const struct message_row *row = &message_rows[i];

		if (row->iface == IFACE_RRC)
			ck_assert_msg(rrc_is_taken(row->number) == ((row->from & ROLE_ENB) != 0),
				      "rrc.%s", row->name);
		if (row->iface == IFACE_NAS)
			ck_assert_msg(nas_is_taken(row->number) == ((row->from & ROLE_MME) != 0),
				      "nas.%s", row->name);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tables of ued");

	CHECK_CASE_WITH(s, "cells", setup, teardown, ue_cells, nothing_is_dead,
			every_message_has_a_row);
	return check_main(s);
}
