#include "wrap.h"

#include <string.h>

#include "check_main.h"
#include "vectors.h"
#include "crypto.h"

static struct crypto *c;
static struct mme_enb_key key;
static struct kenb kenb[2]; /* 16 and 32 octets */
static const struct wrap_binding binding = {
	.mme_ue_id = 0x11223344, .generation = 7, .source_enb_id = 0xa1, .target_enb_id = 1};
static const enum wrap_type types[] = {WRAP_AES_GCM, WRAP_AES_KW, WRAP_AES_BLOCK};

static void setup(void)
{
	c = crypto_new();
	ck_assert_ptr_nonnull(c);
	key = (struct mme_enb_key){.len = 32, .id = 3};
	kenb[0].len = 16;
	kenb[1].len = 32;
	for (unsigned i = 0; i < 32; i++) {
		key.b[i] = (uint8_t)(i + 1);
		kenb[0].b[i] = i < 16 ? (uint8_t)(0x80 + i) : 0;
		kenb[1].b[i] = (uint8_t)(0xc0 + i);
	}
}

static void teardown(void)
{
	crypto_free(c);
}

static bool is_wiped(const struct kenb *k)
{
	static const struct kenb wiped;

	return memcmp(k, &wiped, sizeof wiped) == 0;
}

/* What the vector says stands on the wire. */
static size_t wire_form(struct vectors *v, const json_t *t, uint8_t out[static WRAP_MAX_LEN])
{
	static const char *const gcm_parts[] = {"nonce", "ciphertext", "tag"};
	static const char *const whole[] = {"wrapped"};
	bool gcm = vec_has(t, "nonce");
	size_t len = 0;

	for (unsigned i = 0; i < (gcm ? 3 : 1); i++) {
		struct octets part = vec_octets(v, t, gcm ? gcm_parts[i] : whole[i]);

		memcpy(out + len, part.b, part.len);
		len += part.len;
	}
	return len;
}

static void check_vector(struct vectors *v, const json_t *t)
{
	enum wrap_type type = wrap_parse(vec_text(t, "wrap"));
	struct octets k = vec_octets(v, t, "mme_enb_key"), inner = vec_octets(v, t, "kenb");
	struct mme_enb_key mek = {.len = (uint8_t)k.len};
	struct kenb in = {.len = (uint8_t)inner.len}, back;
	struct wrap_binding b = {0};
	uint64_t counter = 0;
	uint8_t want[WRAP_MAX_LEN], out[WRAP_MAX_LEN];
	size_t len, want_len = wire_form(v, t, want);

	memcpy(mek.b, k.b, k.len);
	memcpy(in.b, inner.b, inner.len);
	if (type == WRAP_AES_GCM) {
		b.mme_ue_id = (uint32_t)vec_number(t, "mme_ue_id");
		b.generation = vec_number(t, "generation");
		b.source_enb_id = (uint32_t)vec_number(t, "source_enb_id");
		b.target_enb_id = (uint32_t)vec_number(t, "target_enb_id");
		mek.id = (uint32_t)vec_number(t, "key_id");
		counter = vec_number(t, "counter");
	}
	ck_ok(wrap_seal(c, type, &mek, counter, &b, &in, out, &len));
	ck_assert_uint_eq(len, want_len);
	ck_assert_uint_eq(len, wrap_len(type, in.len));
	ck_assert_mem_eq(out, want, len);
	ck_ok(wrap_open(c, type, &mek, &b, want, want_len, &back));
	ck_assert_uint_eq(back.len, in.len);
	ck_assert_mem_eq(back.b, in.b, 32);
}

START_TEST(known_answers)
{
	struct vectors *v = vectors_load("computed-keyhop-wrap");
	unsigned ran[4] = {0};

	for (size_t i = 0; i < vectors_count(v); i++) {
		check_vector(v, vectors_at(v, i));
		ran[wrap_parse(vec_text(vectors_at(v, i), "wrap"))]++;
	}
	ck_assert_uint_eq(ran[0], 0);
	ck_assert_uint_eq(ran[WRAP_AES_GCM], 8);
	ck_assert_uint_eq(ran[WRAP_AES_KW], 4);
	ck_assert_uint_eq(ran[WRAP_AES_BLOCK], 2);
	vectors_free(v);
}
END_TEST

