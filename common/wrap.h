/* Steps 3c and 7a: {KeNB[eNB_ID]}MME-eNB_key[eNB_ID], in three forms. */
#ifndef KEYHOP_WRAP_H
#define KEYHOP_WRAP_H

#include "err.h"
#include "keys.h"

/* Values as in s1.proto. */
enum wrap_type { WRAP_AES_GCM = 1, WRAP_AES_KW = 2, WRAP_AES_BLOCK = 3 };
#define WRAP_TYPES 4 /* room for one counter a type */

/* aes-gcm sends its nonce before ciphertext and tag: 12 + 32 + 16. */
#define WRAP_NONCE_LEN 12
#define WRAP_TAG_LEN 16
#define WRAP_MAX_LEN 60

/* What aes-gcm binds the key to; aes-kw and aes-block bind it to nothing. */
struct wrap_binding {
	uint32_t mme_ue_id;
	uint64_t generation;
	uint32_t source_enb_id;
	uint32_t target_enb_id;
};

const char *wrap_name(enum wrap_type type);
/* 0 when there is no such name. */
enum wrap_type wrap_parse(const char *name);
/* What a reader of the log must know before using `type`; NULL for aes-gcm. */
const char *wrap_warning(enum wrap_type type);
/* Length of a wrapped KeNB of kenb_len octets; 0 for a combination that does not exist. */
size_t wrap_len(enum wrap_type type, size_t kenb_len);

/* Step 3c. `counter` is the 64-bit GCM nonce counter of this key and must never repeat under it; the nonce is
 * key id(4) | counter(8); on the wire nonce | ciphertext | tag. Writes wrap_len() octets. KH_E_BAD_FIELD for a
 * combination that does not exist. */
int wrap_seal(struct crypto *c, enum wrap_type type, const struct mme_enb_key *key,
	      uint64_t counter, const struct wrap_binding *binding, const struct kenb *kenb,
	      uint8_t *out, size_t *out_len) KH_MUST_CHECK;
/* Step 7a. KH_E_WRAP_MISMATCH for a length that the form cannot have, KH_E_UNWRAP_FAILED when it does not
 * open (aes-gcm: also when the nonce names another key id); `out` is wiped then. aes-block cannot fail: a wrong key
 * shows at message 10. */
int wrap_open(struct crypto *c, enum wrap_type type, const struct mme_enb_key *key,
	      const struct wrap_binding *binding, const uint8_t *in, size_t in_len,
	      struct kenb *out) KH_MUST_CHECK;

#endif
