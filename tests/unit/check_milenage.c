#include "milenage.h"

#include <string.h>

#include "check_main.h"
#include "crypto.h"
#include "ids.h"
#include "vectors.h"

static struct crypto *c;
static const struct plmn sn_id = {{0x00, 0xf1, 0x10}};
static const struct subscriber_key k = {"0123456789abcde"};
static const struct opc opc = {"opc-of-the-tests"};
static const uint8_t challenge[16] = {0x5a, 1, 2, 3};

static void setup(void)
{
	c = crypto_new();
	ck_assert_ptr_nonnull(c);
}

static void teardown(void)
{
	crypto_free(c);
}

/* What every entry has. */
struct set {
	struct subscriber_key k;
	struct opc opc;
	uint8_t rand[16];
};

static struct set get_set(const json_t *t)
{
	struct set s;

	vec_fixed(t, "k", s.k.b, 16);
	vec_fixed(t, "opc", s.opc.b, 16);
	vec_fixed(t, "rand", s.rand, 16);
	return s;
}

static void check_member(const json_t *t, const char *member, const uint8_t *got, size_t len)
{
	uint8_t want[16];

	vec_fixed(t, member, want, len);
	ck_assert_msg(memcmp(got, want, len) == 0, "%s: %s", vec_text(t, "name"), member);
}

START_TEST(ts35208)
{
	struct vectors *v = vectors_load("milenage-ts35208");
	unsigned ran = 0;

	for (size_t i = 0; i < vectors_count(v); i++, ran++) {
		const json_t *t = vectors_at(v, i);
		struct set s = get_set(t);
		uint8_t op[16], sqn[6], amf[2];
		struct opc computed;
		struct milenage m;

		vec_fixed(t, "op", op, 16);
		vec_fixed(t, "sqn", sqn, 6);
		vec_fixed(t, "amf", amf, 2);
		ck_ok(milenage_opc(c, &s.k, op, &computed));
		ck_assert_mem_eq(computed.b, s.opc.b, 16);
		ck_ok(milenage_run(c, &s.k, &s.opc, s.rand, sqn, amf, &m));
		check_member(t, "f1", m.mac_a, 8);
		check_member(t, "f1star", m.mac_s, 8);
		check_member(t, "f2", m.res, 8);
		check_member(t, "f3", m.ck.b, 16);
		check_member(t, "f4", m.ik.b, 16);
		check_member(t, "f5", m.ak, 6);
		check_member(t, "f5star", m.ak_star, 6);
	}
	ck_assert_uint_eq(ran, 21);
	vectors_free(v);
}
END_TEST

static void check_autn(const json_t *t, const struct set *s)
{
	uint8_t sqn[6], amf[2], autn[16];
	struct milenage m;

	vec_fixed(t, "sqn", sqn, 6);
	vec_fixed(t, "amf", amf, 2);
	ck_ok(milenage_run(c, &s->k, &s->opc, s->rand, sqn, amf, &m));
	for (unsigned i = 0; i < 6; i++)
		autn[i] = sqn[i] ^ m.ak[i];
	memcpy(autn + 6, amf, 2);
	memcpy(autn + 8, m.mac_a, 8);
	check_member(t, "autn", autn, 16);
	check_member(t, "ak", m.ak, 6);
	check_member(t, "mac_a", m.mac_a, 8);
	check_member(t, "res", m.res, 8);
	check_member(t, "ck", m.ck.b, 16);
	check_member(t, "ik", m.ik.b, 16);
}

static void check_auts(const json_t *t, const struct set *s)
{
	uint64_t sqn_ms = 0x123456;
	uint8_t auts[14];

	vec_fixed(t, "auts", auts, 14);
	ck_ok(aka_resynchronise(c, &s->k, &s->opc, s->rand, auts, &sqn_ms));
	ck_assert(sqn_ms == vec_hex_number(t, "sqn_ms"));
}

START_TEST(autn_auts)
{
	struct vectors *v = vectors_load("milenage-autn-auts");
	unsigned autns = 0, autss = 0;

	for (size_t i = 0; i < vectors_count(v); i++) {
		const json_t *t = vectors_at(v, i);
		struct set s = get_set(t);

		if (vec_has(t, "autn")) {
			check_autn(t, &s);
			autns++;
		}
		if (vec_has(t, "auts")) {
			check_auts(t, &s);
			autss++;
		}
	}
	ck_assert_uint_eq(vectors_count(v), 23);
	ck_assert_uint_eq(autns, 20);
	ck_assert_uint_eq(autss, 13);
	vectors_free(v);
}
END_TEST

