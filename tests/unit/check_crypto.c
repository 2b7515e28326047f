#include "crypto.h"

#include <string.h>

#include "check_main.h"
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

START_TEST(aes_block)
{
	struct vectors *v = vectors_load("aes-block");
	unsigned ran = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);
		struct octets key = vec_octets(v, t, "key"), in = vec_octets(v, t, "plaintext");
		uint8_t want[16], out[16];

		vec_fixed(t, "ciphertext", want, 16);
		if (key.len == 24) { /* no use for AES-192 outside of key wrap */
			ck_err(crypto_aes_encrypt(c, key.b, key.len, in.b, out, 1), KH_E_INTERNAL);
			continue;
		}
		ck_ok(crypto_aes_encrypt(c, key.b, key.len, in.b, out, 1));
		ck_assert_mem_eq(out, want, 16);
		ck_ok(crypto_aes_decrypt(c, key.b, key.len, out, out, 1));
		ck_assert_mem_eq(out, in.b, 16);
		ran++;
	}
	ck_assert_uint_eq(ran, 50);
	vectors_free(v);
}
END_TEST

START_TEST(aes_blocks)
{
	uint8_t key[32], in[80], out[80], one[16];

	for (unsigned i = 0; i < 80; i++)
		in[i] = (uint8_t)i;
	memset(key, 7, sizeof key);
	for (size_t key_len = 16; key_len <= 32; key_len += 16) {
		ck_ok(crypto_aes_encrypt(c, key, key_len, in, out, 5));
		for (unsigned i = 0; i < 5; i++) {
			ck_ok(crypto_aes_encrypt(c, key, key_len, in + 16 * i, one, 1));
			ck_assert_mem_eq(out + 16 * i, one, 16);
		}
		ck_ok(crypto_aes_decrypt(c, key, key_len, out, out, 5));
		ck_assert_mem_eq(out, in, 80);
	}
	ck_ok(crypto_aes_encrypt(c, key, 16, in, out, 0));
	ck_assert_mem_eq(out, in, 80);
}
END_TEST

/* CTR as a definition: the key stream is AES of the counter, which carries over all 16 octets. */
START_TEST(aes_ctr)
{
	uint8_t key[16], iv[16], counter[16], stream[64], in[61], out[61];

	memset(key, 0x3c, 16);
	memset(iv, 0xff, 16);
	iv[0] = 0x12;
	iv[15] = 0xfe;
	memcpy(counter, iv, 16);
	for (unsigned i = 0; i < 4; i++) {
		ck_ok(crypto_aes_encrypt(c, key, 16, counter, stream + 16 * i, 1));
		for (int j = 15; j >= 0 && ++counter[j] == 0; j--)
			;
	}
	for (unsigned i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(3 * i);
	for (size_t len = 0; len <= sizeof in; len++) {
		ck_ok(crypto_aes_ctr(c, key, iv, in, out, len));
		for (unsigned i = 0; i < len; i++)
			ck_assert_uint_eq(out[i], in[i] ^ stream[i]);
	}
	ck_ok(crypto_aes_ctr(c, key, iv, out, out, sizeof out));
	ck_assert_mem_eq(out, in, sizeof in);
}
END_TEST

START_TEST(cmac)
{
	struct vectors *v = vectors_load("aes-cmac-rfc4493");
	unsigned valid = 0, invalid = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);
		struct octets key = vec_octets(v, t, "key"), msg = vec_octets(v, t, "message");
		uint8_t want[16], mac[16];

		vec_fixed(t, "mac", want, 16);
		ck_ok(crypto_cmac(c, key.b, key.len, msg.b, msg.len, NULL, 0, mac));
		ck_assert_int_eq(memcmp(mac, want, 16) == 0, vec_is_valid(t));
		*(vec_is_valid(t) ? &valid : &invalid) += 1;
		for (size_t cut = 0; cut <= msg.len; cut += 7) { /* two pieces are one message */
			uint8_t again[16];

			ck_ok(crypto_cmac(c, key.b, key.len, msg.b, cut, msg.b + cut, msg.len - cut,
					  again));
			ck_assert_mem_eq(mac, again, 16);
		}
	}
	ck_assert_uint_eq(valid, 54);
	ck_assert_uint_eq(invalid, 162);
	vectors_free(v);
}
END_TEST

