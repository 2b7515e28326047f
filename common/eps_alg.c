#include "eps_alg.h"

#include <string.h>

#include "crypto.h"
#include "ids.h"
#include "keys.h"

#define BLOCK 16
#define PREFIX 8 /* COUNT | BEARER | DIRECTION | 26 zero bits, TS 33.401 B.2.3 */

int eea_is_supported(uint8_t eea)
{
	return eea == EEA0 || eea == EEA2;
}

int eia_is_supported(uint8_t eia)
{
	return eia == EIA2;
}

uint32_t eps_alg_bits(const uint8_t *id, size_t n)
{
	uint32_t out = 0;

	for (size_t i = 0; i < n; i++)
		out |= 1U << id[i];
	return out;
}

int eps_alg_choose(const uint8_t *preference, size_t n, uint32_t capability_bits, int integrity)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t id = preference[i];

		if (!(integrity ? eia_is_supported(id) : eea_is_supported(id)))
			continue;
		if (capability_bits & 1U << id)
			return id;
	}
	return -1;
}

static void put_prefix(uint8_t p[static PREFIX], uint32_t count, uint8_t bearer, uint8_t direction)
{
	memset(p, 0, PREFIX);
	put_be32(p, count);
	p[4] = (uint8_t)((bearer & 0x1f) << 3 | (direction & 1) << 2);
}

int eea_apply(struct crypto *c, uint8_t eea, const uint8_t key[static 16], uint32_t count,
	      uint8_t bearer, uint8_t direction, const uint8_t *in, uint8_t *out, size_t len)
{
	uint8_t iv[BLOCK] = {0};

	switch (eea) {
	case EEA0:
		if (len > 0)
			memmove(out, in, len);
		return KH_OK;
	case EEA2: /* TS 33.401 B.1.3 */
		put_prefix(iv, count, bearer, direction);
		return crypto_aes_ctr(c, key, iv, in, out, len);
	default:
		return KH_E_NO_COMMON_ALGORITHM;
	}
}

int eia_mac(struct crypto *c, uint8_t eia, const uint8_t key[static 16], uint32_t count,
	    uint8_t bearer, uint8_t direction, const void *a, size_t a_len, const void *b,
	    size_t b_len, uint8_t mac[static 4])
{
	uint8_t head[PREFIX + EIA_HEADER_MAX], whole[BLOCK];
	size_t head_len = PREFIX;
	int err;

	if (!eia_is_supported(eia))
		return KH_E_NO_COMMON_ALGORITHM;
	put_prefix(head, count, bearer, direction);
	if (b_len > 0) {
		if (a_len > EIA_HEADER_MAX)
			return KH_E_BAD_FIELD;
		if (a_len > 0)
			memcpy(head + PREFIX, a, a_len);
		head_len += a_len;
		a = b;
		a_len = b_len;
	}
	err = crypto_cmac(c, key, 16, head, head_len, a, a_len, whole);
	if (!err)
		memcpy(mac, whole, 4);
	return err;
}

/* Doubling in GF(2^128), NIST SP 800-38B 6.1. */
static void double_block(uint8_t b[static BLOCK])
{
	uint8_t carry = b[0] >> 7;

	for (unsigned i = 0; i < BLOCK - 1; i++)
		b[i] = (uint8_t)(b[i] << 1 | b[i + 1] >> 7);
	b[BLOCK - 1] = (uint8_t)(b[BLOCK - 1] << 1 ^ (carry ? 0x87 : 0));
}

/* K2 of CMAC, for a message whose last block is not full. */
static int second_subkey(struct crypto *c, const uint8_t *key, uint8_t k2[static BLOCK])
{
	int err;

	memset(k2, 0, BLOCK);
	err = crypto_aes_encrypt(c, key, 16, k2, k2, 1);
	double_block(k2);
	double_block(k2);
	return err;
}

/* CMAC of prefix | msg where msg ends inside an octet, which the library cannot do. */
static int cmac_bits(struct crypto *c, const uint8_t *key, const uint8_t prefix[static PREFIX],
		     const uint8_t *msg, size_t bits, uint8_t x[static BLOCK])
{
	size_t len = PREFIX + bits / 8 + 1; /* with the octet that is not full */
	uint8_t k2[BLOCK];
	int err = second_subkey(c, key, k2);

	memset(x, 0, BLOCK);
	for (size_t i = 0; i < len && !err; i++) {
		uint8_t octet = i < PREFIX ? prefix[i] : msg[i - PREFIX];

		if (i == len - 1) /* the bits that count, then a 1 */
			octet = (uint8_t)((octet & 0xff00 >> bits % 8) | 0x80 >> bits % 8);
		x[i % BLOCK] ^= octet;
		if (i % BLOCK == BLOCK - 1 && i != len - 1)
			err = crypto_aes_encrypt(c, key, 16, x, x, 1);
	}
	for (unsigned i = 0; i < BLOCK; i++)
		x[i] ^= k2[i];
	key_wipe(k2, sizeof k2);
	return err ? err : crypto_aes_encrypt(c, key, 16, x, x, 1);
}

int eia_mac_bits(struct crypto *c, uint8_t eia, const uint8_t key[static 16], uint32_t count,
		 uint8_t bearer, uint8_t direction, const uint8_t *msg, size_t bits,
		 uint8_t mac[static 4])
{
	uint8_t prefix[PREFIX], whole[BLOCK];
	int err;

	if (bits % 8 == 0)
		return eia_mac(c, eia, key, count, bearer, direction, msg, bits / 8, NULL, 0, mac);
	if (!eia_is_supported(eia))
		return KH_E_NO_COMMON_ALGORITHM;
	put_prefix(prefix, count, bearer, direction);
	err = cmac_bits(c, key, prefix, msg, bits, whole);
	if (!err)
		memcpy(mac, whole, 4);
	return err;
}
