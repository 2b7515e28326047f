/* EPS AKA on Milenage: the half of milenage.h that knows AUTN, AUTS and SQN. */
#include "milenage.h"

#include <string.h>

#include "ids.h"
#include "kdf.h"

#define SQN_LEN 6
#define AUTN_AMF 6 /* offsets in AUTN = (SQN xor AK) | AMF | MAC-A, TS 33.102 6.3.2 */
#define AUTN_MAC 8
#define AUTS_MAC 6 /* and in AUTS = (SQN_MS xor AK*) | MAC-S */
#define SEPARATION_BIT 0x80

/* TS 33.401 6.1.2: the separation bit says that the vector is for E-UTRAN only. */
static const uint8_t amf_eps[2] = {SEPARATION_BIT, 0x00};
/* TS 33.102 6.3.3: MAC-S is made with a dummy AMF, so that it need not be sent. */
static const uint8_t amf_resync[2] = {0x00, 0x00};

static void put_sqn(uint8_t out[static SQN_LEN], uint64_t sqn)
{
	for (int i = SQN_LEN - 1; i >= 0; i--, sqn >>= 8)
		out[i] = (uint8_t)sqn;
}

static uint64_t get_sqn(const uint8_t in[static SQN_LEN])
{
	uint64_t sqn = 0;

	for (unsigned i = 0; i < SQN_LEN; i++)
		sqn = sqn << 8 | in[i];
	return sqn;
}

static void xor_sqn(uint8_t out[static SQN_LEN], const uint8_t a[static SQN_LEN],
		    const uint8_t b[static SQN_LEN])
{
	for (unsigned i = 0; i < SQN_LEN; i++)
		out[i] = a[i] ^ b[i];
}

int aka_generate(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
		 const uint8_t rand[static 16], uint64_t sqn, const struct plmn *sn_id,
		 struct aka_vector *out)
{
	KEY_LOCAL(milenage) struct milenage m;
	uint8_t sqn_octets[SQN_LEN];
	int err;

	if (sqn > AKA_SQN_MAX)
		return KH_E_BAD_FIELD;
	put_sqn(sqn_octets, sqn);
	err = milenage_run(c, k, opc, rand, sqn_octets, amf_eps, &m);
	if (err)
		return err;
	memcpy(out->rand, rand, sizeof out->rand);
	xor_sqn(out->autn, sqn_octets, m.ak);
	memcpy(out->autn + AUTN_AMF, amf_eps, sizeof amf_eps);
	memcpy(out->autn + AUTN_MAC, m.mac_a, sizeof m.mac_a);
	memcpy(out->xres, m.res, sizeof out->xres);
	return kdf_kasme(c, &m.ck, &m.ik, sn_id, out->autn, &out->kasme);
}

int aka_resynchronise(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
		      const uint8_t rand[static 16], const uint8_t auts[static 14],
		      uint64_t *sqn_ms)
{
	KEY_LOCAL(milenage) struct milenage m;
	uint8_t sqn[SQN_LEN] = {0};
	int err;

	/* AK* does not depend on SQN, MAC-S does: hence twice. */
	err = milenage_run(c, k, opc, rand, sqn, amf_resync, &m);
	if (err)
		return err;
	xor_sqn(sqn, auts, m.ak_star);
	err = milenage_run(c, k, opc, rand, sqn, amf_resync, &m);
	if (err)
		return err;
	if (!key_equal(m.mac_s, auts + AUTS_MAC, sizeof m.mac_s))
		return KH_E_MAC_FAILURE;
	*sqn_ms = get_sqn(sqn);
	return KH_OK;
}

uint64_t aka_next_sqn(uint64_t sqn)
{
	uint64_t seq = (sqn >> AKA_IND_BITS) + 1;
	uint64_t ind = (sqn + 1) % AKA_IND_COUNT;

	return (seq << AKA_IND_BITS | ind) & AKA_SQN_MAX;
}

/* SQN_MS: the highest SEQ accepted so far, with its IND (TS 33.102 C.2.2). */
static uint64_t highest_sqn(const struct aka_sqn_array *a)
{
	unsigned best = 0;

	for (unsigned i = 1; i < AKA_IND_COUNT; i++)
		if (a->seq[i] > a->seq[best])
			best = i;
	return a->seq[best] << AKA_IND_BITS | best;
}

/* TS 33.102 C.2.2: above the entry of its IND, and not too far above all of them, so that one
 * vector cannot use up the numbers. */
static bool is_fresh(const struct aka_sqn_array *a, uint64_t sqn)
{
	uint64_t seq = sqn >> AKA_IND_BITS;
	uint64_t highest = highest_sqn(a) >> AKA_IND_BITS;

	if (seq <= a->seq[sqn % AKA_IND_COUNT])
		return false;
	return seq <= highest || seq - highest <= AKA_DELTA;
}

static int make_auts(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
		     const uint8_t rand[static 16], uint64_t sqn_ms, uint8_t auts[static 14])
{
	KEY_LOCAL(milenage) struct milenage m;
	uint8_t sqn[SQN_LEN];
	int err;

	put_sqn(sqn, sqn_ms);
	err = milenage_run(c, k, opc, rand, sqn, amf_resync, &m);
	if (err)
		return err;
	xor_sqn(auts, sqn, m.ak_star);
	memcpy(auts + AUTS_MAC, m.mac_s, sizeof m.mac_s);
	return KH_E_SYNCH_FAILURE;
}

/* All outputs for the SQN and AMF that AUTN carries, once its MAC-A is good. */
static int check_autn(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
		      const uint8_t rand[static 16], const uint8_t autn[static 16],
		      struct milenage *m, uint64_t *sqn)
{
	uint8_t octets[SQN_LEN] = {0};
	int err;

	/* AK does not depend on SQN, MAC-A does: hence twice. */
	err = milenage_run(c, k, opc, rand, octets, autn + AUTN_AMF, m);
	if (err)
		return err;
	xor_sqn(octets, autn, m->ak);
	err = milenage_run(c, k, opc, rand, octets, autn + AUTN_AMF, m);
	if (err)
		return err;
	if (!key_equal(m->mac_a, autn + AUTN_MAC, sizeof m->mac_a))
		return KH_E_MAC_FAILURE;
	*sqn = get_sqn(octets);
	return KH_OK;
}

int aka_answer(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
	       struct aka_sqn_array *sqns, const uint8_t rand[static 16],
	       const uint8_t autn[static 16], const struct plmn *sn_id, uint8_t res[static 8],
	       uint8_t auts[static 14], struct kasme *kasme)
{
	KEY_LOCAL(milenage) struct milenage m;
	uint64_t sqn;
	int err;

	err = check_autn(c, k, opc, rand, autn, &m, &sqn);
	if (err)
		return err;
	if (!(autn[AUTN_AMF] & SEPARATION_BIT))
		return KH_E_AMF_SEPARATION;
	if (!is_fresh(sqns, sqn))
		return make_auts(c, k, opc, rand, highest_sqn(sqns), auts);
	err = kdf_kasme(c, &m.ck, &m.ik, sn_id, autn, kasme);
	if (err)
		return err;
	memcpy(res, m.res, sizeof m.res);
	sqns->seq[sqn % AKA_IND_COUNT] = sqn >> AKA_IND_BITS;
	return KH_OK;
}