/* A whole AKA with AMF 8000, through the network's and the UE's function. */
static void check_eps(const json_t *t)
{
	struct set s = get_set(t);
	uint64_t sqn = vec_hex_number(t, "sqn");
	struct aka_sqn_array sqns = {{0}};
	struct plmn plmn;
	struct aka_vector a;
	struct kasme kasme, want;
	uint8_t res[8], auts[14], autn[16], xres[8];

	vec_fixed(t, "sn_id", plmn.b, 3);
	vec_fixed(t, "autn", autn, 16);
	vec_fixed(t, "xres", xres, 8);
	vec_fixed(t, vec_has(t, "kasme") ? "kasme" : "output", want.b, 32);
	ck_ok(aka_generate(c, &s.k, &s.opc, s.rand, sqn, &plmn, &a));
	ck_assert_mem_eq(a.rand, s.rand, 16);
	ck_assert_mem_eq(a.autn, autn, 16);
	ck_assert_mem_eq(a.xres, xres, 8);
	ck_assert_mem_eq(a.kasme.b, want.b, 32);
	sqns.seq[sqn % 32] = (sqn >> 5) - 1;
	ck_ok(aka_answer(c, &s.k, &s.opc, &sqns, s.rand, autn, &plmn, res, auts, &kasme));
	ck_assert_mem_eq(res, xres, 8);
	ck_assert_mem_eq(kasme.b, want.b, 32);
	ck_assert(sqns.seq[sqn % 32] == sqn >> 5);
}

START_TEST(eps_vectors)
{
	struct vectors *chain = vectors_load("computed-lte-chain");
	struct vectors *kdf = vectors_load("kdf-ts33401");
	unsigned ran = 0;

	check_eps(vectors_at(chain, 0));
	for (size_t i = 0; i < vectors_count(kdf); i++)
		if (vec_has(vectors_at(kdf, i), "autn")) {
			check_eps(vectors_at(kdf, i));
			ran++;
		}
	ck_assert_uint_eq(ran, 1);
	vectors_free(chain);
	vectors_free(kdf);
}
END_TEST

START_TEST(next_sqn)
{
	ck_assert(aka_next_sqn(0) == (1 << 5 | 1));
	ck_assert(aka_next_sqn(1 << 5 | 30) == (2 << 5 | 31));
	ck_assert(aka_next_sqn(1 << 5 | 31) == 2 << 5);
	for (uint64_t sqn = 0, i = 0; i < 1000; i++) {
		uint64_t next = aka_next_sqn(sqn);

		ck_assert(next >> 5 == (sqn >> 5) + 1);
		sqn = next;
	}
	ck_assert(aka_next_sqn(AKA_SQN_MAX) <= AKA_SQN_MAX);
}
END_TEST

/* One run of the UE against `sqn`, remembering what must stay untouched on an error. */
struct ue {
	struct aka_sqn_array sqns;
	uint8_t res[8], auts[14];
	struct kasme kasme;
};

static int answer(struct ue *ue, const struct aka_vector *a)
{
	return aka_answer(c, &k, &opc, &ue->sqns, a->rand, a->autn, &sn_id, ue->res, ue->auts,
			  &ue->kasme);
}

static struct aka_vector challenge_for(uint64_t sqn)
{
	struct aka_vector a;

	ck_ok(aka_generate(c, &k, &opc, challenge, sqn, &sn_id, &a));
	return a;
}

START_TEST(each_vector_once)
{
	struct ue ue = {0};
	uint64_t sqn = 0;

	for (unsigned i = 0; i < 100; i++) {
		struct aka_vector a;

		sqn = aka_next_sqn(sqn);
		a = challenge_for(sqn);
		ck_ok(answer(&ue, &a));
		ck_assert_mem_eq(ue.res, a.xres, 8);
		ck_assert_mem_eq(ue.kasme.b, a.kasme.b, 32);
		ck_err(answer(&ue, &a), KH_E_SYNCH_FAILURE);
	}
}
END_TEST

/* Vectors may come out of order as long as their INDs differ (TS 33.102 C.2.2). */
START_TEST(out_of_order)
{
	struct ue ue = {0};
	struct aka_vector late = challenge_for(5 << 5 | 5), early = challenge_for(4 << 5 | 4);

	ck_ok(answer(&ue, &late));
	ck_ok(answer(&ue, &early));
	ck_err(answer(&ue, &early), KH_E_SYNCH_FAILURE);
}
END_TEST

static void check_untouched(const struct ue *ue)
{
	static const struct ue fresh;

	ck_assert_mem_eq(ue, &fresh, sizeof fresh);
}

