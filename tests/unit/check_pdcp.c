#include "pdcp.h"

#include <string.h>

#include "check_main.h"
#include "crypto.h"
#include "vectors.h"

static struct crypto *c;
static struct pdcp enb, ue;
static const uint8_t sdu[] = "an RRC message";
#define SDU (sizeof sdu)
#define SRB (SDU + PDCP_SRB_OVERHEAD)
#define DRB (SDU + PDCP_DRB_OVERHEAD)

static const struct as_keys keys = {
	.rrc_enc = {"the rrc enc key"}, .rrc_int = {"the rrc int key"}, .up_enc = {"the up key"}};

static void setup(void)
{
	c = crypto_new();
	ck_assert_ptr_nonnull(c);
	pdcp_init(&enb, EPS_DOWNLINK);
	pdcp_init(&ue, EPS_UPLINK);
}

static void secure_with(struct pdcp *p, const struct as_keys *k)
{
	pdcp_install(p, k, EEA2, EIA2);
	pdcp_start_ciphering(p);
}

static void setup_secured(void)
{
	setup();
	secure_with(&enb, &keys);
	secure_with(&ue, &keys);
}

static void teardown(void)
{
	pdcp_clear(&enb);
	pdcp_clear(&ue);
	crypto_free(c);
}

typedef int pdcp_open_fn(struct crypto *, struct pdcp *, const uint8_t *, size_t, uint8_t *,
			 size_t *);

/* Fails with `want` and changes nothing. */
static void refuse(pdcp_open_fn *open, struct pdcp *p, const uint8_t *pdu, size_t len, int want)
{
	struct pdcp before = *p;
	uint8_t out[256];
	size_t out_len = 4711;

	ck_err(open(c, p, pdu, len, out, &out_len), want);
	ck_assert_mem_eq(p, &before, sizeof before);
	ck_assert_uint_eq(out_len, 4711);
}

static void accept(pdcp_open_fn *open, struct pdcp *p, const uint8_t *pdu, size_t len)
{
	uint8_t out[256];
	size_t out_len;

	ck_ok(open(c, p, pdu, len, out, &out_len));
	ck_assert_uint_eq(out_len, SDU);
	ck_assert_mem_eq(out, sdu, SDU);
}

static void send_srb(struct pdcp *p, uint8_t pdu[static SRB])
{
	ck_ok(pdcp_srb_seal(c, p, sdu, SDU, pdu));
}

static void send_drb(struct pdcp *p, uint8_t pdu[static DRB])
{
	ck_ok(pdcp_drb_seal(c, p, sdu, SDU, pdu));
}

static void check_vector(struct vectors *v, const json_t *t, bool srb)
{
	struct octets in = vec_octets(v, t, "sdu"), want = vec_octets(v, t, "pdu");
	uint8_t direction = (uint8_t)vec_number(t, "direction");
	uint32_t count = (uint32_t)vec_hex_number(t, "count");
	struct as_keys k = {0};
	struct pdcp tx, rx;
	uint8_t out[64];
	size_t len;

	if (srb) {
		vec_fixed(t, "krrc_enc", k.rrc_enc.b, 16);
		vec_fixed(t, "krrc_int", k.rrc_int.b, 16);
	} else {
		vec_fixed(t, "kup_enc", k.up_enc.b, 16);
	}
	pdcp_init(&tx, direction);
	pdcp_init(&rx, !direction);
	secure_with(&tx, &k);
	secure_with(&rx, &k);
	tx.srb1.tx = tx.drb1.tx = rx.srb1.rx_next = rx.drb1.rx_next = count;
	ck_ok((srb ? pdcp_srb_seal : pdcp_drb_seal)(c, &tx, in.b, in.len, out));
	ck_assert_uint_eq(want.len, in.len + (srb ? PDCP_SRB_OVERHEAD : PDCP_DRB_OVERHEAD));
	ck_assert_mem_eq(out, want.b, want.len);
	ck_ok((srb ? pdcp_srb_open : pdcp_drb_open)(c, &rx, want.b, want.len, out, &len));
	ck_assert_uint_eq(len, in.len);
	ck_assert_mem_eq(out, in.b, len);
	ck_assert_uint_eq(srb ? rx.srb1.rx_next : rx.drb1.rx_next, count + 1);
}