static bool is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void check_gcm(struct vectors *v, const json_t *t)
{
	struct octets key = vec_octets(v, t, "key"), iv = vec_octets(v, t, "iv");
	struct octets aad = vec_octets(v, t, "aad"), ciphertext = vec_octets(v, t, "ciphertext");
	uint8_t want_tag[16], tag[16], out[1024];
	int err;

	vec_fixed(t, "tag", want_tag, 16);
	ck_assert_uint_le(ciphertext.len, sizeof out);
	memset(out, 0xa5, sizeof out);
	err = crypto_gcm_open(c, key.b, key.len, iv.b, iv.len, aad.b, aad.len, ciphertext.b,
			      ciphertext.len, want_tag, out);
	if (!vec_is_valid(t)) {
		ck_err(err, KH_E_UNWRAP_FAILED);
		ck_assert(is_zero(out, ciphertext.len));
		return;
	}
	struct octets plain = vec_octets(v, t, "plaintext");

	ck_ok(err);
	ck_assert_uint_eq(plain.len, ciphertext.len);
	ck_assert_int_eq(memcmp(out, plain.b, plain.len), 0);
	ck_ok(crypto_gcm_seal(c, key.b, key.len, iv.b, iv.len, aad.b, aad.len, out, plain.len, out,
			      tag));
	ck_assert_int_eq(memcmp(out, ciphertext.b, ciphertext.len), 0);
	ck_assert_mem_eq(tag, want_tag, 16);
}

START_TEST(gcm)
{
	struct vectors *v = vectors_load("aes-gcm");
	unsigned valid = 0, invalid = 0, other_iv = 0, aes_192 = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);

		if (strlen(vec_text(t, "key")) == 48) {
			aes_192++;
			continue;
		}
		check_gcm(v, t);
		*(vec_is_valid(t) ? &valid : &invalid) += 1;
		other_iv += strlen(vec_text(t, "iv")) != 24;
	}
	ck_assert_uint_eq(valid, 171);
	ck_assert_uint_eq(invalid, 104);
	ck_assert_uint_eq(other_iv, 4);
	ck_assert_uint_eq(aes_192, 6);
	vectors_free(v);
}
END_TEST

START_TEST(gcm_limits)
{
	uint8_t b[80] = {0}, tag[16];

	ck_err(crypto_gcm_seal(c, b, 16, b, 0, NULL, 0, b, 16, b, tag), KH_E_INTERNAL);
	ck_err(crypto_gcm_seal(c, b, 16, b, 65, NULL, 0, b, 16, b, tag), KH_E_INTERNAL);
	ck_err(crypto_gcm_seal(c, b, 24, b, 12, NULL, 0, b, 16, b, tag), KH_E_INTERNAL);
	ck_err(crypto_gcm_open(c, b, 24, b, 12, NULL, 0, b, 16, tag, b), KH_E_INTERNAL);
	ck_ok(crypto_gcm_seal(c, b, 16, b, 64, NULL, 0, b, 16, b, tag));
}
END_TEST

static void check_key_wrap(struct vectors *v, const json_t *t)
{
	struct octets kek = vec_octets(v, t, "kek"), wrapped = vec_octets(v, t, "wrapped");
	uint8_t out[64];
	int err;

	ck_assert_uint_le(wrapped.len, sizeof out);
	memset(out, 0xa5, sizeof out);
	err = crypto_kw_open(c, kek.b, kek.len, wrapped.b, wrapped.len, out);
	if (!vec_is_valid(t)) {
		ck_err(err, KH_E_UNWRAP_FAILED);
		if (wrapped.len >= 24 && wrapped.len % 8 == 0)
			ck_assert(is_zero(out, wrapped.len - 8));
		return;
	}
	struct octets plain = vec_octets(v, t, "key_data");

	ck_ok(err);
	ck_assert_uint_eq(plain.len + 8, wrapped.len);
	ck_assert_mem_eq(out, plain.b, plain.len);
	ck_ok(crypto_kw_seal(c, kek.b, kek.len, out, plain.len, out));
	ck_assert_mem_eq(out, wrapped.b, wrapped.len);
}