START_TEST(names)
{
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(wrap_parse(wrap_name(types[i])), types[i]);
		ck_assert_int_eq(wrap_warning(types[i]) == NULL, types[i] == WRAP_AES_GCM);
	}
	ck_assert_str_eq(wrap_name(WRAP_AES_GCM), "aes-gcm");
	ck_assert_str_eq(wrap_name(WRAP_AES_KW), "aes-kw");
	ck_assert_str_eq(wrap_name(WRAP_AES_BLOCK), "aes-block");
	ck_assert_int_eq(wrap_parse("aes"), 0);
	ck_assert_int_eq(wrap_parse(""), 0);
	ck_assert_str_eq(wrap_name((enum wrap_type)0), "unknown");
	ck_assert_str_eq(wrap_name((enum wrap_type)4), "unknown");
	ck_assert_ptr_null(wrap_warning((enum wrap_type)9));
}
END_TEST

START_TEST(lengths)
{
	ck_assert_uint_eq(wrap_len(WRAP_AES_GCM, 16), 44);
	ck_assert_uint_eq(wrap_len(WRAP_AES_GCM, 32), WRAP_MAX_LEN);
	ck_assert_uint_eq(wrap_len(WRAP_AES_KW, 16), 24);
	ck_assert_uint_eq(wrap_len(WRAP_AES_KW, 32), 40);
	ck_assert_uint_eq(wrap_len(WRAP_AES_BLOCK, 16), 16);
	ck_assert_uint_eq(wrap_len(WRAP_AES_BLOCK, 32), 0);
	ck_assert_uint_eq(wrap_len(WRAP_AES_GCM, 24), 0);
	ck_assert_uint_eq(wrap_len((enum wrap_type)0, 16), 0);
}
END_TEST

