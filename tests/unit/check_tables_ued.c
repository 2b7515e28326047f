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
	       number == KEYHOP__RRC__RRC__BODY_REESTABLISHMENT_REJECT ||
	       number == KEYHOP__RRC__RRC__BODY_RADIO_LINK_FAILURE;
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

/* Wherever a UE is that nobody detached, something leads on: a message, when it is attached, else a timer. */
START_TEST(nobody_waits_for_ever)
{
	struct ue ue = {.node = &u, .wanted = true};

	for (uint8_t state = 0; state < UE_STATE_COUNT; state++) {
		bool timed = fsm_timeout_of(&ued_ue_fsm, state) != NULL;

		ck_assert_msg(timed == (state != UE_ATTACHED), "%s",
			      fsm_state_name(&ued_ue_fsm, state));
		ck_assert(!timed || fsm_find(&ued_ue_fsm, state, EV_TIMEOUT));
	}
	u.opt = (struct ued_options){.reattach = true, .rejected_ms = 1000};
	for (unsigned attempts = 0; attempts <= UINT8_MAX; attempts++) {
		ue.attempts = (uint8_t)attempts;
		ck_assert_uint_gt(attach_backoff_ms(&ue), 0);
	}
	ue.rejected = true;
	ck_assert_uint_ge(attach_backoff_ms(&ue), 500);
	ck_assert_uint_lt(attach_backoff_ms(&ue), 1000);
	ue.wanted = false;
	ck_assert_uint_eq(attach_backoff_ms(&ue), 0);
}
END_TEST

/* No message says no for ever: after each that ends an attach, and no matter why, the timer of the next one runs. */
START_TEST(after_every_end_comes_another_attach)
{
	static const enum ue_event_id ends[] = {EV_RRC_REJECT, EV_AUTH_REJECT, EV_ATTACH_REJECT,
						EV_TIMEOUT,    EV_RELEASE,     EV_RADIO_LOST};
	Keyhop__Nas__AttachReject reject = KEYHOP__NAS__ATTACH_REJECT__INIT;
	Keyhop__Nas__Nas nas = KEYHOP__NAS__NAS__INIT;
	Keyhop__Rrc__RrcConnectionRelease release = KEYHOP__RRC__RRC_CONNECTION_RELEASE__INIT;
	Keyhop__Rrc__Rrc rrc = KEYHOP__RRC__RRC__INIT;
	const struct ue_input in = {.nas = &nas, .rrc = &rrc, .cause = KH_E_LINK_LOST};

	u.opt = (struct ued_options){.reattach = true, .rejected_ms = 1000};
	nas.attach_reject = &reject;
	rrc.rrc_connection_release = &release;
	for (unsigned cause = 1; cause < KH_CAUSE_MAX; cause++)
		for (size_t i = 0; i < COUNT(ends); i++) {
			uint8_t from = ends[i] == EV_RRC_REJECT ? UE_CONNECTING : UE_ATTACHING;
			struct ue ue = {.node = &u, .wanted = true, .fsm = {.now = from}};

			reject.cause = (Keyhop__Common__Cause)cause;
			release.cause = (Keyhop__Common__Cause)cause;
			(void)ue_step(&ue, ends[i], &in);
			ck_assert_uint_eq(ue.fsm.now, UE_DETACHED);
			ck_assert_msg(ue.fsm.timer, "%s cause %u",
				      fsm_event_name(&ued_ue_fsm, ends[i]), cause);
			fsm_stop(&ue.fsm, u.node.metrics.ue_states);
		}
}
END_TEST

/* The release of a UE was lost; its C-RNTI goes to another one. It is not left deaf. */
START_TEST(a_c_rnti_given_anew)
{
	struct cell cell = {.node = &u, .id = 1};
	struct ue first = {.node = &u, .wanted = true, .fsm = {.now = UE_ATTACHED}};
	struct ue second = {.node = &u, .wanted = true, .fsm = {.now = UE_ATTACHING}};

	u.opt = (struct ued_options){.reattach = true};
	ue_bind(&first, &cell, 61);
	ue_bind(&second, &cell, 61);
	ck_assert_ptr_eq(ue_find_rnti(&cell, 61), &second);
	ck_assert_uint_eq(second.fsm.now, UE_ATTACHING);
	ck_assert_uint_eq(first.fsm.now, UE_DETACHED);
	ck_assert_ptr_nonnull(first.fsm.timer);
	ue_bind(&second, &cell, 61);
	ck_assert_uint_eq(second.fsm.now, UE_ATTACHING);
	ue_unbind(&second);
	fsm_stop(&first.fsm, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tables of ued");

	CHECK_CASE_WITH(s, "cells", setup, teardown, ue_cells, nothing_is_dead,
			every_message_has_a_row, nobody_waits_for_ever,
			after_every_end_comes_another_attach, a_c_rnti_given_anew);
	return check_main(s);
}
