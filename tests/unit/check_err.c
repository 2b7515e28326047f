#include "err.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "common.pb-c.h"

#define ROW_COUNT(id, number, name, code, text) +1
enum { ROWS = 0 KH_ERRORS(ROW_COUNT) };

static const struct {
	int err;
	unsigned number;
	const char *name, *text;
	int code;
} rows[] = {
#define ROW(id, number, name, code, text) {KH_E_##id, number, name, text, code},
	KH_ERRORS(ROW)
#undef ROW
};

START_TEST(every_row_is_found)
{
	int n = 0;

	for (unsigned i = 0; i < ROWS; i++, n++) {
		ck_assert_int_eq(rows[i].err, -(int)rows[i].number);
		ck_assert_str_eq(err_name(rows[i].err), rows[i].name);
		ck_assert_str_eq(err_text(rows[i].err), rows[i].text);
		ck_assert_int_eq(err_code(rows[i].err), rows[i].code);
		ck_assert_uint_eq(err_to_cause(rows[i].err), rows[i].number);
		ck_assert_int_eq(err_from_cause(rows[i].number), rows[i].err);
	}
	ck_assert_int_eq(n, ROWS);
	ck_assert_int_gt(n, 70);
}
END_TEST

START_TEST(names_and_numbers_are_unique)
{
	for (unsigned i = 0; i < ROWS; i++)
		for (unsigned j = 0; j < i; j++) {
			ck_assert_str_ne(rows[i].name, rows[j].name);
			ck_assert_uint_ne(rows[i].number, rows[j].number);
		}
}
END_TEST

START_TEST(names_are_lower_case_words)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz-";

	for (unsigned i = 0; i < ROWS; i++)
		ck_assert_msg(rows[i].name[strspn(rows[i].name, allowed)] == '\0', "%s",
			      rows[i].name);
}
END_TEST

/* "unwrap-failed" is CAUSE_UNWRAP_FAILED. */
static void cause_name(char *out, size_t size, const char *name)
{
	snprintf(out, size, "CAUSE_%s", name);
	for (char *p = out; *p; p++)
		*p = *p == '-' ? '_' : (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
}

START_TEST(same_as_enum_cause)
{
	const ProtobufCEnumDescriptor *d = &keyhop__common__cause__descriptor;
	char want[64];

	ck_assert_uint_eq(d->n_values, ROWS + 1); /* and CAUSE_NONE */
	ck_assert_str_eq(protobuf_c_enum_descriptor_get_value(d, 0)->name, "CAUSE_NONE");
	for (unsigned i = 0; i < ROWS; i++) {
		const ProtobufCEnumValue *v =
			protobuf_c_enum_descriptor_get_value(d, (int)rows[i].number);

		ck_assert_msg(v != NULL, "%s: no cause %u", rows[i].name, rows[i].number);
		cause_name(want, sizeof want, rows[i].name);
		ck_assert_str_eq(v->name, want);
	}
}
END_TEST

START_TEST(none)
{
	ck_assert_str_eq(err_name(KH_OK), "none");
	ck_assert_int_eq(err_code(KH_OK), 0);
	ck_assert_uint_eq(err_to_cause(KH_OK), 0);
	ck_assert_int_eq(err_from_cause(0), KH_OK);
}
END_TEST

START_TEST(numbers_without_a_row)
{
	static const int unknown[] = {1,     7,	      -38,    -39, -KH_CAUSE_MAX + 1, -KH_CAUSE_MAX,
				      -4000, INT_MAX, INT_MIN};

	for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		ck_assert_str_eq(err_name(unknown[i]), "unknown-cause");
		ck_assert_int_gt(strlen(err_text(unknown[i])), 0);
		ck_assert_int_eq(err_code(unknown[i]), err_code(KH_E_INTERNAL));
		ck_assert_uint_eq(err_to_cause(unknown[i]), 1);
	}
	ck_assert_int_eq(err_from_cause(38), KH_E_INTERNAL);
	ck_assert_int_eq(err_from_cause(KH_CAUSE_MAX - 1), KH_E_INTERNAL);
	ck_assert_int_eq(err_from_cause(KH_CAUSE_MAX), KH_E_INTERNAL);
	ck_assert_int_eq(err_from_cause(UINT_MAX), KH_E_INTERNAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("err");

	CHECK_CASE(s, "causes", every_row_is_found, names_and_numbers_are_unique,
		   names_are_lower_case_words, same_as_enum_cause, none, numbers_without_a_row);
	return check_main(s);
}