START_TEST(every_flip_is_refused)
{
	static const enum wrap_type with_integrity[] = {WRAP_AES_GCM, WRAP_AES_KW};
	unsigned flips = 0;

	for (unsigned i = 0; i < 4; i++) {
		enum wrap_type type = with_integrity[i / 2];
		uint8_t wire[WRAP_MAX_LEN];
		struct kenb out;
		size_t len;

		ck_ok(wrap_seal(c, type, &key, 5, &binding, &kenb[i % 2], wire, &len));
		for (size_t bit = 0; bit < 8 * len; bit++, flips++) {
			memset(&out, 0xa5, sizeof out);
			wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
			ck_err(wrap_open(c, type, &key, &binding, wire, len, &out),
			       KH_E_UNWRAP_FAILED);
			ck_assert(is_wiped(&out));
			wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		ck_ok(wrap_open(c, type, &key, &binding, wire, len, &out));
	}
	ck_assert_uint_eq(flips, 8 * (44 + 60 + 24 + 40));
}
END_TEST

/* The contribution's own example has no integrity: every flip opens, to another key. */
START_TEST(aes_block_takes_every_flip)
{
	uint8_t wire[WRAP_MAX_LEN];
	struct kenb out;
	size_t len;

	ck_ok(wrap_seal(c, WRAP_AES_BLOCK, &key, 0, &binding, &kenb[0], wire, &len));
	for (size_t bit = 0; bit < 8 * len; bit++) {
		wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
		ck_ok(wrap_open(c, WRAP_AES_BLOCK, &key, &binding, wire, len, &out));
		ck_assert_uint_eq(out.len, 16);
		ck_assert_mem_ne(out.b, kenb[0].b, 16);
		wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}
END_TEST

START_TEST(binding_is_part_of_it)
{
	struct wrap_binding wrong[4] = {binding, binding, binding, binding};

	wrong[0].mme_ue_id++;
	wrong[1].generation--;
	wrong[2].source_enb_id = 0xa2;
	wrong[3].target_enb_id = 2;
	for (unsigned i = 0; i < 3; i++) {
		uint8_t wire[WRAP_MAX_LEN];
		struct kenb out;
		size_t len;

		ck_ok(wrap_seal(c, types[i], &key, 9, &binding, &kenb[0], wire, &len));
		for (unsigned j = 0; j < 4; j++) {
			int err = wrap_open(c, types[i], &key, &wrong[j], wire, len, &out);

			/* The other forms are bound to nothing, which is their weakness. */
			ck_err(err, types[i] == WRAP_AES_GCM ? KH_E_UNWRAP_FAILED : KH_OK);
			ck_assert(types[i] != WRAP_AES_GCM || is_wiped(&out));
		}
	}
}
END_TEST

START_TEST(wrong_key)
{
	struct mme_enb_key other = key, renamed = key;
	uint8_t wire[WRAP_MAX_LEN];
	struct kenb out;
	size_t len;

	other.b[31] ^= 1;
	renamed.id++;
	for (unsigned i = 0; i < 3; i++) {
		bool block = types[i] == WRAP_AES_BLOCK;

		ck_ok(wrap_seal(c, types[i], &key, 1, &binding, &kenb[0], wire, &len));
		ck_err(wrap_open(c, types[i], &other, &binding, wire, len, &out),
		       block ? KH_OK : KH_E_UNWRAP_FAILED);
		ck_assert_mem_ne(out.b, kenb[0].b, 16);
	}
	ck_ok(wrap_seal(c, WRAP_AES_GCM, &key, 1, &binding, &kenb[0], wire, &len));
	ck_err(wrap_open(c, WRAP_AES_GCM, &renamed, &binding, wire, len, &out), KH_E_UNWRAP_FAILED);
	wire[3]++; /* the key id in the nonce as well: the tag still knows better */
	ck_err(wrap_open(c, WRAP_AES_GCM, &renamed, &binding, wire, len, &out), KH_E_UNWRAP_FAILED);
}
END_TEST

/* Even from one who holds the key: the nonces of two key ids must never meet. */
START_TEST(nonce_of_another_key_id)
{
	static const uint8_t aad[] = "keyhop-kenb\1\x11\x22\x33\x44\0\0\0\0\0\0\0\7"
				     "\0\0\0\xa1\0\0\0\1\0\0\0\3";
	uint8_t wire[44] = {0, 0, 0, 3};
	struct kenb out;

	for (int other = 0; other < 2; other++) {
		wire[3] = other ? 4 : 3;
		ck_ok(crypto_gcm_seal(c, key.b, key.len, wire, 12, aad, sizeof aad - 1, kenb[0].b,
				      16, wire + 12, wire + 28));
		ck_err(wrap_open(c, WRAP_AES_GCM, &key, &binding, wire, sizeof wire, &out),
		       other ? KH_E_UNWRAP_FAILED : KH_OK);
	}
}
END_TEST

START_TEST(nonce_layout_and_use)
{
	uint8_t a[WRAP_MAX_LEN], b[WRAP_MAX_LEN];
	size_t len;

	key.id = 0x01020304;
	ck_ok(wrap_seal(c, WRAP_AES_GCM, &key, 0x1112131415161718, &binding, &kenb[0], a, &len));
	ck_assert_mem_eq(a, "\x01\x02\x03\x04\x11\x12\x13\x14\x15\x16\x17\x18", 12);
	ck_ok(wrap_seal(c, WRAP_AES_GCM, &key, 0x1112131415161719, &binding, &kenb[0], b, &len));
	ck_assert_mem_ne(a + 12, b + 12, 16);
}
END_TEST

START_TEST(every_other_length_is_a_mismatch)
{
	uint8_t wire[80] = {0};
	unsigned refused = 0;
	struct kenb out;

	for (unsigned i = 0; i < 3; i++)
		for (size_t len = 0; len <= sizeof wire; len++) {
			if (len && (len == wrap_len(types[i], 16) || len == wrap_len(types[i], 32)))
				continue;
			memset(&out, 0xa5, sizeof out);
			ck_err(wrap_open(c, types[i], &key, &binding, wire, len, &out),
			       KH_E_WRAP_MISMATCH);
			ck_assert(is_wiped(&out));
			refused++;
		}
	ck_assert_uint_eq(refused, 3 * 81 - 5);
}
END_TEST

START_TEST(combinations_that_do_not_exist)
{
	struct kenb odd = {.len = 24};
	uint8_t wire[WRAP_MAX_LEN];
	size_t len = 77;

	ck_err(wrap_seal(c, WRAP_AES_BLOCK, &key, 0, &binding, &kenb[1], wire, &len),
	       KH_E_BAD_FIELD);
	ck_err(wrap_seal(c, WRAP_AES_GCM, &key, 0, &binding, &odd, wire, &len), KH_E_BAD_FIELD);
	ck_err(wrap_seal(c, (enum wrap_type)0, &key, 0, &binding, &kenb[0], wire, &len),
	       KH_E_BAD_FIELD);
	ck_err(wrap_seal(c, (enum wrap_type)4, &key, 0, &binding, &kenb[0], wire, &len),
	       KH_E_BAD_FIELD);
	ck_err(wrap_open(c, (enum wrap_type)4, &key, &binding, wire, 44, &odd), KH_E_WRAP_MISMATCH);
	ck_assert_uint_eq(len, 77);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wrap");

	CHECK_CASE_WITH(s, "forms", setup, teardown, known_answers, names, lengths,
			nonce_layout_and_use);
	CHECK_CASE_WITH(s, "refusals", setup, teardown, every_flip_is_refused,
			aes_block_takes_every_flip, binding_is_part_of_it, wrong_key,
			nonce_of_another_key_id, every_other_length_is_a_mismatch,
			combinations_that_do_not_exist);
	return check_main(s);
}
