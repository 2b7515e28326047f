#include "pcapng.h"

#include <arpa/inet.h>
#include <string.h>

#include "buf.h"
#include "check_main.h"
#include "ids.h"
#include "net.h"
#include "redact.h"
#include "s1.pb-c.h"

static struct buf out;

static void teardown(void)
{
	buf_clear(&out);
}

static uint32_t at32(size_t at)
{
	uint32_t v;

	ck_assert_uint_le(at + 4, out.len);
	memcpy(&v, buf_data(&out) + at, sizeof v);
	return v;
}

/* Every block is a multiple of 4 and has its length at both ends. Gives their number, types in `types`. */
static size_t blocks(uint32_t *types, size_t max)
{
	size_t n = 0;

	for (size_t at = 0; at < out.len; n++) {
		uint32_t len = at32(at + 4);
		ck_assert_uint_eq(len % 4, 0);
		ck_assert_uint_ge(len, 12);
		ck_assert_uint_le(at + len, out.len);
		ck_assert_uint_eq(at32(at + len - 4), len);
		ck_assert_uint_lt(n, max);
		types[n] = at32(at);
		at += len;
	}
	return n;
}

START_TEST(a_file_of_three_blocks)
{
	uint32_t types[4];
	const uint8_t data[5] = {1, 2, 3, 4, 5};

	pcapng_section(&out, "keyhop", "enb1");
	pcapng_interface(&out, PCAPNG_LINKTYPE_UPPER_PDU, "enb1 S1", "");
	size_t at = out.len;
	pcapng_packet(&out, &(struct pcapng_packet){.interface = 0,
						    .wall_us = INT64_C(0x123456789abcd),
						    .inbound = true,
						    .data = data,
						    .len = sizeof data,
						    .comment = "step=7"});
	ck_assert_uint_eq(blocks(types, 4), 3);
	ck_assert_uint_eq(types[0], 0x0a0d0d0a);
	ck_assert_uint_eq(types[1], 1);
	ck_assert_uint_eq(types[2], 6);
	ck_assert_uint_eq(at32(8), 0x1a2b3c4d);
	ck_assert_uint_eq(at32(at + 12), 0x12345);
	ck_assert_uint_eq(at32(at + 16), 0x6789abcd);
	ck_assert_uint_eq(at32(at + 20), 5);
	ck_assert_uint_eq(at32(at + 24), 5);
	ck_assert_mem_eq(buf_data(&out) + at + 28, data, 5);
	ck_assert_uint_eq(at32(at + 36), 6U << 16 | 1); /* comment, 6 octets */
	ck_assert_mem_eq(buf_data(&out) + at + 40, "step=7", 6);
	ck_assert_uint_eq(at32(at + 48), 4U << 16 | 2); /* flags */
	ck_assert_uint_eq(at32(at + 52), 1); /* inbound */
}
END_TEST

START_TEST(a_long_comment_is_cut)
{
	static char comment[3 * PCAPNG_COMMENT_MAX];
	uint32_t types[2];

	memset(comment, 'x', sizeof comment - 1);
	pcapng_packet(&out,
		      &(struct pcapng_packet){.data = (const uint8_t *)"", .comment = comment});
	ck_assert_uint_eq(blocks(types, 2), 1);
	ck_assert_uint_lt(out.len, PCAPNG_COMMENT_MAX + 100);
}
END_TEST

/* Tag, padded length, value: as Wireshark's exported_pdu reads them. */
static size_t tag(size_t at, unsigned wanted, const void *value, size_t len)
{
	uint32_t head = get_be32(buf_data(&out) + at);
	size_t padded = (len + 3) / 4 * 4;

	ck_assert_uint_eq(head >> 16, wanted);
	ck_assert_uint_eq(head & 0xffff, padded);
	ck_assert_mem_eq(buf_data(&out) + at + 4, value, len);
	return at + 4 + padded;
}

