/* OpenSSL through EVP, with algorithms and contexts fetched once per process and rekeyed per call. Only this
 * file talks to EVP; everything above says AES block, CTR, CMAC, GCM, key wrap, HMAC. Not thread safe. */
#ifndef KEYHOP_CRYPTO_H
#define KEYHOP_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct crypto;

/* NULL when the library lacks an algorithm. */
struct crypto *crypto_new(void);
void crypto_free(struct crypto *c);
/* A context keeps its last key until the next one: keys would outlive their wipe in here. Rekeys those in use with
 * zeros. `fn` is called when the first context since then takes a key. */
void crypto_forget(struct crypto *c);
void crypto_on_first_key(struct crypto *c, void (*fn)(void *arg), void *arg);

/* Every function below: key_len 16 or 32 octets unless it says otherwise; 0, or KH_E_INTERNAL when the
 * library fails, or the error named. `in` and `out` may be the same. */

/* AES, `blocks` blocks of 16 octets in ECB; for one-block uses of the specifications only. */
int crypto_aes_encrypt(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *in,
		       uint8_t *out, size_t blocks) KH_MUST_CHECK;
int crypto_aes_decrypt(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *in,
		       uint8_t *out, size_t blocks) KH_MUST_CHECK;
/* AES-128-CTR from a full first counter block. */
int crypto_aes_ctr(struct crypto *c, const uint8_t key[static 16], const uint8_t iv[static 16],
		   const uint8_t *in, uint8_t *out, size_t len) KH_MUST_CHECK;
/* AES-CMAC over two pieces, b may be NULL with b_len 0. */
int crypto_cmac(struct crypto *c, const uint8_t *key, size_t key_len, const void *a, size_t a_len,
		const void *b, size_t b_len, uint8_t mac[static 16]) KH_MUST_CHECK;
/* AES-GCM with a 16-octet tag after the ciphertext; IV of iv_len (1..64) octets.
 * Open gives KH_E_UNWRAP_FAILED when the tag is wrong, and then leaves `out` wiped. */
int crypto_gcm_seal(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *iv,
		    size_t iv_len, const void *aad, size_t aad_len, const uint8_t *in, size_t len,
		    uint8_t *out, uint8_t tag[static 16]) KH_MUST_CHECK;
int crypto_gcm_open(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *iv,
		    size_t iv_len, const void *aad, size_t aad_len, const uint8_t *in, size_t len,
		    const uint8_t tag[static 16], uint8_t *out) KH_MUST_CHECK;
/* RFC 3394 with the default IV, key_len 16, 24 or 32; len a multiple of 8, at least 16; seal writes
 * len + 8 octets. Open takes len + 8 octets, gives KH_E_UNWRAP_FAILED when the check value is wrong. */
int crypto_kw_seal(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *in,
		   size_t len, uint8_t *out) KH_MUST_CHECK;
int crypto_kw_open(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *in,
		   size_t in_len, uint8_t *out) KH_MUST_CHECK;
/* HMAC-SHA-256 with a key of any length from 1 octet up. */
int crypto_hmac(struct crypto *c, const void *key, size_t key_len, const void *msg, size_t len,
		uint8_t mac[static 32]) KH_MUST_CHECK;

#endif
