/* The EPS algorithms EEA and EIA (TS 33.401 Annex B): null and 128-EEA2/128-EIA2. */
#ifndef KEYHOP_EPS_ALG_H
#define KEYHOP_EPS_ALG_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct crypto;

enum { EPS_UPLINK = 0, EPS_DOWNLINK = 1 };
#define EEA0 0
#define EEA2 2
#define EIA0 0
#define EIA2 2
#define EIA_HEADER_MAX 56

/* True for the identities built in: EEA0, EEA2; EIA2 (EIA0 is never accepted). */
int eea_is_supported(uint8_t eea);
int eia_is_supported(uint8_t eia);
/* `n` identities as bits (1 << identity), as capabilities travel. */
uint32_t eps_alg_bits(const uint8_t *id, size_t n);
/* Picks the first of `preference` (n identities) that the capability bits (1 << identity) have and that is
 * built in; -1 when there is none. */
int eps_alg_choose(const uint8_t *preference, size_t n, uint32_t capability_bits, int integrity);

/* Ciphers or deciphers `len` octets; EEA0 copies. KH_E_NO_COMMON_ALGORITHM for an identity not built in. */
int eea_apply(struct crypto *c, uint8_t eea, const uint8_t key[static 16], uint32_t count,
	      uint8_t bearer, uint8_t direction, const uint8_t *in, uint8_t *out,
	      size_t len) KH_MUST_CHECK;
/* 32-bit MAC over a and then b (b may be NULL; when it is not, a is a header of at most
 * EIA_HEADER_MAX octets). */
int eia_mac(struct crypto *c, uint8_t eia, const uint8_t key[static 16], uint32_t count,
	    uint8_t bearer, uint8_t direction, const void *a, size_t a_len, const void *b,
	    size_t b_len, uint8_t mac[static 4]) KH_MUST_CHECK;
/* Bit-exact forms of the specifications' test data: length in bits, unused bits of the last octet zero. */
int eia_mac_bits(struct crypto *c, uint8_t eia, const uint8_t key[static 16], uint32_t count,
		 uint8_t bearer, uint8_t direction, const uint8_t *msg, size_t bits,
		 uint8_t mac[static 4]) KH_MUST_CHECK;

#endif
