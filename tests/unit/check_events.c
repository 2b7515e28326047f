#include "events.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "check_main.h"
#include "ctl.h"
#include "message.h"

static void emit(struct events *ev, const char *topic)
{
	struct node_event e = {.topic = topic};

	events_emit(ev, &e);
}

START_TEST(numbers_rise_and_the_ring_forgets)
{
	struct events *ev = events_new("n1", 3);

	ck_assert_ptr_null(events_after(ev, 0));
	for (int i = 0; i < 5; i++)
		emit(ev, "a");
	ck_assert_uint_eq(events_last_seq(ev), 5);
	ck_assert_uint_eq(events_after(ev, 0)->seq, 3); /* 1 and 2 are gone */
	ck_assert_uint_eq(events_after(ev, 3)->seq, 4);
	ck_assert_ptr_null(events_after(ev, 5));
	ck_assert_ptr_null(events_after(ev, 99));
	events_free(ev);
}
END_TEST

static void emit_message(struct events *ev)
{
	struct node_event e = {.topic = "msg.tx", .message = message_row(IFACE_X2, 7)};

	events_emit(ev, &e);
}

START_TEST(messages_push_no_procedure_out)
{
	struct events *ev = events_new("n1", 3);

	emit(ev, "a"); /* 1 */
	for (int i = 0; i < 5; i++)
		emit_message(ev); /* 2 to 6 */
	emit(ev, "b"); /* 7 */
	ck_assert_uint_eq(events_procedure_left(ev), 0);
	ck_assert_uint_eq(events_after(ev, 0)->seq, 1);
	for (uint64_t seq = 4; seq <= 7; seq++) /* 2 and 3 are gone */
		ck_assert_uint_eq(events_after(ev, seq == 4 ? 1 : seq - 1)->seq, seq);
	ck_assert_ptr_null(events_after(ev, 7));
	ck_assert_uint_eq(events_procedure_after(ev, 1)->seq, 7);
	ck_assert_ptr_null(events_procedure_after(ev, 7));
	emit(ev, "c"); /* 8 */
	emit(ev, "d"); /* 9: the last that pushes one out */
	ck_assert_uint_eq(events_procedure_left(ev), 1);
	ck_assert_uint_eq(events_procedure_after(ev, 0)->seq, 7);
	ck_assert_uint_eq(events_after(ev, 0)->seq, 4);
	events_free(ev);
}
END_TEST

START_TEST(nobody_looks)
{
	struct events *ev = events_new("n1", 0);

	ck_assert(!events_wanted(ev));
	emit(ev, "a");
	ck_assert_uint_eq(events_last_seq(ev), 1);
	ck_assert_ptr_null(events_after(ev, 0));
	events_free(ev);
	emit(NULL, "a");
	ck_assert(!events_wanted(NULL));
}
END_TEST

static void count(void *arg, const struct node_event *e)
{
	*(uint64_t *)arg = e->seq;
}

START_TEST(sink_sees_each)
{
	struct events *ev = events_new("n1", 0);
	uint64_t last = 0;

	events_set_sink(ev, EVENTS_TO_CONTROL, count, &last);
	ck_assert(events_wanted(ev));
	emit(ev, "a");
	emit(ev, "b");
	ck_assert_uint_eq(last, 2);
	events_set_sink(ev, EVENTS_TO_CONTROL, NULL, NULL);
	emit(ev, "c");
	ck_assert_uint_eq(last, 2);
	events_free(ev);
}
END_TEST

START_TEST(json_leaves_out_what_is_empty)
{
	struct events *ev = events_new("n1", 1);
	struct node_event e = {
		.topic = "t.x", .step = "7a", .enb = 3, .has_gen = true, .err = KH_E_TIMEOUT};

	ck_ok(imsi_parse(&e.ue, "001010000000001"));
	events_emit(ev, &e);
	json_t *j = event_json(ev, events_after(ev, 0));
	ck_assert_str_eq(json_string_value(json_object_get(j, "topic")), "t.x");
	ck_assert_str_eq(json_string_value(json_object_get(j, "node")), "n1");
	ck_assert_str_eq(json_string_value(json_object_get(j, "step")), "7a");
	ck_assert_str_eq(json_string_value(json_object_get(j, "ue")), "001010000000001");
	ck_assert_str_eq(json_string_value(json_object_get(j, "cause")), "timeout");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "enb")), 3);
	ck_assert(json_is_integer(json_object_get(j, "gen"))); /* a zero that counts */
	ck_assert_ptr_null(json_object_get(j, "kid"));
	ck_assert_ptr_null(json_object_get(j, "fp"));
	ck_assert_ptr_null(json_object_get(j, "detail"));
	ck_assert_ptr_null(json_object_get(j, "duration_us"));
	json_decref(j);
	events_free(ev);
}
END_TEST