START_TEST(mac_failure)
{
	struct aka_vector a = challenge_for(33);
	struct subscriber_key wrong = k;
	struct ue ue;

	memset(&ue, 0, sizeof ue);
	for (unsigned bit = 0; bit < 128; bit++) {
		a.autn[bit / 8] ^= (uint8_t)(1U << bit % 8);
		ck_err(answer(&ue, &a), KH_E_MAC_FAILURE);
		check_untouched(&ue);
		a.autn[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	wrong.b[0] ^= 1;
	ck_err(aka_answer(c, &wrong, &opc, &ue.sqns, a.rand, a.autn, &sn_id, ue.res, ue.auts,
			  &ue.kasme),
	       KH_E_MAC_FAILURE);
	a.rand[15] ^= 1;
	ck_err(answer(&ue, &a), KH_E_MAC_FAILURE);
	check_untouched(&ue);
}
END_TEST

/* A vector for another access than E-UTRAN: its MAC-A is good. */
START_TEST(separation_bit)
{
	static const uint8_t sqn[6] = {0, 0, 0, 0, 0, 33}, amf[2] = {0x7f, 0xff};
	struct aka_vector a = {.rand = {9}};
	struct milenage m;
	struct ue ue;

	memset(&ue, 0, sizeof ue);
	ck_ok(milenage_run(c, &k, &opc, a.rand, sqn, amf, &m));
	for (unsigned i = 0; i < 6; i++)
		a.autn[i] = sqn[i] ^ m.ak[i];
	memcpy(a.autn + 6, amf, 2);
	memcpy(a.autn + 8, m.mac_a, 8);
	ck_err(answer(&ue, &a), KH_E_AMF_SEPARATION);
	check_untouched(&ue);
}
END_TEST

START_TEST(resynchronisation)
{
	const uint64_t known = 40 << 5 | 7;
	struct ue ue = {0};
	struct ue before;
	struct aka_vector old = challenge_for(3 << 5 | 7), next;
	uint64_t sqn_ms = 0;

	ue.sqns.seq[7] = 40;
	ue.sqns.seq[6] = 39;
	before = ue;
	ck_err(answer(&ue, &old), KH_E_SYNCH_FAILURE);
	ck_assert_mem_eq(&ue.sqns, &before.sqns, sizeof ue.sqns);
	ck_assert_mem_eq(ue.res, before.res, sizeof ue.res);
	ck_assert_mem_eq(&ue.kasme, &before.kasme, sizeof ue.kasme);
	ck_ok(aka_resynchronise(c, &k, &opc, challenge, ue.auts, &sqn_ms));
	ck_assert(sqn_ms == known);
	next = challenge_for(aka_next_sqn(sqn_ms));
	ck_ok(answer(&ue, &next));
	ck_assert_mem_eq(ue.res, next.xres, 8);
}
END_TEST

START_TEST(corrupted_auts)
{
	struct aka_vector old = challenge_for(0);
	struct ue ue = {0};
	uint64_t sqn_ms = 77;
	uint8_t other[16] = {1};

	ck_err(answer(&ue, &old), KH_E_SYNCH_FAILURE);
	for (unsigned bit = 0; bit < 8 * sizeof ue.auts; bit++) {
		ue.auts[bit / 8] ^= (uint8_t)(1U << bit % 8);
		ck_err(aka_resynchronise(c, &k, &opc, challenge, ue.auts, &sqn_ms),
		       KH_E_MAC_FAILURE);
		ue.auts[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	ck_err(aka_resynchronise(c, &k, &opc, other, ue.auts, &sqn_ms), KH_E_MAC_FAILURE);
	ck_assert(sqn_ms == 77);
	ck_ok(aka_resynchronise(c, &k, &opc, challenge, ue.auts, &sqn_ms));
	ck_assert(sqn_ms == 0);
}
END_TEST

START_TEST(jumps)
{
	struct ue ue = {0};
	struct aka_vector a = challenge_for((AKA_DELTA + 1) << 5),
			  b = challenge_for(AKA_DELTA << 5);

	ck_err(answer(&ue, &a), KH_E_SYNCH_FAILURE); /* would use up the numbers */
	ck_ok(answer(&ue, &b));
	ck_ok(answer(&ue, &a));
	ck_err(aka_generate(c, &k, &opc, challenge, AKA_SQN_MAX + 1, &sn_id, &a), KH_E_BAD_FIELD);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("milenage");

	CHECK_CASE_WITH(s, "vectors", setup, teardown, ts35208, autn_auts, eps_vectors);
	CHECK_CASE_WITH(s, "AKA", setup, teardown, next_sqn, each_vector_once, out_of_order,
			mac_failure, separation_bit, resynchronisation, corrupted_auts, jumps);
	return check_main(s);
}
