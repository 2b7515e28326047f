#include "nas_sec.h"

#include <string.h>

#include "check_main.h"
#include "crypto.h"
#include "vectors.h"

static struct crypto *c;
static struct nas_sec mme, ue;
static const uint8_t body[] = "a NAS message";
#define BODY (sizeof body)
#define PDU (BODY + NAS_OVERHEAD)

static void setup(void)
{
	static const struct k_nas_enc enc = {"the nas enc key"};
	static const struct k_nas_int integrity = {"the nas int key"};

	c = crypto_new();
	ck_assert_ptr_nonnull(c);
	nas_sec_init(&mme, EPS_DOWNLINK, EEA2, EIA2, &enc, &integrity);
	nas_sec_init(&ue, EPS_UPLINK, EEA2, EIA2, &enc, &integrity);
}

static void teardown(void)
{
	nas_sec_clear(&mme);
	nas_sec_clear(&ue);
	crypto_free(c);
}

/* Fails with `want` and changes nothing in the context. */
static void refuse(struct nas_sec *s, const uint8_t *pdu, size_t len, int want)
{
	struct nas_sec before = *s;
	uint8_t out[256];
	size_t out_len = 4711;
	enum nas_header type = NAS_PLAIN;

	ck_err(nas_open(c, s, pdu, len, &type, out, &out_len), want);
	ck_assert_mem_eq(s, &before, sizeof before);
	ck_assert_uint_eq(out_len, 4711);
	ck_assert_int_eq(type, NAS_PLAIN);
}

static void accept(struct nas_sec *s, const uint8_t *pdu, size_t len, enum nas_header want)
{
	uint8_t out[256];
	size_t out_len;
	enum nas_header type;

	ck_ok(nas_open(c, s, pdu, len, &type, out, &out_len));
	ck_assert_int_eq(type, want);
	ck_assert_uint_eq(out_len, BODY);
	ck_assert_mem_eq(out, body, BODY);
}

static void send(struct nas_sec *s, uint8_t pdu[static PDU])
{
	ck_ok(nas_seal(c, s, NAS_CIPHERED, body, BODY, pdu));
}

static void check_vector(struct vectors *v, const json_t *t)
{
	struct octets plain = vec_octets(v, t, "plain"), want = vec_octets(v, t, "pdu");
	enum nas_header type = (enum nas_header)vec_number(t, "security_header_type"), got;
	uint8_t eea = strstr(vec_text(t, "name"), "EEA0") ? EEA0 : EEA2;
	uint8_t direction = (uint8_t)vec_number(t, "direction");
	struct k_nas_enc enc;
	struct k_nas_int integrity;
	struct nas_sec tx, rx;
	uint8_t out[64];
	size_t len;

	vec_fixed(t, "knas_enc", enc.b, 16);
	vec_fixed(t, "knas_int", integrity.b, 16);
	nas_sec_init(&tx, direction, eea, EIA2, &enc, &integrity);
	nas_sec_init(&rx, !direction, eea, EIA2, &enc, &integrity);
	tx.tx_count = rx.rx_next = (uint32_t)vec_hex_number(t, "count");
	ck_assert_uint_eq(plain.len + NAS_OVERHEAD, want.len);
	ck_assert_uint_le(want.len, sizeof out);
	ck_ok(nas_seal(c, &tx, type, plain.b, plain.len, out));
	ck_assert_mem_eq(out, want.b, want.len);
	ck_ok(nas_open(c, &rx, want.b, want.len, &got, out, &len));
	ck_assert_int_eq(got, type);
	ck_assert_uint_eq(len, plain.len);
	ck_assert_mem_eq(out, plain.b, len);
	ck_assert_uint_eq(rx.rx_next, tx.tx_count);
}

START_TEST(known_answers)
{
	struct vectors *v = vectors_load("computed-nas-pdcp-pdus");
	unsigned ran = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);

		if (!vec_starts(t, "name", "NAS ") || !strstr(vec_text(t, "name"), "EIA2"))
			continue; /* SNOW 3G and ZUC are not built in */
		check_vector(v, t);
		ran++;
	}
	ck_assert_uint_eq(ran, 10);
	vectors_free(v);
}
END_TEST

START_TEST(there_and_back)
{
	static const enum nas_header types[] = {NAS_INTEGRITY, NAS_CIPHERED, NAS_INTEGRITY_NEW,
						NAS_CIPHERED_NEW};
	uint8_t pdu[PDU];

	for (unsigned i = 0; i < 4; i++) {
		bool ciphered = types[i] == NAS_CIPHERED || types[i] == NAS_CIPHERED_NEW;

		ck_ok(nas_seal(c, &mme, types[i], body, BODY, pdu));
		ck_assert_uint_eq(pdu[0], (unsigned)types[i] << 4 | NAS_PD_EMM);
		ck_assert_uint_eq(pdu[5], i);
		ck_assert_int_eq(memcmp(pdu + NAS_OVERHEAD, body, BODY) != 0, ciphered);
		accept(&ue, pdu, PDU, types[i]);
		ck_ok(nas_seal(c, &ue, types[i], body, BODY, pdu));
		accept(&mme, pdu, PDU, types[i]);
	}
}
END_TEST

