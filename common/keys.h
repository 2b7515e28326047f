/* Keys: one type per kind, so that the wrong one does not compile. All are wiped by key_wipe() when their
 * use ends; locals carry KEY_LOCAL. Derived in kdf.c, wrapped in wrap.c, and nowhere else. */
#ifndef KEYHOP_KEYS_H
#define KEYHOP_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crypto;

/* X(constant, name): the names of protocol.md, used by fingerprints and the keylog. */
/* clang-format off */
#define KEY_KINDS(X) \
	X(K, "k") \
	X(OPC, "opc") \
	X(KASME, "kasme") X(K_NAS_ENC, "k_nas_enc") X(K_NAS_INT, "k_nas_int") X(H_KEY, "h_key") \
		X(KENB, "kenb") X(MME_ENB_KEY, "mme_enb_key") X(K_RRC_ENC, "k_rrc_enc") \
			X(K_RRC_INT, "k_rrc_int") X(K_UP_ENC, "k_up_enc")
/* clang-format on */

enum key_kind {
#define KEY_KIND_ENUM(id, name) KEY_##id,
	KEY_KINDS(KEY_KIND_ENUM)
#undef KEY_KIND_ENUM
		KEY_KIND_COUNT
};

/* Subscriber key and operator variant (TS 35.206). */
struct subscriber_key {
	uint8_t b[16];
};
struct opc {
	uint8_t b[16];
};
/* CK and IK (TS 33.102), alive only between Milenage and K_ASME. */
struct cipher_key {
	uint8_t b[16];
};
struct integrity_key {
	uint8_t b[16];
};
/* TS 33.401 A.2. */
struct kasme {
	uint8_t b[32];
};
/* TS 33.401 A.7. */
struct k_nas_enc {
	uint8_t b[16];
};
struct k_nas_int {
	uint8_t b[16];
};
struct k_rrc_enc {
	uint8_t b[16];
};
struct k_rrc_int {
	uint8_t b[16];
};
struct k_up_enc {
	uint8_t b[16];
};
/* Step 3a: 16 or 32 octets. */
struct h_key {
	uint8_t b[32];
	uint8_t len;
};
/* Steps 3b and 9a: 16 or 32 octets; 32 from TS 33.401 A.3. */
struct kenb {
	uint8_t b[32];
	uint8_t len;
};
/* Step 1: 16 or 32 octets, with the id that stands in nonce and associated data. One key, one form of wrapping. */
struct mme_enb_key {
	uint8_t b[32];
	uint8_t len;
	uint8_t wrap; /* enum wrap_type */
	uint32_t id;
};

#define KEY_MAX_LEN 32

/* The AS keys of one UE in one cell (steps 8a and 9b). */
struct as_keys {
	struct k_rrc_enc rrc_enc;
	struct k_rrc_int rrc_int;
	struct k_up_enc up_enc;
};

const char *key_kind_name(enum key_kind kind);
/* Overwrites; the compiler may not leave it out. */
void key_wipe(void *key, size_t len);
/* Wipes a key object whole: KEY_WIPE(&ue->kasme). */
#define KEY_WIPE(p) key_wipe((p), sizeof *(p))
/* Constant time. */
bool key_equal(const void *a, const void *b, size_t len);

/* Wipes a local at the end of its block: KEY_LOCAL(kenb) struct kenb k = {0}; */
#define KEY_LOCAL(type) __attribute__((cleanup(type##_local_wipe)))
/* clang-format off */
#define KEY_LOCAL_DECLARE(type) \
	static inline void type##_local_wipe(struct type *p) \
	{ \
		key_wipe(p, sizeof *p); \
	}
/* clang-format on */
KEY_LOCAL_DECLARE(subscriber_key)
KEY_LOCAL_DECLARE(opc)
KEY_LOCAL_DECLARE(cipher_key)
KEY_LOCAL_DECLARE(integrity_key)
KEY_LOCAL_DECLARE(kasme)
KEY_LOCAL_DECLARE(h_key)
KEY_LOCAL_DECLARE(kenb)
KEY_LOCAL_DECLARE(mme_enb_key)
KEY_LOCAL_DECLARE(as_keys)

#define FINGERPRINT_LEN 9 /* 8 hex digits and NUL */
/* First 4 octets of HMAC-SHA-256("keyhop-fingerprint", name | key) as hex. Equal on every node that holds
 * the key; for logs, events and control replies, never on the wire. */
void key_fingerprint(struct crypto *c, enum key_kind kind, const void *key, size_t len,
		     char out[FINGERPRINT_LEN]);

#endif