START_TEST(json_of_a_message)
{
	struct events *ev = events_new("n1", 1);
	struct node_event e = {.topic = "msg.rx",
			       .step = "7",
			       .message = message_row(IFACE_X2, 7),
			       .interface = "X2",
			       .protection = "tunnel",
			       .octets = 120,
			       .peer = "enb1"};

	events_emit(ev, &e);
	json_t *j = event_json(ev, events_after(ev, 0));
	ck_assert_str_eq(json_string_value(json_object_get(j, "message")), "x2.handover_request");
	ck_assert_str_eq(json_string_value(json_object_get(j, "interface")), "X2");
	ck_assert_str_eq(json_string_value(json_object_get(j, "protection")), "tunnel");
	ck_assert_str_eq(json_string_value(json_object_get(j, "peer")), "enb1");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "octets")), 120);
	json_decref(j);
	events_free(ev);
}
END_TEST

START_TEST(every_member_is_described)
{
	struct events *ev = events_new("n1", 1);
	struct node_event e = {.topic = "t",
			       .step = "1",
			       .mme_ue_id = 1,
			       .enb = 1,
			       .source = 1,
			       .gen = 1,
			       .kid = 1,
			       .key = "k",
			       .fp = "01234567",
			       .err = KH_E_TIMEOUT,
			       .duration_us = 1,
			       .detail = "d",
			       .message = message_row(IFACE_S1, 2),
			       .interface = "S1",
			       .protection = "tunnel",
			       .peer = "p"};
	const struct ctl_notification *n = ctl_notifications;
	size_t described = 0;

	ck_ok(imsi_parse(&e.ue, "001010000000001"));
	events_emit(ev, &e);
	json_t *j = event_json(ev, events_after(ev, 0));
	while (strcmp(n->name, "event") != 0)
		n++;
	for (const struct ctl_param *p = n->params; p->name; p++, described++)
		ck_assert_msg(json_object_get(j, p->name) != NULL, "%s", p->name);
	ck_assert_uint_eq(described, json_object_size(j));
	json_decref(j);
	events_free(ev);
}
END_TEST

START_TEST(detail_becomes_utf8)
{
	struct events *ev = events_new("n1", 1);
	struct node_event e = {.topic = "t"};

	strcpy(e.detail, "a\xff\xc0\x80z\xc3\xa4 \xed\xa0\x80");
	events_emit(ev, &e);
	ck_assert_str_eq(e.detail, "a???z\xc3\xa4 ???");
	/* Cut in the middle of a character, and without an end. */
	memset(e.detail, 'x', sizeof e.detail);
	e.detail[sizeof e.detail - 2] = (char)0xc3;
	events_emit(ev, &e);
	ck_assert_uint_eq(strlen(e.detail), sizeof e.detail - 1);
	ck_assert_int_eq(e.detail[sizeof e.detail - 2], '?');
	events_free(ev);
}
END_TEST

START_TEST(one_line_an_event_in_the_file)
{
	char path[] = "/tmp/keyhop-events-XXXXXX", line[4096];
	struct events *ev = events_new("n1", 0);
	struct node_event e = {.topic = "t", .detail = "quote \" back \\ line \n end"};
	int fd = mkstemp(path), lines = 0;

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_ok(events_to_file(ev, path));
	events_emit(ev, &e);
	events_emit(ev, &e);
	events_free(ev);
	FILE *f = fopen(path, "r");
	while (fgets(line, sizeof line, f)) {
		json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		ck_assert_ptr_nonnull(j);
		ck_assert_str_eq(json_string_value(json_object_get(j, "detail")), e.detail);
		json_decref(j);
		lines++;
	}
	fclose(f);
	unlink(path);
	ck_assert_int_eq(lines, 2);
}
END_TEST

START_TEST(a_full_disk_ends_the_file_only)
{
	struct events *ev = events_new("n1", 2);

	if (access("/dev/full", W_OK) != 0) {
		puts("skipped: no /dev/full here");
		events_free(ev);
		return;
	}
	ck_ok(events_to_file(ev, "/dev/full"));
	emit(ev, "a");
	emit(ev, "b");
	ck_assert_uint_eq(events_after(ev, 1)->seq, 2);
	events_free(ev);
}
END_TEST

START_TEST(a_file_that_cannot_be_opened)
{
	struct events *ev = events_new("n1", 1);

	ck_err(events_to_file(ev, "/nowhere/events"), KH_E_CONFIG);
	emit(ev, "a");
	events_free(ev);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("events");

	CHECK_CASE(s, "events", numbers_rise_and_the_ring_forgets, messages_push_no_procedure_out,
		   nobody_looks, sink_sees_each, json_leaves_out_what_is_empty, json_of_a_message,
		   every_member_is_described, detail_becomes_utf8, one_line_an_event_in_the_file,
		   a_full_disk_ends_the_file_only, a_file_that_cannot_be_opened);
	return check_main(s);
}
