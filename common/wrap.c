#include "wrap.h"

#include <string.h>

#include "crypto.h"
#include "ids.h"

static const char aad_label[] = "keyhop-kenb"; /* without its NUL */
#define LABEL_LEN (sizeof aad_label - 1)
#define AAD_VERSION 0x01
#define AAD_LEN (LABEL_LEN + 1 + 4 + 8 + 4 + 4 + 4)

static const struct {
	const char *name, *warning;
} wraps[] = {
	[WRAP_AES_GCM] = {"aes-gcm", NULL},
	[WRAP_AES_KW] = {"aes-kw",
			 "wrap aes-kw binds the wrapped key to no UE: a hostile source can "
			 "give a victim the wrapped key of a subscriber of its own; for study "
			 "only"},
	[WRAP_AES_BLOCK] = {"aes-block",
			    "wrap aes-block has no integrity and binds the wrapped key to no UE: a "
			    "changed or swapped one is not noticed by the target; for study only"},
};

static bool is_known(enum wrap_type type)
{
	return (unsigned)type >= WRAP_AES_GCM && (unsigned)type <= WRAP_AES_BLOCK;
}

const char *wrap_name(enum wrap_type type)
{
	return is_known(type) ? wraps[type].name : "unknown";
}

enum wrap_type wrap_parse(const char *name)
{
	for (int type = WRAP_AES_GCM; type <= WRAP_AES_BLOCK; type++)
		if (strcmp(wraps[type].name, name) == 0)
			return (enum wrap_type)type;
	return (enum wrap_type)0;
}

const char *wrap_warning(enum wrap_type type)
{
	return is_known(type) ? wraps[type].warning : NULL;
}

size_t wrap_len(enum wrap_type type, size_t kenb_len)
{
	if (kenb_len != 16 && kenb_len != 32)
		return 0;
	switch (type) {
	case WRAP_AES_GCM:
		return WRAP_NONCE_LEN + kenb_len + WRAP_TAG_LEN;
	case WRAP_AES_KW:
		return kenb_len + 8; /* the check value of RFC 3394 */
	case WRAP_AES_BLOCK:
		return kenb_len == 16 ? 16 : 0;
	}
	return 0;
}

/* "keyhop-kenb" | 01 | MME-UE-id | generation | source | target | key id. */
static void make_aad(uint8_t aad[static AAD_LEN], const struct wrap_binding *b, uint32_t key_id)
{
	uint8_t *p = aad + LABEL_LEN;

	memcpy(aad, aad_label, LABEL_LEN);
	*p++ = AAD_VERSION;
	put_be32(p, b->mme_ue_id);
	put_be64(p + 4, b->generation);
	put_be32(p + 12, b->source_enb_id);
	put_be32(p + 16, b->target_enb_id);
	put_be32(p + 20, key_id);
}

static int seal_gcm(struct crypto *c, const struct mme_enb_key *key, uint64_t counter,
		    const struct wrap_binding *binding, const struct kenb *kenb, uint8_t *out)
{
	uint8_t aad[AAD_LEN];
	uint8_t *ciphertext = out + WRAP_NONCE_LEN;

	make_aad(aad, binding, key->id);
	put_be32(out, key->id);
	put_be64(out + 4, counter);
	return crypto_gcm_seal(c, key->b, key->len, out, WRAP_NONCE_LEN, aad, sizeof aad, kenb->b,
			       kenb->len, ciphertext, ciphertext + kenb->len);
}

static int open_gcm(struct crypto *c, const struct mme_enb_key *key,
		    const struct wrap_binding *binding, const uint8_t *in, size_t kenb_len,
		    uint8_t *out)
{
	uint8_t aad[AAD_LEN];
	const uint8_t *ciphertext = in + WRAP_NONCE_LEN;

	/* The tag covers the nonce, but only for a sender that keeps to its form: so look. */
	if (get_be32(in) != key->id)
		return KH_E_UNWRAP_FAILED;
	make_aad(aad, binding, key->id);
	return crypto_gcm_open(c, key->b, key->len, in, WRAP_NONCE_LEN, aad, sizeof aad, ciphertext,
			       kenb_len, ciphertext + kenb_len, out);
}

int wrap_seal(struct crypto *c, enum wrap_type type, const struct mme_enb_key *key,
	      uint64_t counter, const struct wrap_binding *binding, const struct kenb *kenb,
	      uint8_t *out, size_t *out_len)
{
	size_t len = wrap_len(type, kenb->len);
	int err = KH_E_BAD_FIELD;

	if (!len)
		return err;
	switch (type) {
	case WRAP_AES_GCM:
		err = seal_gcm(c, key, counter, binding, kenb, out);
		break;
	case WRAP_AES_KW:
		err = crypto_kw_seal(c, key->b, key->len, kenb->b, kenb->len, out);
		break;
	case WRAP_AES_BLOCK:
		err = crypto_aes_encrypt(c, key->b, key->len, kenb->b, out, 1);
		break;
	}
	if (!err)
		*out_len = len;
	return err;
}

/* Length of the KeNB inside a wrapped key of in_len octets, or 0. */
static uint8_t inner_len(enum wrap_type type, size_t in_len)
{
	if (in_len == 0)
		return 0;
	if (in_len == wrap_len(type, 16))
		return 16;
	return in_len == wrap_len(type, 32) ? 32 : 0;
}

int wrap_open(struct crypto *c, enum wrap_type type, const struct mme_enb_key *key,
	      const struct wrap_binding *binding, const uint8_t *in, size_t in_len,
	      struct kenb *out)
{
	uint8_t len = inner_len(type, in_len);
	int err = KH_E_WRAP_MISMATCH;

	KEY_WIPE(out);
	if (!len)
		return err;
	switch (type) {
	case WRAP_AES_GCM:
		err = open_gcm(c, key, binding, in, len, out->b);
		break;
	case WRAP_AES_KW:
		err = crypto_kw_open(c, key->b, key->len, in, in_len, out->b);
		break;
	case WRAP_AES_BLOCK:
		err = crypto_aes_decrypt(c, key->b, key->len, in, out->b, 1);
		break;
	}
	if (err)
		KEY_WIPE(out);
	else
		out->len = len;
	return err;
}
