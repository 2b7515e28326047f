#include "crypto.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#define BLOCK 16
#define TAG 16

/* One context per algorithm, key length and direction: rekeying costs no fetch, no allocation. */
enum slot {
	ECB_128_SEAL,
	ECB_256_SEAL,
	ECB_128_OPEN,
	ECB_256_OPEN,
	CTR_128,
	GCM_128_SEAL,
	GCM_256_SEAL,
	GCM_128_OPEN,
	GCM_256_OPEN,
	KW_128_SEAL,
	KW_192_SEAL,
	KW_256_SEAL,
	KW_128_OPEN,
	KW_192_OPEN,
	KW_256_OPEN,
	SLOTS
};

static const struct {
	const char *name;
	int seal;
} slots[SLOTS] = {
	[ECB_128_SEAL] = {"AES-128-ECB", 1}, [ECB_256_SEAL] = {"AES-256-ECB", 1},
	[ECB_128_OPEN] = {"AES-128-ECB", 0}, [ECB_256_OPEN] = {"AES-256-ECB", 0},
	[CTR_128] = {"AES-128-CTR", 1},	     [GCM_128_SEAL] = {"AES-128-GCM", 1},
	[GCM_256_SEAL] = {"AES-256-GCM", 1}, [GCM_128_OPEN] = {"AES-128-GCM", 0},
	[GCM_256_OPEN] = {"AES-256-GCM", 0}, [KW_128_SEAL] = {"AES-128-WRAP", 1},
	[KW_192_SEAL] = {"AES-192-WRAP", 1}, [KW_256_SEAL] = {"AES-256-WRAP", 1},
	[KW_128_OPEN] = {"AES-128-WRAP", 0}, [KW_192_OPEN] = {"AES-192-WRAP", 0},
	[KW_256_OPEN] = {"AES-256-WRAP", 0},
};

enum mac_slot { CMAC_128, CMAC_256, HMAC_256, MAC_SLOTS };

struct crypto {
	EVP_CIPHER_CTX *cipher[SLOTS];
	EVP_MAC_CTX *mac[MAC_SLOTS];
	uint32_t keyed; /* contexts that hold a key, one bit each: ciphers, then MACs */
	void (*first_key)(void *arg);
	void *arg;
};
_Static_assert(SLOTS + MAC_SLOTS <= 32, "bits of `keyed`");

static EVP_CIPHER_CTX *new_cipher(const char *name, int seal)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	int ok = 0;

	if (ctx && cipher) {
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
		ok = EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, seal, NULL) == 1 &&
		     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
	}
	EVP_CIPHER_free(cipher); /* the context holds its own reference */
	if (ok)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

