/* Every key derivation of the project: KeNB[eNB_ID] of the contribution (steps 3b, 9a) and the functions of
 * TS 33.401 Annex A on the KDF of TS 33.220 Annex B. Milenage stands in milenage.c. */
#ifndef KEYHOP_KDF_H
#define KEYHOP_KDF_H

#include "ids.h"
#include "keys.h"

/* What goes into the PLMN part of the AES block: `kenb_input`. Values as in nas.proto. */
enum kenb_input { KENB_INPUT_PLMN = 1, KENB_INPUT_LITERAL = 2 };

/* Step 3b, 9a: KeNB[eNB_ID] = AES_Hkey(block), block = counter(1) | 00 x 8 | PLMN(3) | eNB_ID(4).
 * 128-bit H_key: one block, counter 0. 256-bit H_key: blocks with counter 1 and 2.
 * KH_E_BAD_FIELD for an H_key of another length or an eNB_ID outside 1..2^28-1. */
int kdf_kenb(struct crypto *c, const struct h_key *h_key, enum kenb_input input,
	     const struct plmn *plmn, uint32_t enb_id, struct kenb *out) KH_MUST_CHECK;
/* One block of it, for any H_key length and counter. */
int kdf_kenb_block(struct crypto *c, const struct h_key *h_key, uint8_t counter,
		   const struct plmn *plmn, uint32_t enb_id, uint8_t out[static 16]) KH_MUST_CHECK;

/* A.2: K_ASME from CK, IK, the SN id and SQN xor AK (the first 6 octets of AUTN). */
int kdf_kasme(struct crypto *c, const struct cipher_key *ck, const struct integrity_key *ik,
	      const struct plmn *sn_id, const uint8_t sqn_xor_ak[static 6],
	      struct kasme *out) KH_MUST_CHECK;
/* A.3: first KeNB from K_ASME and the uplink NAS COUNT. */
int kdf_kenb_initial(struct crypto *c, const struct kasme *kasme, uint32_t uplink_nas_count,
		     struct kenb *out) KH_MUST_CHECK;
/* A.4: NH; sync_input is KeNB for the first, the previous NH afterwards (32 octets). */
int kdf_nh(struct crypto *c, const struct kasme *kasme, const uint8_t sync_input[static 32],
	   uint8_t out[static 32]) KH_MUST_CHECK;
/* A.5: KeNB*; `key` is NH or the current KeNB (32 octets), EARFCN-DL in 2 octets up to 65535, else 3. */
int kdf_kenb_star(struct crypto *c, const uint8_t key[static 32], uint16_t pci, uint32_t earfcn_dl,
		  uint8_t out[static 32]) KH_MUST_CHECK;
/* A.7: NAS keys from K_ASME for the algorithm identities (0..3). */
int kdf_nas_keys(struct crypto *c, const struct kasme *kasme, uint8_t eea, uint8_t eia,
		 struct k_nas_enc *enc, struct k_nas_int *integrity) KH_MUST_CHECK;
/* A.7, steps 8a and 9b: RRC and UP keys from a KeNB of 16 or 32 octets. */
int kdf_as_keys(struct crypto *c, const struct kenb *kenb, uint8_t eea, uint8_t eia,
		struct as_keys *out) KH_MUST_CHECK;
/* A.7 itself: type distinguisher 1..6, key of 16 or 32 octets, whole output of 32. */
int kdf_algorithm_key(struct crypto *c, const uint8_t *key, size_t key_len, uint8_t type,
		      uint8_t identity, uint8_t out[static 32]) KH_MUST_CHECK;

#endif
