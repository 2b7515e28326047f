#include "ids.h"

#include <stdio.h>
#include <string.h>

#include "check_main.h"

START_TEST(plmn_octets)
{
	static const struct {
		const char *mcc, *mnc, *text;
		uint8_t b[3];
	} good[] = {
		{"001", "01", "00101", {0x00, 0xf1, 0x10}},
		{"208", "95", "20895", {0x02, 0xf8, 0x59}},
		{"310", "410", "310410", {0x13, 0x00, 0x14}}, /* MNC digit 3 in octet 2 */
		{"123", "456", "123456", {0x21, 0x63, 0x54}},
		{"999", "99", "99999", {0x99, 0xf9, 0x99}},
	};
	struct plmn plmn;
	char text[7];

	for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
		ck_ok(plmn_from_text(&plmn, good[i].mcc, good[i].mnc));
		ck_assert_mem_eq(plmn.b, good[i].b, 3);
		plmn_to_text(&plmn, text);
		ck_assert_str_eq(text, good[i].text);
	}
}
END_TEST

START_TEST(plmn_refused)
{
	static const char *const bad[][2] = {
		{"", "01"},	{"01", "01"},	 {"0011", "01"}, {"001", ""},
		{"001", "1"},	{"001", "0101"}, {"0a1", "01"},	 {"001", "0x"},
		{"001 ", "01"}, {"-01", "01"},	 {"001", " 1"},
	};
	struct plmn plmn = {{1, 2, 3}};

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_err(plmn_from_text(&plmn, bad[i][0], bad[i][1]), KH_E_BAD_FIELD);
	ck_assert_mem_eq(plmn.b, "\1\2\3", 3);
}
END_TEST

START_TEST(plmn_compare_and_odd_octets)
{
	struct plmn a = {{0x00, 0xf1, 0x10}}, b = a, odd = {{0xff, 0xff, 0xff}};
	char text[7];

	ck_assert(plmn_equal(&a, &b));
	b.b[2] ^= 1;
	ck_assert(!plmn_equal(&a, &b));
	plmn_to_text(&odd, text);
	ck_assert_str_eq(text, "fffff");
}
END_TEST

START_TEST(enb_ids)
{
	ck_assert(!enb_id_is_valid(0));
	ck_assert(enb_id_is_valid(1));
	ck_assert(enb_id_is_valid(0xfffffff));
	ck_assert(!enb_id_is_valid(0x10000000));
	ck_assert(!enb_id_is_valid(UINT32_MAX));
}
END_TEST

START_TEST(ids_are_the_whole_text)
{
	static const char *const bad[] = {"",	 "x",	"1x",	       " 1",
					  "1 ",	 "+1",	"-1",	       "010",
					  "0x",	 "0X1", "0x1g",	       "4294967296",
					  "1.0", "1e3", "0x100000000", "99999999999999999999999"};
	uint32_t id = 7;

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_err(id_parse(&id, bad[i]), KH_E_BAD_FIELD);
	ck_assert_uint_eq(id, 7);
	ck_ok(id_parse(&id, "0"));
	ck_assert_uint_eq(id, 0);
	ck_ok(id_parse(&id, "4294967295"));
	ck_assert_uint_eq(id, UINT32_MAX);
	ck_ok(id_parse(&id, "0xFfffffff"));
	ck_assert_uint_eq(id, UINT32_MAX);
	ck_ok(id_parse(&id, "0x0010"));
	ck_assert_uint_eq(id, 16);
}
END_TEST

START_TEST(imsis)
{
	static const char *const bad[] = {"",
					  "00101012345678",
					  "0010101234567890",
					  "00101012345678a",
					  " 01010123456789",
					  "00101012345678 ",
					  "00101012345678\n"};
	struct imsi imsi = {""};

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_err(imsi_parse(&imsi, bad[i]), KH_E_BAD_FIELD);
	ck_assert_str_eq(imsi.s, "");
	ck_ok(imsi_parse(&imsi, "001010123456789"));
	ck_assert_str_eq(imsi.s, "001010123456789");
}
END_TEST

START_TEST(node_names)
{
	static const char *const good[] = {
		"a", "mme", "enb-1", "ue_2.lab", "A.b-C_9", "1234567890123456789012345678901"};
	static const char *const bad[] = {
		"", "a b", "a:b", "a/b", "n\xc3\xa4", "a\n", "12345678901234567890123456789012",
		"*"};

	for (unsigned i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(node_name_is_valid(good[i]), "%s", good[i]);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!node_name_is_valid(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(identities)
{
	struct plmn plmn = {{0x00, 0xf1, 0x10}};
	char text[IDENTITY_MAX], longest[200];

	identity_mme(text, "mme-1");
	ck_assert_str_eq(text, "keyhop:mme:mme-1");
	identity_enb(text, &plmn, 1);
	ck_assert_str_eq(text, "keyhop:enb:00101-1");
	identity_enb(text, &plmn, ENB_ID_MAX);
	ck_assert_str_eq(text, "keyhop:enb:00101-268435455");
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	identity_mme(text, longest); /* cut, not overrun */
	ck_assert_uint_lt(strlen(text), IDENTITY_MAX);
}
END_TEST

START_TEST(hex_both_ways)
{
	uint8_t all[256], back[256];
	char text[513];

	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	hex_encode(text, all, sizeof all);
	ck_assert_uint_eq(strlen(text), 512);
	ck_assert_int_eq(strncmp(text, "000102030405060708090a0b0c0d0e0f10", 34), 0);
	ck_ok(hex_decode(back, sizeof back, text));
	ck_assert_mem_eq(all, back, 256);
	ck_ok(hex_decode(back, 3, "aBcDeF"));
	ck_assert_mem_eq(back, "\xab\xcd\xef", 3);
	hex_encode(text, "", 0);
	ck_assert_str_eq(text, "");
	ck_ok(hex_decode(back, 0, ""));
}
END_TEST

START_TEST(hex_refused)
{
	static const char *const bad[] = {"",	  "0",	  "000",  "00000", "000000",
					  "00g0", "0 00", "0x00", "-100",  "00\n0"};
	uint8_t out[2] = {0x55, 0xaa};

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_err(hex_decode(out, 2, bad[i]), KH_E_BAD_FIELD);
	ck_assert_mem_eq(out, "\x55\xaa", 2); /* not even half of it written */
}
END_TEST

START_TEST(big_endian)
{
	uint8_t b[8];

	put_be32(b, 0x01020304);
	ck_assert_mem_eq(b, "\1\2\3\4", 4);
	ck_assert_uint_eq(get_be32(b), 0x01020304);
	put_be64(b, 0xf1f2f3f4f5f6f7f8);
	ck_assert_mem_eq(b, "\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8", 8);
	ck_assert(get_be64(b) == 0xf1f2f3f4f5f6f7f8);
	ck_assert_uint_eq(get_be32(b), 0xf1f2f3f4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ids");

	CHECK_CASE(s, "plmn", plmn_octets, plmn_refused, plmn_compare_and_odd_octets);
	CHECK_CASE(s, "names", enb_ids, ids_are_the_whole_text, imsis, node_names, identities);
	CHECK_CASE(s, "octets", hex_both_ways, hex_refused, big_endian);
	return check_main(s);
}
