#include "kdf.h"

#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "crypto.h"
#include "vectors.h"

static struct crypto *c;

static void setup(void)
{
	c = crypto_new();
	ck_assert_ptr_nonnull(c);
}

static void teardown(void)
{
	crypto_free(c);
}

static void get_kasme(const json_t *t, const char *member, struct kasme *out)
{
	vec_fixed(t, member, out->b, sizeof out->b);
}

/* One entry of kdf-ts33401: output is checked by the caller. */
static void run_ts33401(const json_t *t, uint8_t out[static 32])
{
	uint8_t octets[32];
	struct kasme kasme;

	if (vec_starts(t, "function", "A.2")) {
		struct cipher_key ck;
		struct integrity_key ik;
		struct plmn sn_id;

		vec_fixed(t, "ck", ck.b, 16);
		vec_fixed(t, "ik", ik.b, 16);
		vec_fixed(t, "sn_id", sn_id.b, 3);
		vec_fixed(t, "sqn_xor_ak", octets, 6);
		ck_ok(kdf_kasme(c, &ck, &ik, &sn_id, octets, &kasme));
		memcpy(out, kasme.b, 32);
		return;
	}
	get_kasme(t, "key", &kasme);
	if (vec_starts(t, "function", "A.3")) {
		struct kenb kenb;

		ck_ok(kdf_kenb_initial(c, &kasme, (uint32_t)vec_hex_number(t, "uplink_nas_count"),
				       &kenb));
		ck_assert_uint_eq(kenb.len, 32);
		memcpy(out, kenb.b, 32);
	} else if (vec_starts(t, "function", "A.4")) {
		vec_fixed(t, "sync_input", octets, 32);
		ck_ok(kdf_nh(c, &kasme, octets, out));
	} else if (vec_starts(t, "function", "A.5")) {
		ck_ok(kdf_kenb_star(c, kasme.b, (uint16_t)vec_number(t, "pci"),
				    (uint32_t)vec_number(t, "earfcn_dl"), out));
	} else {
		ck_assert(vec_starts(t, "function", "A.7"));
		ck_ok(kdf_algorithm_key(c, kasme.b, 32,
					(uint8_t)vec_number(t, "algorithm_type_distinguisher"),
					(uint8_t)vec_number(t, "algorithm_identity"), out));
	}
}

START_TEST(ts33401)
{
	struct vectors *v = vectors_load("kdf-ts33401");
	unsigned ran = 0;

	for (size_t i = 0; i < vectors_count(v); i++, ran++) {
		uint8_t want[32], out[32];

		run_ts33401(vectors_at(v, i), out);
		vec_fixed(vectors_at(v, i), "output", want, 32);
		ck_assert_msg(memcmp(out, want, 32) == 0, "%s", vec_text(vectors_at(v, i), "name"));
	}
	ck_assert_uint_eq(ran, 36);
	vectors_free(v);
}
END_TEST

/* The typed key functions give the last 16 octets. */
START_TEST(ts33401_nas_keys)
{
	struct vectors *v = vectors_load("kdf-ts33401");
	unsigned ran = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);
		bool enc = vec_starts(t, "function", "A.7 NAS-enc");
		struct k_nas_enc k_enc;
		struct k_nas_int k_int;
		struct kasme kasme;
		uint8_t want[16], id;

		if (!vec_starts(t, "function", "A.7 NAS"))
			continue;
		get_kasme(t, "key", &kasme);
		vec_fixed(t, "key_128", want, 16);
		id = (uint8_t)vec_number(t, "algorithm_identity");
		ck_ok(kdf_nas_keys(c, &kasme, id, id, &k_enc, &k_int));
		ck_assert_mem_eq(enc ? k_enc.b : k_int.b, want, 16);
		ran++;
	}
	ck_assert_uint_eq(ran, 20);
	vectors_free(v);
}
END_TEST

