#include "kdf.h"

#include <string.h>

#include "crypto.h"

/* FC of TS 33.401 Annex A. */
enum { FC_KASME = 0x10, FC_KENB = 0x11, FC_NH = 0x12, FC_KENB_STAR = 0x13, FC_ALGORITHM = 0x15 };
/* Algorithm type distinguishers, TS 33.401 table A.7-1. */
enum { NAS_ENC = 1, NAS_INT = 2, RRC_ENC = 3, RRC_INT = 4, UP_ENC = 5, UP_INT = 6 };

#define BLOCK 16
#define OUTPUT 32

/* An output of the KDF, or the 32 octets it is keyed with. */
struct kdf_octets {
	uint8_t b[OUTPUT];
};
KEY_LOCAL_DECLARE(kdf_octets)

/* The string S of TS 33.220 B.2; 40 octets hold the longest one here, that of NH with one parameter
 * of 32. That parameter is a key, so the string is wiped. */
struct kdf_string {
	uint8_t b[40];
	size_t len;
};
KEY_LOCAL_DECLARE(kdf_string)

static void put_parameter(struct kdf_string *s, const void *p, size_t len)
{
	memcpy(s->b + s->len, p, len);
	s->len += len;
	s->b[s->len++] = (uint8_t)(len >> 8);
	s->b[s->len++] = (uint8_t)len;
}

static void put_16(struct kdf_string *s, uint16_t v)
{
	const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	put_parameter(s, b, sizeof b);
}

/* TS 33.220 B.2: HMAC-SHA-256(key, S). */
static int derive(struct crypto *c, const uint8_t *key, size_t key_len, const struct kdf_string *s,
		  uint8_t out[static OUTPUT])
{
	int err = crypto_hmac(c, key, key_len, s->b, s->len, out);

	if (err)
		key_wipe(out, OUTPUT);
	return err;
}

int kdf_kenb_block(struct crypto *c, const struct h_key *h_key, uint8_t counter,
		   const struct plmn *plmn, uint32_t enb_id, uint8_t out[static 16])
{
	uint8_t block[BLOCK] = {counter};

	if (h_key->len != 16 && h_key->len != 32)
		return KH_E_BAD_FIELD;
	memcpy(block + 9, plmn->b, sizeof plmn->b);
	put_be32(block + 12, enb_id);
	return crypto_aes_encrypt(c, h_key->b, h_key->len, block, out, 1);
}

int kdf_kenb(struct crypto *c, const struct h_key *h_key, enum kenb_input input,
	     const struct plmn *plmn, uint32_t enb_id, struct kenb *out)
{
	static const struct plmn no_plmn;
	const struct plmn *used = input == KENB_INPUT_LITERAL ? &no_plmn : plmn;
	bool two_blocks = h_key->len == 32;
	int err;

	if (!enb_id_is_valid(enb_id) || (input != KENB_INPUT_PLMN && input != KENB_INPUT_LITERAL))
		return KH_E_BAD_FIELD;
	/* Counters 1 and 2 keep the blocks apart from the one block of a 128-bit H_key. */
	err = kdf_kenb_block(c, h_key, two_blocks ? 1 : 0, used, enb_id, out->b);
	if (!err && two_blocks)
		err = kdf_kenb_block(c, h_key, 2, used, enb_id, out->b + BLOCK);
	if (err) {
		KEY_WIPE(out);
		return err;
	}
	out->len = h_key->len;
	return KH_OK;
}

int kdf_kasme(struct crypto *c, const struct cipher_key *ck, const struct integrity_key *ik,
	      const struct plmn *sn_id, const uint8_t sqn_xor_ak[static 6], struct kasme *out)
{
	KEY_LOCAL(kdf_octets) struct kdf_octets key;
	struct kdf_string s = {{FC_KASME}, 1};

	memcpy(key.b, ck->b, 16);
	memcpy(key.b + 16, ik->b, 16);
	put_parameter(&s, sn_id->b, sizeof sn_id->b);
	put_parameter(&s, sqn_xor_ak, 6);
	return derive(c, key.b, sizeof key.b, &s, out->b);
}