START_TEST(key_wrap)
{
	struct vectors *v = vectors_load("aes-kw-rfc3394");
	unsigned valid = 0, invalid = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		check_key_wrap(v, vectors_at(v, i));
		*(vec_is_valid(vectors_at(v, i)) ? &valid : &invalid) += 1;
	}
	ck_assert_uint_eq(valid, 92);
	ck_assert_uint_eq(invalid, 116);
	vectors_free(v);
}
END_TEST

START_TEST(key_wrap_limits)
{
	uint8_t b[64] = {0};

	ck_err(crypto_kw_seal(c, b, 16, b, 0, b), KH_E_INTERNAL);
	ck_err(crypto_kw_seal(c, b, 16, b, 8, b), KH_E_INTERNAL);
	ck_err(crypto_kw_seal(c, b, 16, b, 17, b), KH_E_INTERNAL);
	ck_err(crypto_kw_seal(c, b, 15, b, 16, b), KH_E_INTERNAL);
	ck_err(crypto_kw_open(c, b, 20, b, 24, b), KH_E_INTERNAL);
}
END_TEST

START_TEST(hmac)
{
	struct vectors *v = vectors_load("hmac-sha256-rfc4231");
	unsigned ran = 0;

	for (size_t i = 0; i < vectors_count(v); i++, ran++) {
		const json_t *t = vectors_at(v, i);
		struct octets key = vec_octets(v, t, "key"), msg = vec_octets(v, t, "message");
		struct octets want = vec_octets(v, t, "mac"); /* one of them is cut to 128 bits */
		uint8_t mac[32];

		ck_assert(want.len == 32 || want.len == 16);
		ck_ok(crypto_hmac(c, key.b, key.len, msg.b, msg.len, mac));
		ck_assert_mem_eq(mac, want.b, want.len);
	}
	ck_assert_uint_eq(ran, 7);
	vectors_free(v);
}
END_TEST

START_TEST(wrong_key_lengths)
{
	static const size_t bad[] = {0, 1, 15, 17, 24, 31, 33, 64};
	uint8_t b[64] = {0}, mac[32];

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_err(crypto_aes_encrypt(c, b, bad[i], b, b, 1), KH_E_INTERNAL);
		ck_err(crypto_aes_decrypt(c, b, bad[i], b, b, 1), KH_E_INTERNAL);
		ck_err(crypto_cmac(c, b, bad[i], b, 16, NULL, 0, mac), KH_E_INTERNAL);
	}
	ck_err(crypto_hmac(c, b, 0, b, 1, mac), KH_E_INTERNAL);
}
END_TEST

START_TEST(forget)
{
	uint8_t key[32], in[48], before[4][48], after[4][48], tag[16];

	memset(key, 0x61, sizeof key);
	memset(in, 0x62, sizeof in);
	for (unsigned round = 0; round < 2; round++) {
		uint8_t(*out)[48] = round ? after : before;

		memset(out, 0, sizeof before);
		ck_ok(crypto_aes_encrypt(c, key, 32, in, out[0], 3));
		ck_ok(crypto_hmac(c, key, 32, in, sizeof in, out[1]));
		ck_ok(crypto_cmac(c, key, 16, in, sizeof in, NULL, 0, out[2]));
		ck_ok(crypto_gcm_seal(c, key, 16, in, 12, NULL, 0, in, 48, out[3], tag));
		crypto_forget(c); /* every context works again afterwards */
	}
	ck_assert_mem_eq(before, after, sizeof before);
	crypto_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crypto");

	CHECK_CASE_WITH(s, "aes", setup, teardown, aes_block, aes_blocks, aes_ctr, cmac);
	CHECK_CASE_WITH(s, "gcm", setup, teardown, gcm, gcm_limits);
	CHECK_CASE_WITH(s, "key wrap", setup, teardown, key_wrap, key_wrap_limits);
	CHECK_CASE_WITH(s, "keys", setup, teardown, hmac, wrong_key_lengths, forget);
	return check_main(s);
}