static EVP_MAC_CTX *new_mac(const char *name, const char *param, const char *value)
{
	char text[16];
	EVP_MAC *mac = EVP_MAC_fetch(NULL, name, NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	OSSL_PARAM params[2];

	EVP_MAC_free(mac);
	if (!ctx)
		return NULL;
	OPENSSL_strlcpy(text, value, sizeof text); /* parameters want a writable string */
	params[0] = OSSL_PARAM_construct_utf8_string(param, text, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

struct crypto *crypto_new(void)
{
	struct crypto *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	for (unsigned i = 0; i < SLOTS; i++)
		if (!(c->cipher[i] = new_cipher(slots[i].name, slots[i].seal)))
			goto fail;
	c->mac[CMAC_128] = new_mac("CMAC", OSSL_MAC_PARAM_CIPHER, "AES-128-CBC");
	c->mac[CMAC_256] = new_mac("CMAC", OSSL_MAC_PARAM_CIPHER, "AES-256-CBC");
	c->mac[HMAC_256] = new_mac("HMAC", OSSL_MAC_PARAM_DIGEST, "SHA256");
	for (unsigned i = 0; i < MAC_SLOTS; i++)
		if (!c->mac[i])
			goto fail;
	return c;
fail:
	crypto_free(c);
	return NULL;
}

void crypto_free(struct crypto *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		EVP_CIPHER_CTX_free(c->cipher[i]); /* wipes its key schedule */
	for (unsigned i = 0; i < MAC_SLOTS; i++)
		EVP_MAC_CTX_free(c->mac[i]);
	free(c);
}

void crypto_on_first_key(struct crypto *c, void (*fn)(void *arg), void *arg)
{
	c->first_key = fn;
	c->arg = arg;
}

static void takes_key(struct crypto *c, unsigned slot)
{
	if (!c->keyed && c->first_key)
		c->first_key(c->arg);
	c->keyed |= 1U << slot;
}

void crypto_forget(struct crypto *c)
{
	static const uint8_t zero[32];
	static const size_t mac_key_len[MAC_SLOTS] = {
		[CMAC_128] = 16, [CMAC_256] = 32, [HMAC_256] = 32};

	/* Nothing to do about a failure: the next use rekeys anyway. */
	for (unsigned i = 0; i < SLOTS; i++)
		if (c->keyed & 1U << i)
			(void)EVP_CipherInit_ex2(c->cipher[i], NULL, zero, NULL, slots[i].seal,
						 NULL);
	for (unsigned i = 0; i < MAC_SLOTS; i++)
		if (c->keyed & 1U << (SLOTS + i))
			(void)EVP_MAC_init(c->mac[i], zero, mac_key_len[i], NULL);
	c->keyed = 0;
}

/* As EVP_MAC_init(). */
static int rekey_mac(struct crypto *c, enum mac_slot slot, const void *key, size_t key_len)
{
	takes_key(c, SLOTS + slot);
	return EVP_MAC_init(c->mac[slot], key, key_len, NULL);
}

static int rekey(struct crypto *c, enum slot slot, const uint8_t *key, const uint8_t *iv)
{
	takes_key(c, slot);
	return EVP_CipherInit_ex2(c->cipher[slot], NULL, key, iv, slots[slot].seal, NULL) == 1;
}

/* EVP counts in int. True when exactly `want` octets came out. */
static int update(EVP_CIPHER_CTX *ctx, const uint8_t *in, size_t len, uint8_t *out, size_t want)
{
	int n = 0;

	if (len > INT_MAX || EVP_CipherUpdate(ctx, out, &n, in, (int)len) != 1)
		return 0;
	return n >= 0 && (size_t)n == want;
}

static int ecb(struct crypto *c, enum slot slot, const uint8_t *key, const uint8_t *in,
	       uint8_t *out, size_t blocks)
{
	if (blocks == 0)
		return KH_OK;
	if (blocks > INT_MAX / BLOCK || !rekey(c, slot, key, NULL))
		return KH_E_INTERNAL;
	if (!update(c->cipher[slot], in, blocks * BLOCK, out, blocks * BLOCK))
		return KH_E_INTERNAL;
	return KH_OK;
}

int crypto_aes_encrypt(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *in,
		       uint8_t *out, size_t blocks)
{
	if (key_len != 16 && key_len != 32)
		return KH_E_INTERNAL;
	return ecb(c, key_len == 16 ? ECB_128_SEAL : ECB_256_SEAL, key, in, out, blocks);
}

int crypto_aes_decrypt(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *in,
		       uint8_t *out, size_t blocks)
{
	if (key_len != 16 && key_len != 32)
		return KH_E_INTERNAL;
	return ecb(c, key_len == 16 ? ECB_128_OPEN : ECB_256_OPEN, key, in, out, blocks);
}

int crypto_aes_ctr(struct crypto *c, const uint8_t key[static 16], const uint8_t iv[static 16],
		   const uint8_t *in, uint8_t *out, size_t len)
{
	if (len == 0)
		return KH_OK;
	if (!rekey(c, CTR_128, key, iv) || !update(c->cipher[CTR_128], in, len, out, len))
		return KH_E_INTERNAL;
	return KH_OK;
}

static int mac_update(EVP_MAC_CTX *ctx, const void *p, size_t len)
{
	return len == 0 || EVP_MAC_update(ctx, p, len) == 1;
}

int crypto_cmac(struct crypto *c, const uint8_t *key, size_t key_len, const void *a, size_t a_len,
		const void *b, size_t b_len, uint8_t mac[static 16])
{
	enum mac_slot slot = key_len == 16 ? CMAC_128 : CMAC_256;
	EVP_MAC_CTX *ctx = c->mac[slot];
	size_t n = 0;

	if (key_len != 16 && key_len != 32)
		return KH_E_INTERNAL;
	if (rekey_mac(c, slot, key, key_len) != 1 || !mac_update(ctx, a, a_len) ||
	    !mac_update(ctx, b, b_len) || EVP_MAC_final(ctx, mac, &n, BLOCK) != 1 || n != BLOCK)
		return KH_E_INTERNAL;
	return KH_OK;
}

/* Key, IV and associated data: what seal and open have in common. */
static int gcm_begin(struct crypto *c, enum slot slot, const uint8_t *key, const uint8_t *iv,
		     size_t iv_len, const void *aad, size_t aad_len)
{
	EVP_CIPHER_CTX *ctx = c->cipher[slot];

	if (iv_len < 1 || iv_len > 64 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)iv_len, NULL) != 1)
		return 0;
	if (!rekey(c, slot, key, iv))
		return 0;
	return aad_len == 0 || update(ctx, aad, aad_len, NULL, aad_len);
}

int crypto_gcm_seal(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *iv,
		    size_t iv_len, const void *aad, size_t aad_len, const uint8_t *in, size_t len,
		    uint8_t *out, uint8_t tag[static 16])
{
	enum slot slot = key_len == 16 ? GCM_128_SEAL : GCM_256_SEAL;
	EVP_CIPHER_CTX *ctx = c->cipher[slot];
	uint8_t none[BLOCK];
	int n = 0;

	if (key_len != 16 && key_len != 32)
		return KH_E_INTERNAL;
	if (!gcm_begin(c, slot, key, iv, iv_len, aad, aad_len) ||
	    (len > 0 && !update(ctx, in, len, out, len)) || EVP_CipherFinal_ex(ctx, none, &n) != 1)
		return KH_E_INTERNAL;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) != 1)
		return KH_E_INTERNAL;
	return KH_OK;
}

