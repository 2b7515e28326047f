/* rng.h for tests: linked in the place of common/rng.c, it gives the same octets in every run. */
#include "rng.h"

#include <string.h>

static uint64_t state = 1;

void rng_bytes(void *out, size_t len)
{
	uint8_t *p = out;

	for (size_t i = 0; i < len; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		p[i] = (uint8_t)(state >> 56);
	}
}

uint32_t rng_u32(void)
{
	uint32_t v;

	rng_bytes(&v, sizeof v);
	return v;
}

uint64_t rng_u64(void)
{
	uint64_t v;

	rng_bytes(&v, sizeof v);
	return v;
}

uint32_t rng_below(uint32_t bound)
{
	return bound ? rng_u32() % bound : 0;
}