static void check_as_keys(const struct kenb *kenb, uint8_t type, uint8_t id, const uint8_t *want)
{
	struct as_keys keys;

	ck_ok(kdf_as_keys(c, kenb, id, id, &keys));
	if (type == 3)
		ck_assert_mem_eq(keys.rrc_enc.b, want, 16);
	else if (type == 4)
		ck_assert_mem_eq(keys.rrc_int.b, want, 16);
	else if (type == 5)
		ck_assert_mem_eq(keys.up_enc.b, want, 16);
}

/* A.7 on the KeNB of the contribution, 16 and 32 octets. */
START_TEST(as_keys)
{
	struct vectors *v = vectors_load("computed-keyhop-as-keys");
	unsigned ran = 0;

	for (size_t i = 0; i < vectors_count(v); i++, ran++) {
		const json_t *t = vectors_at(v, i);
		struct octets key = vec_octets(v, t, "kenb");
		struct kenb kenb = {.len = (uint8_t)key.len};
		uint8_t type = (uint8_t)vec_number(t, "algorithm_type_distinguisher");
		uint8_t id = (uint8_t)vec_number(t, "algorithm_identity");
		uint8_t want[32], out[32];

		vec_fixed(t, "output", want, 32);
		memcpy(kenb.b, key.b, key.len);
		ck_ok(kdf_algorithm_key(c, key.b, key.len, type, id, out));
		ck_assert_mem_eq(out, want, 32);
		vec_fixed(t, "key_128", want, 16);
		check_as_keys(&kenb, type, id, want);
	}
	ck_assert_uint_eq(ran, 32);
	vectors_free(v);
}
END_TEST

/* PCI and EARFCN-DL of the four KeNB* of the chain, which stand in their names only. */
static const struct {
	uint16_t pci;
	uint32_t earfcn_dl;
} stars[] = {{123, 3350}, {7, 3350}, {7, 3350}, {7, 66486}};

static void check_chain_algorithm(const json_t *t, const struct kasme *kasme)
{
	static const char *const prefixes[] = {"KNAS-enc", "KNAS-int", "KRRC-enc", "KRRC-int",
					       "KUP-enc"};
	const char *step = vec_text(t, "step");
	struct kenb kenb = {.len = 32};
	uint8_t type = 1, want[32], out[32];
	unsigned id = 0;

	while (!vec_starts(t, "step", prefixes[type - 1]))
		ck_assert_uint_lt(++type, 6);
	ck_assert_int_eq(sscanf(step + strlen(prefixes[type - 1]), " alg %u", &id), 1);
	memcpy(kenb.b, kasme->b, 32);
	if (type > 2)
		vec_fixed(t, "input_key", kenb.b, 32);
	vec_fixed(t, "output", want, 32);
	ck_ok(kdf_algorithm_key(c, kenb.b, 32, type, (uint8_t)id, out));
	ck_assert_mem_eq(out, want, 32);
	vec_fixed(t, "key_128", want, 16);
	check_as_keys(&kenb, type, (uint8_t)id, want);
}

START_TEST(lte_chain)
{
	struct vectors *v = vectors_load("computed-lte-chain");
	unsigned nh = 0, star = 0, alg = 0, kenbs = 0;
	struct kasme kasme;
	struct kenb kenb;
	uint8_t key[32], want[32], out[32];

	get_kasme(vectors_at(v, 0), "kasme", &kasme); /* that AKA step is in check_milenage.c */
	for (size_t i = 1; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);

		if (vec_has(t, "nh")) {
			vec_fixed(t, "sync_input", key, 32);
			vec_fixed(t, "nh", want, 32);
			ck_ok(kdf_nh(c, &kasme, key, out));
			ck_assert_uint_eq(++nh % 8, vec_number(t, "ncc"));
		} else if (vec_has(t, "kenb_star")) {
			vec_fixed(t, "input_key", key, 32);
			vec_fixed(t, "kenb_star", want, 32);
			ck_assert_uint_lt(star, 4);
			ck_ok(kdf_kenb_star(c, key, stars[star].pci, stars[star].earfcn_dl, out));
			star++;
		} else if (vec_has(t, "kenb")) {
			vec_fixed(t, "kenb", want, 32);
			ck_ok(kdf_kenb_initial(c, &kasme, kenbs++ ? 0x105 : 0, &kenb));
			memcpy(out, kenb.b, 32);
		} else {
			check_chain_algorithm(t, &kasme);
			alg++;
			continue;
		}
		ck_assert_msg(memcmp(out, want, 32) == 0, "%s", vec_text(t, "step"));
	}
	ck_assert_uint_eq(nh, 9);
	ck_assert_uint_eq(star, 4);
	ck_assert_uint_eq(kenbs, 2);
	ck_assert_uint_eq(alg, 24);
	vectors_free(v);
}
END_TEST

