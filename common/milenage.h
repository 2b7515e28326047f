/* Milenage (TS 35.206) and EPS AKA on it (TS 33.102, TS 33.401): AUTN, AUTS, SQN. */
#ifndef KEYHOP_MILENAGE_H
#define KEYHOP_MILENAGE_H

#include <stdbool.h>

#include "err.h"
#include "keys.h"

#define AKA_SQN_MAX 0xffffffffffffULL
#define AKA_IND_BITS 5
#define AKA_IND_COUNT 32
#define AKA_DELTA (1ULL << 28) /* TS 33.102 C.2.1: how far SEQ may jump ahead */

/* All outputs of one run. Holds keys: wipe it. */
struct milenage {
	uint8_t mac_a[8]; /* f1 */
	uint8_t mac_s[8]; /* f1* */
	uint8_t res[8]; /* f2 */
	struct cipher_key ck; /* f3 */
	struct integrity_key ik; /* f4 */
	uint8_t ak[6]; /* f5 */
	uint8_t ak_star[6]; /* f5* */
};
KEY_LOCAL_DECLARE(milenage)

int milenage_opc(struct crypto *c, const struct subscriber_key *k, const uint8_t op[static 16],
		 struct opc *out) KH_MUST_CHECK;
int milenage_run(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
		 const uint8_t rand[static 16], const uint8_t sqn[static 6],
		 const uint8_t amf[static 2], struct milenage *out) KH_MUST_CHECK;

/* An EPS authentication vector (TS 33.401 6.1.2). Holds K_ASME: wipe it. */
struct aka_vector {
	uint8_t rand[16];
	uint8_t autn[16];
	uint8_t xres[8];
	struct kasme kasme;
};
KEY_LOCAL_DECLARE(aka_vector)

struct plmn;

/* Network side: vector for `sqn` (48 bits) and a given RAND, AMF 8000 (separation bit set). */
int aka_generate(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
		 const uint8_t rand[static 16], uint64_t sqn, const struct plmn *sn_id,
		 struct aka_vector *out) KH_MUST_CHECK;
/* Network side: SQN_MS out of AUTS. KH_E_MAC_FAILURE when MAC-S is wrong; *sqn_ms is then untouched. */
int aka_resynchronise(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
		      const uint8_t rand[static 16], const uint8_t auts[static 14],
		      uint64_t *sqn_ms) KH_MUST_CHECK;
/* The SQN after `sqn`: next SEQ, next IND (TS 33.102 C.1.1.1 with a 5-bit IND). */
uint64_t aka_next_sqn(uint64_t sqn);

/* The UE's memory of SQNs (TS 33.102 C.2): the highest SEQ accepted per IND. */
struct aka_sqn_array {
	uint64_t seq[AKA_IND_COUNT];
};

/* UE side, in the order of TS 33.401 6.1.1: MAC-A, separation bit, SQN freshness, and only then RES and
 * K_ASME; the SQN is then remembered. KH_E_MAC_FAILURE, KH_E_AMF_SEPARATION, or KH_E_SYNCH_FAILURE with
 * `auts` filled; in each of these `res` and `kasme` are untouched. */
int aka_answer(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
	       struct aka_sqn_array *sqns, const uint8_t rand[static 16],
	       const uint8_t autn[static 16], const struct plmn *sn_id, uint8_t res[static 8],
	       uint8_t auts[static 14], struct kasme *kasme) KH_MUST_CHECK;

#endif