START_TEST(tags_of_a_pdu)
{
	struct endpoint a, b;

	ck_assert_int_eq(endpoint_parse(&a, "127.0.1.1", 36512), 0);
	ck_assert_int_eq(endpoint_parse(&b, "::1", 4711), 0);
	pcapng_pdu_tags(&out, "keyhop_s1", PCAPNG_TCP, &a, &b);
	size_t at = tag(0, 12, "keyhop_s1\0\0\0", 12);
	at = tag(at, 20, "\x7f\0\1\1", 4);
	at = tag(at, 23, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	at = tag(at, 24, "\0\0\0\2", 4);
	at = tag(at, 25, "\0\0\x8e\xa0", 4);
	at = tag(at, 26, "\0\0\x12\x67", 4);
	at = tag(at, 0, "", 0);
	ck_assert_uint_eq(at, out.len);
}
END_TEST

START_TEST(tags_without_addresses)
{
	struct endpoint none = {0};

	pcapng_pdu_tags(&out, "keyhop_uu", PCAPNG_SCTP, &none, &none);
	ck_assert_uint_eq(tag(tag(0, 12, "keyhop_uu", 9), 0, "", 0), out.len);
}
END_TEST

static uint8_t key[32];

static size_t pack_enb_key(uint8_t *packed)
{
	Keyhop__S1__MmeEnbKey now = KEYHOP__S1__MME_ENB_KEY__INIT, before = now;
	Keyhop__S1__EnbKey body = KEYHOP__S1__ENB_KEY__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	memset(key, 0xa5, sizeof key);
	now.key_id = 300;
	before.key_id = 299;
	now.key.data = before.key.data = key;
	now.key.len = 32;
	before.key.len = 16;
	body.current = &now;
	body.previous = &before;
	body.grace_ms = 5000;
	msg.body_case = KEYHOP__S1__S1__BODY_ENB_KEY;
	msg.enb_key = &body;
	return keyhop__s1__s1__pack(&msg, packed);
}

START_TEST(keys_of_a_message_2_are_masked)
{
	uint8_t packed[200];
	size_t len = pack_enb_key(packed);

	ck_assert(redact_keys(IFACE_S1, packed, len));
	for (size_t i = 0; i < len; i++)
		ck_assert_uint_ne(packed[i], 0xa5);
	Keyhop__S1__S1 *msg = keyhop__s1__s1__unpack(NULL, len, packed);
	ck_assert_ptr_nonnull(msg);
	ck_assert_uint_eq(msg->enb_key->current->key_id, 300);
	ck_assert_uint_eq(msg->enb_key->current->key.len, 32);
	ck_assert_uint_eq(msg->enb_key->previous->key_id, 299);
	ck_assert_uint_eq(msg->enb_key->grace_ms, 5000);
	keyhop__s1__s1__free_unpacked(msg, NULL);
}
END_TEST

START_TEST(cut_anywhere_no_key_is_left)
{
	uint8_t packed[200], part[200];
	size_t len = pack_enb_key(packed);

	for (size_t n = 0; n <= len; n++) {
		memcpy(part, packed, n);
		(void)redact_keys(IFACE_S1, part, n);
		for (size_t i = 0; i < n; i++)
			ck_assert_msg(part[i] != 0xa5, "cut at %zu: octet %zu", n, i);
	}
}
END_TEST

START_TEST(the_first_kenb_is_masked)
{
	Keyhop__S1__InitialContextSetupRequest body =
		KEYHOP__S1__INITIAL_CONTEXT_SETUP_REQUEST__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;
	uint8_t packed[200];

	memset(key, 0xa5, sizeof key);
	body.mme_ue_id = 1;
	body.kenb.data = key;
	body.kenb.len = 32;
	body.nas.data = (uint8_t *)"nas";
	body.nas.len = 3;
	msg.body_case = KEYHOP__S1__S1__BODY_INITIAL_CONTEXT_SETUP_REQUEST;
	msg.initial_context_setup_request = &body;
	size_t len = keyhop__s1__s1__pack(&msg, packed);
	ck_assert(redact_keys(IFACE_S1, packed, len));
	ck_assert_ptr_null(memchr(packed, 0xa5, len));
	ck_assert_ptr_nonnull(memmem(packed, len, "nas", 3));
}
END_TEST

START_TEST(others_stay_as_they_are)
{
	Keyhop__S1__EnbKeyAck body = KEYHOP__S1__ENB_KEY_ACK__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;
	uint8_t packed[50], before[50];

	body.key_id = 7;
	msg.body_case = KEYHOP__S1__S1__BODY_ENB_KEY_ACK;
	msg.enb_key_ack = &body;
	size_t len = keyhop__s1__s1__pack(&msg, packed);
	memcpy(before, packed, len);
	ck_assert(!redact_keys(IFACE_S1, packed, len));
	ck_assert(!redact_keys(IFACE_X2, packed, len));
	ck_assert_mem_eq(packed, before, len);
}
END_TEST

START_TEST(rubbish_is_survived)
{
	uint8_t data[64];

	for (unsigned seed = 0; seed < 20000; seed++) {
		uint32_t x = seed * 2654435761U + 1;
		for (size_t i = 0; i < sizeof data; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			data[i] = (uint8_t)x;
		}
		data[0] = 0x12; /* field 2 */
		(void)redact_keys(IFACE_S1, data, seed % (sizeof data + 1));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pcapng");

	CHECK_CASE_WITH(s, "pcapng", NULL, teardown, a_file_of_three_blocks, a_long_comment_is_cut,
			tags_of_a_pdu, tags_without_addresses);
	CHECK_CASE_WITH(s, "redact", NULL, NULL, keys_of_a_message_2_are_masked,
			cut_anywhere_no_key_is_left, the_first_kenb_is_masked,
			others_stay_as_they_are, rubbish_is_survived);
	return check_main(s);
}