START_TEST(known_answers)
{
	struct vectors *v = vectors_load("computed-nas-pdcp-pdus");
	unsigned ran[2] = {0};

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);
		bool srb = vec_starts(t, "name", "PDCP SRB1 alg 2");

		if (!srb && !vec_starts(t, "name", "PDCP DRB1 (drb-Identity 1) alg 2"))
			continue; /* other bearers are in check_eps_alg.c */
		check_vector(v, t, srb);
		ran[srb]++;
	}
	ck_assert_uint_eq(ran[0], 4);
	ck_assert_uint_eq(ran[1], 4);
	vectors_free(v);
}
END_TEST

START_TEST(before_security)
{
	uint8_t pdu[SRB], drb[DRB] = {0x80};

	send_srb(&ue, pdu);
	ck_assert_uint_eq(pdu[0], 0);
	ck_assert_mem_eq(pdu + 1, sdu, SDU);
	ck_assert_mem_eq(pdu + 1 + SDU, "\0\0\0\0", 4);
	for (unsigned bit = 0; bit < 32; bit++) {
		pdu[SRB - 4 + bit / 8] ^= (uint8_t)(1U << bit % 8);
		refuse(pdcp_srb_open, &enb, pdu, SRB, KH_E_BAD_PDCP_MAC);
		pdu[SRB - 4 + bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	accept(pdcp_srb_open, &enb, pdu, SRB);
	refuse(pdcp_drb_open, &enb, drb, DRB, KH_E_NO_SECURITY_CONTEXT);
	ck_err(pdcp_drb_seal(c, &enb, sdu, SDU, drb), KH_E_NO_SECURITY_CONTEXT);
	pdcp_start_ciphering(&enb); /* without keys nothing starts */
	ck_assert(!enb.ciphering);
}
END_TEST

/* SECURITY MODE COMMAND has a MAC-I and is not ciphered; the UE reads it before it can check it. */
START_TEST(security_mode)
{
	uint8_t pdu[SRB], clear[SRB], drb[DRB];
	const uint8_t *peeked;
	size_t len;

	send_srb(&ue, clear);
	accept(pdcp_srb_open, &enb, clear, SRB);
	pdcp_install(&enb, &keys, EEA2, EIA2);
	ck_assert_uint_eq(enb.srb1.rx_next, 0);
	send_srb(&enb, pdu);
	ck_assert_mem_eq(pdu + 1, sdu, SDU);
	ck_assert_mem_ne(pdu + 1 + SDU, "\0\0\0\0", 4);
	ck_err(pdcp_drb_seal(c, &enb, sdu, SDU, drb), KH_E_NO_SECURITY_CONTEXT);
	ck_ok(pdcp_srb_peek(pdu, SRB, &peeked, &len));
	ck_assert_ptr_eq(peeked, pdu + 1);
	ck_assert_uint_eq(len, SDU);
	refuse(pdcp_srb_open, &ue, pdu, SRB, KH_E_BAD_PDCP_MAC); /* no keys yet */
	pdcp_install(&ue, &keys, EEA2, EIA2);
	accept(pdcp_srb_open, &ue, pdu, SRB);
	send_srb(&ue, pdu);
	accept(pdcp_srb_open, &enb, pdu, SRB);
	refuse(pdcp_srb_open, &enb, clear, SRB, KH_E_BAD_PDCP_MAC); /* back to no security */
}
END_TEST

START_TEST(ciphered)
{
	uint8_t pdu[SRB], drb[DRB], out[SDU];
	size_t len;

	send_srb(&enb, pdu);
	ck_assert_mem_ne(pdu + 1, sdu, SDU);
	accept(pdcp_srb_open, &ue, pdu, SRB);
	send_drb(&enb, drb);
	ck_assert_mem_ne(drb + 2, sdu, SDU);
	/* User data has no integrity in LTE: a flip goes through. */
	drb[2] ^= 1;
	ck_ok(pdcp_drb_open(c, &ue, drb, DRB, out, &len));
	ck_assert_uint_eq(out[0], sdu[0] ^ 1);
}
END_TEST

START_TEST(srb_every_flip_is_refused)
{
	uint8_t pdu[SRB];

	send_srb(&enb, pdu);
	for (unsigned bit = 0; bit < 8 * SRB; bit++) {
		bool reserved = bit >= 5 && bit < 8; /* R bits of the header */

		pdu[bit / 8] ^= (uint8_t)(1U << bit % 8);
		refuse(pdcp_srb_open, &ue, pdu, SRB,
		       reserved ? KH_E_BAD_PDCP_PDU : KH_E_BAD_PDCP_MAC);
		pdu[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	accept(pdcp_srb_open, &ue, pdu, SRB);
}
END_TEST

START_TEST(truncation)
{
	uint8_t srb[SRB], drb[DRB];
	const uint8_t *peeked;
	size_t len;

	send_srb(&enb, srb);
	send_drb(&enb, drb);
	for (size_t n = 0; n < SRB; n++) {
		uint8_t *copy = malloc(n ? n : 1); /* the sanitizer sees a read beyond it */
		bool too_short = n < PDCP_SRB_OVERHEAD;

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, srb, n);
		refuse(pdcp_srb_open, &ue, copy, n,
		       too_short ? KH_E_BAD_PDCP_PDU : KH_E_BAD_PDCP_MAC);
		ck_err(pdcp_srb_peek(copy, n, &peeked, &len),
		       too_short ? KH_E_BAD_PDCP_PDU : KH_OK);
		free(copy);
	}
	refuse(pdcp_drb_open, &ue, drb, 0, KH_E_BAD_PDCP_PDU);
	refuse(pdcp_drb_open, &ue, drb, 1, KH_E_BAD_PDCP_PDU);
}
END_TEST

START_TEST(srb_replay_and_wrap_at_32)
{
	uint8_t pdu[SRB], first[SRB];

	for (unsigned i = 0; i < 100; i++) {
		send_srb(&ue, pdu);
		ck_assert_uint_eq(pdu[0], i % 32);
		if (i == 0)
			memcpy(first, pdu, SRB);
		if (i % 20 == 7) /* lost on the way */
			continue;
		accept(pdcp_srb_open, &enb, pdu, SRB);
		ck_assert_uint_eq(enb.srb1.rx_next, i + 1);
		refuse(pdcp_srb_open, &enb, pdu, SRB, KH_E_PDCP_REPLAY);
		refuse(pdcp_srb_open, &enb, first, SRB,
		       i < 32 ? KH_E_PDCP_REPLAY : KH_E_BAD_PDCP_MAC);
	}
	refuse(pdcp_srb_open, &ue, pdu, SRB, KH_E_BAD_PDCP_MAC); /* sent back where it came from */
}
END_TEST

START_TEST(drb_wrap_at_4096)
{
	uint8_t pdu[DRB];

	for (unsigned i = 0; i < 9000; i++) {
		send_drb(&ue, pdu);
		ck_assert_uint_eq(pdu[0], 0x80 | (i % 4096) >> 8);
		ck_assert_uint_eq(pdu[1], i % 256);
		if (i % 7 == 3)
			continue;
		accept(pdcp_drb_open, &enb, pdu, DRB);
		ck_assert_uint_eq(enb.drb1.rx_next, i + 1);
		refuse(pdcp_drb_open, &enb, pdu, DRB, KH_E_PDCP_REPLAY);
	}
}
END_TEST

START_TEST(drb_window)
{
	uint8_t at[2][DRB], pdu[DRB];

	for (unsigned i = 0; i < 2; i++) { /* the last in the half window and the first beyond it */
		ue.drb1.tx = 2047 + i;
		send_drb(&ue, at[i]);
	}
	refuse(pdcp_drb_open, &enb, at[1], DRB, KH_E_PDCP_REPLAY);
	accept(pdcp_drb_open, &enb, at[0], DRB);
	ue.drb1.tx = 0;
	send_drb(&ue, pdu); /* 2048 behind */
	refuse(pdcp_drb_open, &enb, pdu, DRB, KH_E_PDCP_REPLAY);
	accept(pdcp_drb_open, &enb, at[1], DRB);
}
END_TEST

START_TEST(drb_header)
{
	uint8_t pdu[DRB];

	send_drb(&ue, pdu);
	for (unsigned bit = 4; bit < 8; bit++) { /* control PDU, R bits */
		pdu[0] ^= (uint8_t)(1U << bit);
		refuse(pdcp_drb_open, &enb, pdu, DRB, KH_E_BAD_PDCP_PDU);
		pdu[0] ^= (uint8_t)(1U << bit);
	}
	accept(pdcp_drb_open, &enb, pdu, DRB);
}
END_TEST

START_TEST(count_is_exhausted)
{
	uint8_t srb[SRB], drb[DRB];

	ue.srb1.tx = ue.drb1.tx = enb.srb1.rx_next = enb.drb1.rx_next = 0xfffffffe;
	send_srb(&ue, srb);
	send_drb(&ue, drb);
	accept(pdcp_srb_open, &enb, srb, SRB);
	accept(pdcp_drb_open, &enb, drb, DRB);
	ck_err(pdcp_srb_seal(c, &ue, sdu, SDU, srb), KH_E_COUNT_EXHAUSTED);
	ck_err(pdcp_drb_seal(c, &ue, sdu, SDU, drb), KH_E_COUNT_EXHAUSTED);
	refuse(pdcp_srb_open, &enb, srb, SRB, KH_E_PDCP_REPLAY); /* still the PDU before */
	ue.srb1.tx = ue.drb1.tx = 0; /* as if it had wrapped */
	send_srb(&ue, srb);
	send_drb(&ue, drb);
	refuse(pdcp_srb_open, &enb, srb, SRB, KH_E_BAD_PDCP_MAC);
	refuse(pdcp_drb_open, &enb, drb, DRB, KH_E_COUNT_EXHAUSTED);
}
END_TEST

START_TEST(longest_sdu)
{
	static uint8_t in[PDCP_SDU_MAX + 1], pdu[PDCP_SDU_MAX + 1 + PDCP_SRB_OVERHEAD],
		out[sizeof in];
	size_t len;

	memset(in, 0x77, sizeof in);
	ck_ok(pdcp_srb_seal(c, &ue, in, PDCP_SDU_MAX, pdu));
	ck_ok(pdcp_srb_open(c, &enb, pdu, PDCP_SDU_MAX + PDCP_SRB_OVERHEAD, out, &len));
	ck_assert_uint_eq(len, PDCP_SDU_MAX);
	ck_assert_int_eq(memcmp(in, out, len), 0);
	ck_err(pdcp_srb_seal(c, &ue, in, sizeof in, pdu), KH_E_BAD_PDCP_PDU);
	refuse(pdcp_srb_open, &enb, pdu, sizeof pdu, KH_E_BAD_PDCP_PDU);
	ck_ok(pdcp_srb_seal(c, &ue, NULL, 0, pdu));
	ck_ok(pdcp_srb_open(c, &enb, pdu, PDCP_SRB_OVERHEAD, out, &len));
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(new_keys)
{
	struct as_keys next = keys;
	uint8_t old[SRB], confirm[SRB];
	static const struct pdcp wiped;

	next.rrc_int.b[0] ^= 1;
	send_srb(&ue, old);
	pdcp_install(&ue, &next, EEA2, EIA2);
	pdcp_install(&enb, &next, EEA2, EIA2);
	ck_assert_uint_eq(ue.srb1.tx, 0);
	ck_assert(!ue.ciphering);
	pdcp_start_ciphering(&ue);
	pdcp_start_ciphering(&enb);
	refuse(pdcp_srb_open, &enb, old, SRB, KH_E_BAD_PDCP_MAC);
	send_srb(&ue, confirm);
	accept(pdcp_srb_open, &enb, confirm, SRB);
	pdcp_clear(&ue);
	ck_assert_mem_eq(&ue, &wiped, sizeof wiped);
}
END_TEST

START_TEST(short_mac)
{
	static const uint8_t input[] = {0, 0, 0, 0xa1, 0x0f, 0xff, 0xff, 0xff, 0x12, 0x34};
	uint8_t mac[4];
	uint16_t a = 0, b = 0;
	struct pdcp none;

	ck_ok(eia_mac(c, EIA2, keys.rrc_int.b, 0xffffffff, 31, 1, input, sizeof input, NULL, 0,
		      mac));
	ck_ok(pdcp_short_mac(c, &ue, 0xa1, 0xfffffff, 0x1234, &a));
	ck_ok(pdcp_short_mac(c, &enb, 0xa1, 0xfffffff, 0x1234, &b));
	ck_assert_uint_eq(a, mac[2] << 8 | mac[3]);
	ck_assert_uint_eq(a, b);
	ck_ok(pdcp_short_mac(c, &enb, 0xa1, 0xfffffff, 0x1235, &b));
	ck_assert_uint_ne(a, b);
	pdcp_init(&none, EPS_UPLINK);
	ck_err(pdcp_short_mac(c, &none, 1, 2, 3, &b), KH_E_NO_SECURITY_CONTEXT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pdcp");

	CHECK_CASE_WITH(s, "start", setup, teardown, known_answers, before_security, security_mode);
	CHECK_CASE_WITH(s, "SRB", setup_secured, teardown, ciphered, srb_every_flip_is_refused,
			truncation, srb_replay_and_wrap_at_32, longest_sdu, new_keys, short_mac);
	CHECK_CASE_WITH(s, "DRB and COUNT", setup_secured, teardown, drb_wrap_at_4096, drb_window,
			drb_header, count_is_exhausted);
	return check_main(s);
}
