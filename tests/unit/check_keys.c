#include "keys.h"

#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "crypto.h"
#include "err.h"

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

static const char *const names[] = {"k",	 "opc",	      "kasme",	 "k_nas_enc",
				    "k_nas_int", "h_key",     "kenb",	 "mme_enb_key",
				    "k_rrc_enc", "k_rrc_int", "k_up_enc"};

START_TEST(kind_names)
{
	ck_assert_int_eq(KEY_KIND_COUNT, 11);
	for (unsigned i = 0; i < KEY_KIND_COUNT; i++)
		ck_assert_str_eq(key_kind_name((enum key_kind)i), names[i]);
	ck_assert_str_eq(key_kind_name(KEY_KIND_COUNT), "unknown");
}
END_TEST

/* HMAC-SHA-256("keyhop-fingerprint", name | key), first 4 octets. */
START_TEST(fingerprints)
{
	static const char label[] = "keyhop-fingerprint";
	uint8_t key[32], msg[64], mac[EVP_MAX_MD_SIZE];
	char want[FINGERPRINT_LEN], got[FINGERPRINT_LEN];
	unsigned ran = 0;

	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(0x10 + i);
	for (unsigned kind = 0; kind < KEY_KIND_COUNT; kind++)
		for (size_t len = 16; len <= 32; len += 16, ran++) {
			size_t n = strlen(names[kind]);

			memcpy(msg, names[kind], n);
			memcpy(msg + n, key, len);
			ck_assert_ptr_nonnull(HMAC(EVP_sha256(), label, (int)strlen(label), msg,
						   n + len, mac, NULL));
			snprintf(want, sizeof want, "%02x%02x%02x%02x", mac[0], mac[1], mac[2],
				 mac[3]);
			key_fingerprint(c, (enum key_kind)kind, key, len, got);
			ck_assert_str_eq(got, want);
		}
	ck_assert_uint_eq(ran, 22);
}
END_TEST

/* One written down, so that no other place of the project can drift with this one. */
START_TEST(fingerprint_known_answer)
{
	char got[FINGERPRINT_LEN];
	uint8_t key[33] = {0};

	key_fingerprint(c, KEY_KENB, key, 16, got);
	ck_assert_str_eq(got, "7392b6b7");
	key_fingerprint(c, KEY_H_KEY, key, 16, got);
	ck_assert_str_eq(got, "d9018988");
	key_fingerprint(c, KEY_KENB, key, 33, got);
	ck_assert_str_eq(got, "????????");
}
END_TEST

START_TEST(wipe_and_compare)
{
	struct kasme a, b;

	memset(&a, 0x5a, sizeof a);
	b = a;
	ck_assert(key_equal(&a, &b, sizeof a));
	for (unsigned bit = 0; bit < 256; bit++) {
		b.b[bit / 8] ^= (uint8_t)(1U << bit % 8);
		ck_assert(!key_equal(&a, &b, sizeof a));
		b.b[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	KEY_WIPE(&a);
	for (unsigned i = 0; i < sizeof a.b; i++)
		ck_assert_uint_eq(a.b[i], 0);
	ck_assert(key_equal(&a, &b, 0));
}
END_TEST

START_TEST(local_is_wiped)
{
	struct kasme k;

	memset(&k, 0x5a, sizeof k);
	kasme_local_wipe(&k); /* what KEY_LOCAL(kasme) runs at the end of the block */
	for (unsigned i = 0; i < sizeof k.b; i++)
		ck_assert_uint_eq(k.b[i], 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keys");

	CHECK_CASE_WITH(s, "keys", setup, teardown, kind_names, fingerprints,
			fingerprint_known_answer, wipe_and_compare, local_is_wiped);
	return check_main(s);
}