static struct h_key get_h_key(struct vectors *v, const json_t *t)
{
	struct octets o = vec_octets(v, t, "h_key");
	struct h_key h = {.len = (uint8_t)o.len};

	memcpy(h.b, o.b, o.len);
	return h;
}

/* Entries of one block: form L has PLMN 000000, form P a real one. */
static void check_one_block(struct vectors *v, const json_t *t)
{
	struct h_key h = get_h_key(v, t);
	uint32_t id = (uint32_t)vec_number(t, "enb_id");
	bool literal = strcmp(vec_text(t, "form"), "L") == 0;
	struct plmn plmn = {{0}};
	struct kenb kenb;
	uint8_t want[16], out[16];

	if (!literal)
		vec_fixed(t, "plmn", plmn.b, 3);
	vec_fixed(t, "kenb", want, 16);
	ck_ok(kdf_kenb_block(c, &h, 0, &plmn, id, out));
	ck_assert_mem_eq(out, want, 16);
	if (h.len != 16 || id == 0)
		return;
	if (literal) /* the PLMN given must not matter */
		plmn = (struct plmn){{0x00, 0xf1, 0x10}};
	ck_ok(kdf_kenb(c, &h, literal ? KENB_INPUT_LITERAL : KENB_INPUT_PLMN, &plmn, id, &kenb));
	ck_assert_uint_eq(kenb.len, 16);
	ck_assert_mem_eq(kenb.b, want, 16);
}

START_TEST(kenb_vectors)
{
	static const struct plmn none;
	struct vectors *v = vectors_load("computed-keyhop-kenb");
	unsigned one = 0, two = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);
		uint8_t want[32], out[16];

		if (strcmp(vec_text(t, "form"), "W") != 0) {
			check_one_block(v, t);
			one++;
			continue;
		}
		struct h_key h = get_h_key(v, t);

		/* Counters 0 and 1 in these entries; the wire has 1 and 2, see kenb_256_bits. */
		vec_fixed(t, "kenb", want, 32);
		for (uint8_t counter = 0; counter < 2; counter++) {
			ck_ok(kdf_kenb_block(c, &h, counter, &none,
					     (uint32_t)vec_number(t, "enb_id"), out));
			ck_assert_mem_eq(out, want + 16 * counter, 16);
		}
		two++;
	}
	ck_assert_uint_eq(one, 25);
	ck_assert_uint_eq(two, 2);
	vectors_free(v);
}
END_TEST

