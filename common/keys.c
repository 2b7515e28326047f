#include "keys.h"

#include <openssl/crypto.h>
#include <string.h>

#include "crypto.h"
#include "ids.h"

static const char fingerprint_label[] = "keyhop-fingerprint";
#define NAME_MAX_LEN 16

static const char *const kind_names[KEY_KIND_COUNT] = {
#define KIND_NAME(id, name) [KEY_##id] = name,
	KEY_KINDS(KIND_NAME)
#undef KIND_NAME
};

#define NAME_FITS(id, name) _Static_assert(sizeof name <= NAME_MAX_LEN, name);
KEY_KINDS(NAME_FITS)
#undef NAME_FITS

const char *key_kind_name(enum key_kind kind)
{
	return (unsigned)kind < KEY_KIND_COUNT ? kind_names[kind] : "unknown";
}

void key_wipe(void *key, size_t len)
{
	OPENSSL_cleanse(key, len);
}

bool key_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void key_fingerprint(struct crypto *c, enum key_kind kind, const void *key, size_t len,
		     char out[FINGERPRINT_LEN])
{
	const char *name = key_kind_name(kind);
	size_t name_len = strlen(name);
	uint8_t msg[NAME_MAX_LEN + KEY_MAX_LEN], mac[32];

	/* A failure shows as question marks, so that two of them are not taken for a match. */
	memcpy(out, "????????", FINGERPRINT_LEN);
	if (len > KEY_MAX_LEN)
		return;
	memcpy(msg, name, name_len);
	memcpy(msg + name_len, key, len);
	if (crypto_hmac(c, fingerprint_label, sizeof fingerprint_label - 1, msg, name_len + len,
			mac) == KH_OK)
		hex_encode(out, mac, 4);
	key_wipe(msg, sizeof msg);
	key_wipe(mac, sizeof mac);
}
