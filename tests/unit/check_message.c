#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "message.h"
#include "nas.pb-c.h"
#include "pbmem.h"
#include "rrc.pb-c.h"
#include "s1.pb-c.h"
#include "x2.pb-c.h"

static struct pbmem *mem;

static void setup(void)
{
	mem = pbmem_new(65536);
}

static void teardown(void)
{
	pbmem_free(mem);
}

static int decode(enum iface iface, enum role from, const ProtobufCMessage *msg,
		  struct message_fault *fault)
{
	uint8_t buf[8192];
	size_t len = protobuf_c_message_pack(msg, buf);
	const struct message_row *row;
	ProtobufCMessage *out;

	memset(fault, 0, sizeof *fault);
	return message_decode(mem, iface, from, buf, len, &out, &row, fault);
}

/* Every oneof field of every interface has a row of the same name, and every row a field. */
START_TEST(rows_are_the_protos)
{
	static const ProtobufCMessageDescriptor *const tops[] = {
		&keyhop__s1__s1__descriptor, &keyhop__x2__x2__descriptor,
		&keyhop__rrc__rrc__descriptor, &keyhop__nas__nas__descriptor};
	size_t fields = 0;

	for (unsigned i = 0; i < IFACE_COUNT; i++) {
		for (unsigned f = 0; f < tops[i]->n_fields; f++) {
			const ProtobufCFieldDescriptor *field = &tops[i]->fields[f];
			const struct message_row *row = message_row((enum iface)i, field->id);
			ck_assert_ptr_nonnull(row);
			ck_assert_str_eq(row->name, field->name);
			fields++;
		}
	}
	ck_assert_uint_eq(fields, message_row_count);
}
END_TEST

/* The contribution's messages carry their own number. */
START_TEST(steps_are_numbers)
{
	size_t steps = 0;

	for (size_t i = 0; i < message_row_count; i++) {
		if (!message_rows[i].step)
			continue;
		ck_assert_int_eq(atoi(message_rows[i].step), message_rows[i].number);
		steps++;
	}
	ck_assert_uint_eq(steps, 13); /* 2 to 13, and 13 once more on X2 */
}
END_TEST

START_TEST(good_message_decodes)
{
	uint32_t ids[] = {2, 3};
	struct message_fault fault;
	Keyhop__S1__NeighbourList body = KEYHOP__S1__NEIGHBOUR_LIST__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.mme_ue_id = 7;
	body.n_enb_id = 2;
	body.enb_id = ids;
	msg.body_case = KEYHOP__S1__S1__BODY_NEIGHBOUR_LIST;
	msg.neighbour_list = &body;
	ck_assert_int_eq(decode(IFACE_S1, ROLE_ENB, &msg.base, &fault), 0);
	ck_assert_int_eq(decode(IFACE_S1, ROLE_MME, &msg.base, &fault), KH_E_WRONG_LINK);
	ids[1] = 0;
	ck_assert_int_eq(decode(IFACE_S1, ROLE_ENB, &msg.base, &fault), KH_E_BAD_FIELD);
	ids[1] = 3;
	body.mme_ue_id = 0;
	ck_assert_int_eq(decode(IFACE_S1, ROLE_ENB, &msg.base, &fault), KH_E_MISSING_FIELD);
	ck_assert_str_eq(fault.field, "mme_ue_id");
}
END_TEST

START_TEST(a_signed_field_has_bounds)
{
	static const struct {
		int32_t offset;
		int err;
	} rows[] = {{0, 0},
		    {3000, 0},
		    {-3000, 0},
		    {3001, KH_E_BAD_FIELD},
		    {-3001, KH_E_BAD_FIELD},
		    {INT32_MAX, KH_E_BAD_FIELD},
		    {INT32_MIN, KH_E_BAD_FIELD}};
	struct message_fault fault;
	Keyhop__Rrc__MeasConfig meas = KEYHOP__RRC__MEAS_CONFIG__INIT;
	Keyhop__Rrc__RrcReconfiguration body = KEYHOP__RRC__RRC_RECONFIGURATION__INIT;
	Keyhop__Rrc__Rrc msg = KEYHOP__RRC__RRC__INIT;

	body.drb_id = 1;
	body.meas_config = &meas;
	msg.body_case = KEYHOP__RRC__RRC__BODY_RRC_RECONFIGURATION;
	msg.rrc_reconfiguration = &body;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		meas.a3_offset_cdb = rows[i].offset;
		ck_assert_int_eq(decode(IFACE_RRC, ROLE_ENB, &msg.base, &fault), rows[i].err);
		if (rows[i].err)
			ck_assert_str_eq(fault.field, "a3_offset_cdb");
	}
}
END_TEST