/* The two blocks by hand: counter(1) | 00 x 8 | PLMN(3) | eNB_ID(4). */
START_TEST(kenb_256_bits)
{
	static const uint8_t blocks[2][2][16] = {
		{{1, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0xf1, 0x10, 0x01, 0x23, 0x45, 0x67},
		 {2, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0xf1, 0x10, 0x01, 0x23, 0x45, 0x67}},
		{{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x23, 0x45, 0x67},
		 {2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x23, 0x45, 0x67}},
	};
	static const enum kenb_input inputs[2] = {KENB_INPUT_PLMN, KENB_INPUT_LITERAL};
	const struct plmn plmn = {{0x00, 0xf1, 0x10}};
	struct h_key h = {.len = 32};
	struct kenb kenb;
	uint8_t want[32];

	for (unsigned i = 0; i < 32; i++)
		h.b[i] = (uint8_t)(0xf0 - i);
	for (unsigned i = 0; i < 2; i++) {
		ck_ok(crypto_aes_encrypt(c, h.b, 32, blocks[i][0], want, 2));
		ck_ok(kdf_kenb(c, &h, inputs[i], &plmn, 0x01234567, &kenb));
		ck_assert_uint_eq(kenb.len, 32);
		ck_assert_mem_eq(kenb.b, want, 32);
	}
}
END_TEST

START_TEST(kenb_differs)
{
	const struct plmn a = {{0x00, 0xf1, 0x10}}, b = {{0x00, 0xf1, 0x20}};
	struct h_key h = {.b = {1}, .len = 16}, other = {.b = {2}, .len = 16};
	struct kenb k[4];

	ck_ok(kdf_kenb(c, &h, KENB_INPUT_PLMN, &a, 1, &k[0]));
	ck_ok(kdf_kenb(c, &h, KENB_INPUT_PLMN, &a, 2, &k[1]));
	ck_ok(kdf_kenb(c, &h, KENB_INPUT_PLMN, &b, 1, &k[2]));
	ck_ok(kdf_kenb(c, &other, KENB_INPUT_PLMN, &a, 1, &k[3]));
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			ck_assert_mem_ne(k[i].b, k[j].b, 16);
}
END_TEST

START_TEST(refused)
{
	static const uint8_t bad_len[] = {0, 1, 15, 17, 24, 31};
	const struct plmn plmn = {{0x00, 0xf1, 0x10}};
	struct h_key h = {.len = 16};
	struct kenb kenb = {.len = 0};
	struct as_keys keys;
	uint8_t key[33] = {0}, out[32];

	ck_err(kdf_kenb(c, &h, KENB_INPUT_PLMN, &plmn, 0, &kenb), KH_E_BAD_FIELD);
	ck_err(kdf_kenb(c, &h, KENB_INPUT_PLMN, &plmn, 0x10000000, &kenb), KH_E_BAD_FIELD);
	ck_err(kdf_kenb(c, &h, (enum kenb_input)0, &plmn, 1, &kenb), KH_E_BAD_FIELD);
	ck_err(kdf_kenb(c, &h, (enum kenb_input)3, &plmn, 1, &kenb), KH_E_BAD_FIELD);
	for (unsigned i = 0; i < sizeof bad_len; i++) {
		h.len = kenb.len = bad_len[i];
		ck_err(kdf_as_keys(c, &kenb, 2, 2, &keys), KH_E_BAD_FIELD);
		ck_err(kdf_kenb(c, &h, KENB_INPUT_PLMN, &plmn, 1, &kenb), KH_E_BAD_FIELD);
		ck_err(kdf_algorithm_key(c, key, bad_len[i], 1, 2, out), KH_E_BAD_FIELD);
	}
	ck_err(kdf_algorithm_key(c, key, 32, 0, 2, out), KH_E_BAD_FIELD);
	ck_err(kdf_algorithm_key(c, key, 32, 7, 2, out), KH_E_BAD_FIELD);
	ck_err(kdf_algorithm_key(c, key, 32, 1, 16, out), KH_E_BAD_FIELD);
	ck_err(kdf_kenb_star(c, key, 1, 0x1000000, out), KH_E_BAD_FIELD);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kdf");

	CHECK_CASE_WITH(s, "TS 33.401", setup, teardown, ts33401, ts33401_nas_keys, lte_chain,
			as_keys);
	CHECK_CASE_WITH(s, "KeNB[eNB_ID]", setup, teardown, kenb_vectors, kenb_256_bits,
			kenb_differs, refused);
	return check_main(s);
}