int crypto_gcm_open(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *iv,
		    size_t iv_len, const void *aad, size_t aad_len, const uint8_t *in, size_t len,
		    const uint8_t tag[static 16], uint8_t *out)
{
	enum slot slot = key_len == 16 ? GCM_128_OPEN : GCM_256_OPEN;
	EVP_CIPHER_CTX *ctx = c->cipher[slot];
	uint8_t want[TAG], none[BLOCK];
	int n = 0, err = KH_E_INTERNAL;

	if (key_len != 16 && key_len != 32)
		return KH_E_INTERNAL;
	for (unsigned i = 0; i < TAG; i++) /* the call wants it writable; `in` may be `out` */
		want[i] = tag[i];
	if (gcm_begin(c, slot, key, iv, iv_len, aad, aad_len) &&
	    (len == 0 || update(ctx, in, len, out, len)) &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, want) == 1)
		err = EVP_CipherFinal_ex(ctx, none, &n) == 1 ? KH_OK : KH_E_UNWRAP_FAILED;
	if (err)
		OPENSSL_cleanse(out, len);
	return err;
}

/* -1 for a key length that RFC 3394 does not have. */
static int kw_slot(size_t key_len, int seal)
{
	switch (key_len) {
	case 16:
		return seal ? KW_128_SEAL : KW_128_OPEN;
	case 24:
		return seal ? KW_192_SEAL : KW_192_OPEN;
	case 32:
		return seal ? KW_256_SEAL : KW_256_OPEN;
	default:
		return -1;
	}
}

int crypto_kw_seal(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *in,
		   size_t len, uint8_t *out)
{
	int slot = kw_slot(key_len, 1);

	if (slot < 0 || len < 16 || len % 8 != 0 || !rekey(c, (enum slot)slot, key, NULL))
		return KH_E_INTERNAL;
	return update(c->cipher[slot], in, len, out, len + 8) ? KH_OK : KH_E_INTERNAL;
}

int crypto_kw_open(struct crypto *c, const uint8_t *key, size_t key_len, const uint8_t *in,
		   size_t in_len, uint8_t *out)
{
	int slot = kw_slot(key_len, 0);

	if (slot < 0)
		return KH_E_INTERNAL;
	if (in_len < 24 || in_len % 8 != 0)
		return KH_E_UNWRAP_FAILED;
	if (!rekey(c, (enum slot)slot, key, NULL))
		return KH_E_INTERNAL;
	if (update(c->cipher[slot], in, in_len, out, in_len - 8))
		return KH_OK;
	OPENSSL_cleanse(out, in_len - 8);
	return KH_E_UNWRAP_FAILED;
}

int crypto_hmac(struct crypto *c, const void *key, size_t key_len, const void *msg, size_t len,
		uint8_t mac[static 32])
{
	EVP_MAC_CTX *ctx = c->mac[HMAC_256];
	size_t n = 0;

	if (key_len == 0 || rekey_mac(c, HMAC_256, key, key_len) != 1 ||
	    !mac_update(ctx, msg, len) || EVP_MAC_final(ctx, mac, &n, 32) != 1 || n != 32)
		return KH_E_INTERNAL;
	return KH_OK;
}
