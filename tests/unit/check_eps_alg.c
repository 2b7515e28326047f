#include "eps_alg.h"

#include <string.h>

#include "check_main.h"
#include "crypto.h"
#include "vectors.h"

static struct crypto *c;
static const uint8_t key[16] = {1, 2, 3, 4};

static void setup(void)
{
	c = crypto_new();
	ck_assert_ptr_nonnull(c);
}

static void teardown(void)
{
	crypto_free(c);
}

static void clear_tail(uint8_t *b, size_t bits)
{
	if (bits % 8)
		b[bits / 8] &= (uint8_t)(0xff00 >> bits % 8);
}

/* The data of an entry ends inside an octet; what follows in it is not told. */
static void check_eea2(struct vectors *v, const json_t *t)
{
	struct octets k = vec_octets(v, t, "key"), in = vec_octets(v, t, "plaintext");
	struct octets want = vec_octets(v, t, "ciphertext");
	size_t bits = vec_number(t, "length_bits");
	uint32_t count = (uint32_t)vec_hex_number(t, "count");
	uint8_t bearer = (uint8_t)vec_number(t, "bearer");
	uint8_t direction = (uint8_t)vec_number(t, "direction");
	uint8_t out[512];

	ck_assert_uint_eq(in.len, (bits + 7) / 8);
	ck_assert_uint_le(in.len, sizeof out);
	ck_ok(eea_apply(c, EEA2, k.b, count, bearer, direction, in.b, out, in.len));
	clear_tail(out, bits);
	clear_tail(want.b, bits);
	ck_assert_mem_eq(out, want.b, want.len);
	ck_ok(eea_apply(c, EEA2, k.b, count, bearer, direction, out, out, in.len));
	clear_tail(out, bits);
	clear_tail(in.b, bits);
	ck_assert_mem_eq(out, in.b, in.len);
}

START_TEST(eea2)
{
	struct vectors *v = vectors_load("eea2");
	unsigned ran = 0;

	for (size_t i = 0; i < vectors_count(v); i++, ran++)
		check_eea2(v, vectors_at(v, i));
	ck_assert_uint_eq(ran, 6);
	vectors_free(v);
}
END_TEST

START_TEST(eia2)
{
	struct vectors *v = vectors_load("eia2");
	unsigned whole = 0, part = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);
		struct octets k = vec_octets(v, t, "key"), msg = vec_octets(v, t, "message");
		size_t bits = vec_number(t, "length_bits");
		uint32_t count = (uint32_t)vec_hex_number(t, "count");
		uint8_t bearer = (uint8_t)vec_number(t, "bearer");
		uint8_t direction = (uint8_t)vec_number(t, "direction");
		uint8_t want[4], mac[4];

		vec_fixed(t, "mac", want, 4);
		ck_ok(eia_mac_bits(c, EIA2, k.b, count, bearer, direction, msg.b, bits, mac));
		ck_assert_mem_eq(mac, want, 4);
		if (bits % 8) {
			part++;
			continue;
		}
		ck_ok(eia_mac(c, EIA2, k.b, count, bearer, direction, msg.b, msg.len, NULL, 0,
			      mac));
		ck_assert_mem_eq(mac, want, 4);
		whole++;
	}
	ck_assert_uint_eq(whole, 3);
	ck_assert_uint_eq(part, 5);
	vectors_free(v);
}
END_TEST

/* A PDCP PDU put together by hand, of any bearer: MAC-I over header and plaintext, then ciphering
 * of data and MAC-I (TS 36.323 5.6, 5.7). */
static void check_pdcp_pdu(struct vectors *v, const json_t *t, bool srb)
{
	struct octets in = vec_octets(v, t, "sdu"), want = vec_octets(v, t, "pdu");
	uint8_t direction = (uint8_t)vec_number(t, "direction");
	uint8_t bearer = (uint8_t)vec_number(t, "bearer");
	uint32_t count = (uint32_t)vec_hex_number(t, "count");
	size_t header = srb ? 1 : 2, len = in.len;
	uint8_t k[16], mac[4], out[64];

	memcpy(out, in.b, in.len);
	if (srb) {
		vec_fixed(t, "krrc_int", k, 16);
		vec_fixed(t, "mac_i", mac, 4);
		ck_ok(eia_mac(c, EIA2, k, count, bearer, direction, want.b, 1, in.b, in.len,
			      out + in.len));
		ck_assert_mem_eq(out + in.len, mac, 4);
		len += 4;
	}
	vec_fixed(t, srb ? "krrc_enc" : "kup_enc", k, 16);
	ck_ok(eea_apply(c, EEA2, k, count, bearer, direction, out, out, len));
	ck_assert_uint_eq(header + len, want.len);
	ck_assert_mem_eq(out, want.b + header, len);
}

START_TEST(pdcp_pdus)
{
	struct vectors *v = vectors_load("computed-nas-pdcp-pdus");
	unsigned srb = 0, drb = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);
		bool is_srb = vec_starts(t, "name", "PDCP SRB");

		if (!vec_starts(t, "name", "PDCP ") || !strstr(vec_text(t, "name"), "alg 2"))
			continue;
		check_pdcp_pdu(v, t, is_srb);
		*(is_srb ? &srb : &drb) += 1;
	}
	ck_assert_uint_eq(srb, 8);
	ck_assert_uint_eq(drb, 8);
	vectors_free(v);
}
END_TEST