int kdf_kenb_initial(struct crypto *c, const struct kasme *kasme, uint32_t uplink_nas_count,
		     struct kenb *out)
{
	struct kdf_string s = {{FC_KENB}, 1};
	uint8_t count[4];
	int err;

	put_be32(count, uplink_nas_count);
	put_parameter(&s, count, sizeof count);
	err = derive(c, kasme->b, sizeof kasme->b, &s, out->b);
	out->len = err ? 0 : OUTPUT;
	return err;
}

int kdf_nh(struct crypto *c, const struct kasme *kasme, const uint8_t sync_input[static 32],
	   uint8_t out[static 32])
{
	KEY_LOCAL(kdf_string) struct kdf_string s = {{FC_NH}, 1};

	put_parameter(&s, sync_input, 32);
	return derive(c, kasme->b, sizeof kasme->b, &s, out);
}

int kdf_kenb_star(struct crypto *c, const uint8_t key[static 32], uint16_t pci, uint32_t earfcn_dl,
		  uint8_t out[static 32])
{
	struct kdf_string s = {{FC_KENB_STAR}, 1};
	const uint8_t wide[3] = {(uint8_t)(earfcn_dl >> 16), (uint8_t)(earfcn_dl >> 8),
				 (uint8_t)earfcn_dl};

	if (earfcn_dl > 0xffffff)
		return KH_E_BAD_FIELD;
	put_16(&s, pci);
	if (earfcn_dl <= UINT16_MAX)
		put_16(&s, (uint16_t)earfcn_dl);
	else
		put_parameter(&s, wide, sizeof wide);
	return derive(c, key, 32, &s, out);
}

int kdf_algorithm_key(struct crypto *c, const uint8_t *key, size_t key_len, uint8_t type,
		      uint8_t identity, uint8_t out[static 32])
{
	struct kdf_string s = {{FC_ALGORITHM}, 1};

	if ((key_len != 16 && key_len != 32) || type < NAS_ENC || type > UP_INT || identity > 0xf)
		return KH_E_BAD_FIELD;
	put_parameter(&s, &type, 1);
	put_parameter(&s, &identity, 1);
	return derive(c, key, key_len, &s, out);
}

/* A 128-bit algorithm uses the least significant, i.e. the last, 16 octets (TS 33.401 A.7). */
static int derive_128(struct crypto *c, const uint8_t *key, size_t key_len, uint8_t type,
		      uint8_t identity, uint8_t out[static 16])
{
	KEY_LOCAL(kdf_octets) struct kdf_octets whole;
	int err = kdf_algorithm_key(c, key, key_len, type, identity, whole.b);

	if (err)
		key_wipe(out, 16);
	else
		memcpy(out, whole.b + OUTPUT - 16, 16);
	return err;
}

int kdf_nas_keys(struct crypto *c, const struct kasme *kasme, uint8_t eea, uint8_t eia,
		 struct k_nas_enc *enc, struct k_nas_int *integrity)
{
	int err = derive_128(c, kasme->b, sizeof kasme->b, NAS_ENC, eea, enc->b);

	if (!err)
		err = derive_128(c, kasme->b, sizeof kasme->b, NAS_INT, eia, integrity->b);
	if (err) {
		KEY_WIPE(enc);
		KEY_WIPE(integrity);
	}
	return err;
}

int kdf_as_keys(struct crypto *c, const struct kenb *kenb, uint8_t eea, uint8_t eia,
		struct as_keys *out)
{
	int err = derive_128(c, kenb->b, kenb->len, RRC_ENC, eea, out->rrc_enc.b);

	if (!err)
		err = derive_128(c, kenb->b, kenb->len, RRC_INT, eia, out->rrc_int.b);
	if (!err)
		err = derive_128(c, kenb->b, kenb->len, UP_ENC, eea, out->up_enc.b);
	if (err)
		KEY_WIPE(out);
	return err;
}