static int decode_octets(const void *data, size_t len)
{
	const struct message_row *row;
	struct message_fault fault = {0};
	ProtobufCMessage *out;

	return message_decode(mem, IFACE_S1, ROLE_ENB, data, len, &out, &row, &fault);
}

START_TEST(bad_octets_are_named)
{
	static const uint8_t garbage[] = {0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t unknown_body[] = {0xfa, 0x07, 0x00}; /* field 127 */
	static const uint8_t unknown_field[] = {0x1a, 0x04, 0x08,
						0x07, 0x78, 0x01}; /* 3 with field 15 */

	ck_assert_int_eq(decode_octets(garbage, sizeof garbage), KH_E_NOT_PROTOBUF);
	ck_assert_int_eq(decode_octets(unknown_body, sizeof unknown_body), KH_E_UNKNOWN_MESSAGE);
	ck_assert_int_eq(decode_octets(unknown_field, sizeof unknown_field), KH_E_UNKNOWN_FIELD);
	ck_assert_int_eq(decode_octets("", 0), KH_E_MISSING_FIELD);
}
END_TEST

/* protobuf would merge them: a second body, the second of a field, one in a nested message. */
START_TEST(what_comes_twice_is_refused)
{
	static const uint8_t two_bodies[] = {0x1a, 0x02, 0x08, 0x07, 0x1a, 0x02, 0x10, 0x02};
	static const uint8_t two_kinds[] = {0x1a, 0x02, 0x08, 0x07, 0x62, 0x02, 0x08, 0x07};
	static const uint8_t twice[] = {0x1a, 0x06, 0x08, 0x07, 0x08, 0x09, 0x10, 0x02};
	static const uint8_t nested[] = {0x12, 0x06, 0x0a, 0x04, 0x08, 0x01, 0x08, 0x02};
	static const uint8_t list[] = {0x1a, 0x06, 0x08, 0x07, 0x10, 0x02, 0x10, 0x03};

	ck_assert_int_eq(decode_octets(two_bodies, sizeof two_bodies), KH_E_DUPLICATE_FIELD);
	ck_assert_int_eq(decode_octets(two_kinds, sizeof two_kinds), KH_E_DUPLICATE_FIELD);
	ck_assert_int_eq(decode_octets(twice, sizeof twice), KH_E_DUPLICATE_FIELD);
	ck_assert_int_eq(decode_octets(nested, sizeof nested), KH_E_DUPLICATE_FIELD);
	/* A repeated field may. */
	ck_assert_int_eq(decode_octets(list, sizeof list), 0);
}
END_TEST

static size_t fields_of(const ProtobufCMessageDescriptor *d)
{
	size_t most = d->n_fields;

	for (unsigned i = 0; i < d->n_fields; i++) {
		if (d->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		size_t inner = fields_of(d->fields[i].descriptor);
		most = inner > most ? inner : most;
	}
	return most;
}

/* message_scan() marks fields in 64 bits. */
START_TEST(messages_have_few_fields)
{
	ck_assert_uint_le(fields_of(&keyhop__s1__s1__descriptor), 64);
	ck_assert_uint_le(fields_of(&keyhop__x2__x2__descriptor), 64);
	ck_assert_uint_le(fields_of(&keyhop__rrc__rrc__descriptor), 64);
	ck_assert_uint_le(fields_of(&keyhop__nas__nas__descriptor), 64);
}
END_TEST

/* A good message of several fields, cut at every octet: never read beyond, never taken for good. */
START_TEST(truncated_at_every_octet)
{
	uint8_t wrapped[40] = {1};
	Keyhop__Common__KeyMaterial key = KEYHOP__COMMON__KEY_MATERIAL__INIT;
	Keyhop__Common__SecurityCapabilities caps = KEYHOP__COMMON__SECURITY_CAPABILITIES__INIT;
	Keyhop__X2__HandoverRequest body = KEYHOP__X2__HANDOVER_REQUEST__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;
	uint8_t buf[256];

	key.generation = 300;
	key.key_id = 2;
	key.wrapped.data = wrapped;
	key.wrapped.len = sizeof wrapped;
	caps.eea = caps.eia = 4;
	body.source_ho_id = 1;
	body.mme_ue_id = 2;
	body.key = &key;
	body.capabilities = &caps;
	body.ue_label = (char[]){"001010000000001"};
	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_REQUEST;
	msg.handover_request = &body;
	size_t len = protobuf_c_message_pack(&msg.base, buf);
	for (size_t n = 0; n <= len; n++) {
		const struct message_row *row;
		struct message_fault fault = {0};
		ProtobufCMessage *out;
		uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees the end */
		memcpy(exact, buf, n);
		int err = message_decode(mem, IFACE_X2, ROLE_ENB, exact, n, &out, &row, &fault);
		ck_assert_int_eq(err == 0, n == len);
		if (n > 0 && n < len)
			ck_assert_int_eq(err, KH_E_NOT_PROTOBUF);
		pbmem_reset(mem);
		free(exact);
	}
}
END_TEST

/* 64 KiB of empty submessages ask for far more memory than they take on the wire. */
START_TEST(hostile_list_is_bounded)
{
	size_t n = 20000, body = 2 * n;
	uint8_t *buf = calloc(1, body + 8), *p = buf;

	*p++ = 0x22; /* field 4 */
	for (size_t v = body; v; v >>= 7)
		*p++ = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
	for (size_t i = 0; i < n; i++, p += 2)
		p[0] = 0x1a; /* entry, length 0 */
	ck_assert_int_eq(decode_octets(buf, (size_t)(p - buf)), KH_E_DECODE_BUDGET);
	free(buf);
}
END_TEST

START_TEST(fields_are_found_by_kind_and_name)
{
	Keyhop__Common__KeyMaterial key = KEYHOP__COMMON__KEY_MATERIAL__INIT;
	Keyhop__X2__HandoverRequest body = KEYHOP__X2__HANDOVER_REQUEST__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;
	const struct message_row *row = message_row(IFACE_X2, 7);

	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_REQUEST;
	msg.handover_request = &body;
	/* Of what it does not have, nothing. */
	ck_assert_ptr_null(message_field(row, &msg.base, FIELD_U64, "generation"));
	ck_assert_ptr_null(message_field(row, &msg.base, FIELD_U32, "no_such"));
	ck_assert_ptr_null(message_field(row, &msg.base, FIELD_U64, "mme_ue_id"));
	body.key = &key;
	ck_assert_ptr_eq(message_field(row, &msg.base, FIELD_U32, "mme_ue_id"), &body.mme_ue_id);
	ck_assert_ptr_eq(message_field(row, &msg.base, FIELD_U64, "generation"), &key.generation);
	ck_assert_ptr_eq(message_field(row, &msg.base, FIELD_IMSI, NULL), &body.ue_label);
	msg.handover_request = NULL;
	ck_assert_ptr_null(message_field(row, &msg.base, FIELD_U32, "mme_ue_id"));
	/* One without fields. */
	Keyhop__Nas__AttachComplete complete = KEYHOP__NAS__ATTACH_COMPLETE__INIT;
	Keyhop__Nas__Nas nas = KEYHOP__NAS__NAS__INIT;
	nas.body_case = KEYHOP__NAS__NAS__BODY_ATTACH_COMPLETE;
	nas.attach_complete = &complete;
	ck_assert_ptr_null(
		message_field(message_row_of(IFACE_NAS, &nas.base), &nas.base, FIELD_IMSI, NULL));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("message");
	TCase *t = tcase_create("message");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, rows_are_the_protos);
	tcase_add_test(t, steps_are_numbers);
	tcase_add_test(t, good_message_decodes);
	tcase_add_test(t, a_signed_field_has_bounds);
	tcase_add_test(t, bad_octets_are_named);
	tcase_add_test(t, what_comes_twice_is_refused);
	tcase_add_test(t, messages_have_few_fields);
	tcase_add_test(t, truncated_at_every_octet);
	tcase_add_test(t, hostile_list_is_bounded);
	tcase_add_test(t, fields_are_found_by_kind_and_name);
	suite_add_tcase(s, t);
	return check_main(s);
}