START_TEST(eia2_pieces)
{
	uint8_t msg[120], want[4], mac[4];

	for (unsigned i = 0; i < sizeof msg; i++)
		msg[i] = (uint8_t)(i * 7);
	ck_ok(eia_mac(c, EIA2, key, 1, 2, 1, msg, sizeof msg, NULL, 0, want));
	for (size_t cut = 0; cut <= EIA_HEADER_MAX; cut++) {
		ck_ok(eia_mac(c, EIA2, key, 1, 2, 1, msg, cut, msg + cut, sizeof msg - cut, mac));
		ck_assert_mem_eq(mac, want, 4);
	}
	ck_err(eia_mac(c, EIA2, key, 1, 2, 1, msg, EIA_HEADER_MAX + 1, msg, 1, mac),
	       KH_E_BAD_FIELD);
	ck_ok(eia_mac(c, EIA2, key, 1, 2, 1, NULL, 0, NULL, 0, mac));
	ck_ok(eia_mac_bits(c, EIA2, key, 1, 2, 1, NULL, 0, want));
	ck_assert_mem_eq(mac, want, 4);
}
END_TEST

/* Each input of the algorithms counts. */
START_TEST(inputs)
{
	static const struct {
		uint32_t count;
		uint8_t bearer, direction;
	} in[] = {{0, 0, 0}, {1, 0, 0}, {0x80000000, 0, 0}, {0, 1, 0}, {0, 31, 0}, {0, 0, 1}};
	uint8_t stream[6][16], mac[6][4], zero[16] = {0};

	for (unsigned i = 0; i < 6; i++) {
		ck_ok(eea_apply(c, EEA2, key, in[i].count, in[i].bearer, in[i].direction, zero,
				stream[i], 16));
		ck_ok(eia_mac(c, EIA2, key, in[i].count, in[i].bearer, in[i].direction, zero, 16,
			      NULL, 0, mac[i]));
		for (unsigned j = 0; j < i; j++) {
			ck_assert_mem_ne(stream[i], stream[j], 16);
			ck_assert_mem_ne(mac[i], mac[j], 4);
		}
	}
}
END_TEST

START_TEST(eea0_copies)
{
	uint8_t in[5] = "abcd", out[5] = "";

	ck_ok(eea_apply(c, EEA0, key, 1, 1, 1, in, out, 5));
	ck_assert_mem_eq(in, out, 5);
	ck_ok(eea_apply(c, EEA0, key, 1, 1, 1, in, in, 5));
	ck_ok(eea_apply(c, EEA0, key, 1, 1, 1, NULL, NULL, 0));
}
END_TEST

START_TEST(not_built_in)
{
	uint8_t b[4] = "abc", mac[4] = "xyz";

	for (unsigned id = 0; id < 256; id++) {
		bool eea = id == 0 || id == 2, eia = id == 2;
		uint8_t alg = (uint8_t)id;

		ck_assert_int_eq(!!eea_is_supported(alg), eea);
		ck_assert_int_eq(!!eia_is_supported(alg), eia);
		if (!eea)
			ck_err(eea_apply(c, alg, key, 0, 0, 0, b, b, 4), KH_E_NO_COMMON_ALGORITHM);
		if (eia)
			continue;
		ck_err(eia_mac(c, alg, key, 0, 0, 0, b, 4, NULL, 0, mac), KH_E_NO_COMMON_ALGORITHM);
		ck_err(eia_mac_bits(c, alg, key, 0, 0, 0, b, 31, mac), KH_E_NO_COMMON_ALGORITHM);
		ck_assert_mem_eq(mac, "xyz", 4);
	}
}
END_TEST

START_TEST(choice)
{
	static const uint8_t order[] = {3, 2, 1, 0}, null_first[] = {0, 2}, zuc[] = {3},
			     odd[] = {200};

	ck_assert_int_eq(eps_alg_choose(order, 4, 0xf, 0), EEA2);
	ck_assert_int_eq(eps_alg_choose(order, 4, 0xf, 1), EIA2);
	ck_assert_int_eq(eps_alg_choose(order, 4, 1, 0), EEA0);
	ck_assert_int_eq(eps_alg_choose(order, 4, 1, 1), -1); /* EIA0 never */
	ck_assert_int_eq(eps_alg_choose(null_first, 2, 0x5, 0), EEA0);
	ck_assert_int_eq(eps_alg_choose(null_first, 2, 0x5, 1), EIA2);
	ck_assert_int_eq(eps_alg_choose(order, 4, 0xa, 0), -1);
	ck_assert_int_eq(eps_alg_choose(zuc, 1, 0xf, 0), -1);
	ck_assert_int_eq(eps_alg_choose(odd, 1, 0xffffffff, 0), -1);
	ck_assert_int_eq(eps_alg_choose(order, 0, 0xf, 0), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("eps_alg");

	CHECK_CASE_WITH(s, "vectors", setup, teardown, eea2, eia2, pdcp_pdus);
	CHECK_CASE_WITH(s, "use", setup, teardown, eia2_pieces, inputs, eea0_copies, not_built_in,
			choice);
	return check_main(s);
}