START_TEST(empty_body)
{
	uint8_t pdu[NAS_OVERHEAD], out[1];
	enum nas_header type;
	size_t len = 9;

	ck_ok(nas_seal(c, &mme, NAS_CIPHERED, NULL, 0, pdu));
	ck_ok(nas_open(c, &ue, pdu, sizeof pdu, &type, out, &len));
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(replay)
{
	uint8_t pdu[3][PDU];

	for (unsigned i = 0; i < 3; i++)
		send(&mme, pdu[i]);
	accept(&ue, pdu[0], PDU, NAS_CIPHERED);
	refuse(&ue, pdu[0], PDU, KH_E_NAS_REPLAY);
	accept(&ue, pdu[2], PDU, NAS_CIPHERED); /* 1 was lost, or is held back */
	for (unsigned i = 0; i < 3; i++)
		refuse(&ue, pdu[i], PDU, KH_E_NAS_REPLAY);
	send(&mme, pdu[0]);
	accept(&ue, pdu[0], PDU, NAS_CIPHERED);
}
END_TEST

START_TEST(sequence_number_wraps_at_256)
{
	uint8_t pdu[PDU], old[3][PDU];

	for (unsigned i = 0; i < 600; i++) {
		send(&mme, pdu);
		ck_assert_uint_eq(pdu[5], i % 256);
		accept(&ue, pdu, PDU, NAS_CIPHERED);
		ck_assert_uint_eq(ue.rx_next, i + 1);
		refuse(&ue, pdu, PDU, KH_E_NAS_REPLAY);
		if (i < 3)
			memcpy(old[i], pdu, PDU);
	}
	/* Two rounds back the MAC is only wrong, and still refused. */
	for (unsigned i = 0; i < 3; i++)
		refuse(&ue, old[i], PDU, KH_E_BAD_NAS_MAC);
}
END_TEST

START_TEST(losses_across_the_wrap)
{
	uint8_t pdu[PDU];

	for (unsigned i = 0; i < 1000; i++) {
		send(&mme, pdu);
		if (i % 200 == 199) /* less than a round is lost each time */
			accept(&ue, pdu, PDU, NAS_CIPHERED);
	}
	ck_assert_uint_eq(ue.rx_next, 1000);
	for (unsigned i = 0; i < 257; i++) /* a whole round is too much */
		send(&mme, pdu);
	refuse(&ue, pdu, PDU, KH_E_BAD_NAS_MAC);
}
END_TEST

START_TEST(every_flip_is_refused)
{
	uint8_t pdu[PDU];

	send(&mme, pdu);
	for (unsigned bit = 8; bit < 8 * PDU; bit++) {
		pdu[bit / 8] ^= (uint8_t)(1U << bit % 8);
		refuse(&ue, pdu, PDU, KH_E_BAD_NAS_MAC);
		pdu[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	accept(&ue, pdu, PDU, NAS_CIPHERED);
}
END_TEST

/* The first octet is outside the MAC (TS 24.301 4.4.3.3), so the type is told to the caller, who
 * knows which types a message may have. */
START_TEST(first_octet)
{
	uint8_t pdu[PDU], out[BODY];
	enum nas_header type;
	size_t len;

	send(&mme, pdu);
	for (unsigned first = 0; first < 256; first++) {
		bool sealed = (first & 0xf) == NAS_PD_EMM && first >> 4 >= 1 && first >> 4 <= 4;

		pdu[0] = (uint8_t)first;
		if (!sealed)
			refuse(&ue, pdu, PDU, KH_E_BAD_NAS_PDU);
	}
	pdu[0] = NAS_INTEGRITY << 4 | NAS_PD_EMM;
	ck_ok(nas_open(c, &ue, pdu, PDU, &type, out, &len));
	ck_assert_int_eq(type, NAS_INTEGRITY);
	ck_assert_mem_eq(out, pdu + NAS_OVERHEAD, BODY); /* the ciphertext */
	ck_err(nas_seal(c, &mme, NAS_PLAIN, body, BODY, pdu), KH_E_BAD_NAS_PDU);
	ck_err(nas_seal(c, &mme, (enum nas_header)5, body, BODY, pdu), KH_E_BAD_NAS_PDU);
}
END_TEST

START_TEST(truncation)
{
	uint8_t pdu[PDU];

	send(&mme, pdu);
	for (size_t len = 0; len < PDU; len++) {
		uint8_t *copy = malloc(len ? len : 1); /* the sanitizer sees a read beyond it */

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, pdu, len);
		refuse(&ue, copy, len, len < NAS_OVERHEAD ? KH_E_BAD_NAS_PDU : KH_E_BAD_NAS_MAC);
		free(copy);
	}
}
END_TEST

START_TEST(wrong_context)
{
	uint8_t pdu[PDU];
	struct nas_sec other = ue, none;

	send(&mme, pdu);
	refuse(&mme, pdu, PDU, KH_E_BAD_NAS_MAC); /* sent back where it came from */
	other.integrity.b[0] ^= 1;
	refuse(&other, pdu, PDU, KH_E_BAD_NAS_MAC);
	memset(&none, 0, sizeof none);
	refuse(&none, pdu, PDU, KH_E_NO_SECURITY_CONTEXT);
	ck_err(nas_seal(c, &none, NAS_CIPHERED, body, BODY, pdu), KH_E_NO_SECURITY_CONTEXT);
	nas_sec_clear(&other);
	ck_assert_mem_eq(&other, &none, sizeof none);
}
END_TEST

START_TEST(count_is_exhausted)
{
	uint8_t pdu[PDU], last[PDU];

	mme.tx_count = ue.rx_next = NAS_COUNT_MAX - 1;
	send(&mme, pdu);
	accept(&ue, pdu, PDU, NAS_CIPHERED);
	send(&mme, last); /* COUNT 2^24 - 1 is the last */
	ck_err(nas_seal(c, &mme, NAS_CIPHERED, body, BODY, pdu), KH_E_COUNT_EXHAUSTED);
	ck_assert_uint_eq(mme.tx_count, NAS_COUNT_MAX + 1);
	accept(&ue, last, PDU, NAS_CIPHERED);
	refuse(&ue, last, PDU, KH_E_NAS_REPLAY);
	/* COUNT 2^24 with a MAC of its own */
	memcpy(last, "\x17\0\0\0\0\0", NAS_OVERHEAD);
	memcpy(last + NAS_OVERHEAD, body, BODY);
	ck_ok(eia_mac(c, EIA2, ue.integrity.b, NAS_COUNT_MAX + 1, 0, EPS_DOWNLINK, last + 5,
		      BODY + 1, NULL, 0, last + 1));
	refuse(&ue, last, PDU, KH_E_BAD_NAS_MAC);
	mme.tx_count = 0; /* as if it had wrapped */
	send(&mme, pdu);
	refuse(&ue, pdu, PDU, KH_E_BAD_NAS_MAC);
}
END_TEST

START_TEST(null_integrity_is_never_accepted)
{
	uint8_t pdu[PDU], forged[PDU] = {NAS_INTEGRITY << 4 | NAS_PD_EMM};

	mme.eia = ue.eia = EIA0;
	ck_err(nas_seal(c, &mme, NAS_CIPHERED, body, BODY, pdu), KH_E_NO_COMMON_ALGORITHM);
	ck_assert_uint_eq(mme.tx_count, 0);
	refuse(&ue, forged, PDU, KH_E_NO_COMMON_ALGORITHM);
}
END_TEST

START_TEST(plain)
{
	uint8_t pdu[BODY + NAS_PLAIN_OVERHEAD], sealed[PDU];
	const uint8_t *got = NULL;
	enum nas_header type = NAS_CIPHERED;
	size_t len = 0;

	nas_plain_seal(body, BODY, pdu);
	ck_assert_uint_eq(pdu[0], 0x07);
	ck_ok(nas_pdu_header(pdu, sizeof pdu, &type));
	ck_assert_int_eq(type, NAS_PLAIN);
	ck_ok(nas_plain_open(pdu, sizeof pdu, &got, &len));
	ck_assert_ptr_eq(got, pdu + 1);
	ck_assert_uint_eq(len, BODY);
	refuse(&ue, pdu, sizeof pdu, KH_E_BAD_NAS_PDU);
	send(&mme, sealed);
	ck_err(nas_plain_open(sealed, PDU, &got, &len), KH_E_BAD_NAS_PDU);
	ck_err(nas_plain_open(pdu, 0, &got, &len), KH_E_BAD_NAS_PDU);
	ck_err(nas_pdu_header(sealed, 5, &type), KH_E_BAD_NAS_PDU);
	pdu[0] = 0x02; /* ESM */
	ck_err(nas_plain_open(pdu, sizeof pdu, &got, &len), KH_E_BAD_NAS_PDU);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nas_sec");

	CHECK_CASE_WITH(s, "PDUs", setup, teardown, known_answers, there_and_back, empty_body,
			plain);
	CHECK_CASE_WITH(s, "COUNT", setup, teardown, replay, sequence_number_wraps_at_256,
			losses_across_the_wrap, count_is_exhausted);
	CHECK_CASE_WITH(s, "forgeries", setup, teardown, every_flip_is_refused, first_octet,
			truncation, wrong_context, null_integrity_is_never_accepted);
	return check_main(s);
}
