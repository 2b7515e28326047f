#include "rng.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL_LEN 4096

/* One refill serves some 250 keys of 16 octets. What was handed out is wiped at once, so the pool
 * never holds a key in use; a child process does not take over what its parent may hand out. */
static struct {
	uint8_t b[POOL_LEN];
	size_t left; /* unused octets at the end of b */
	pid_t owner;
} pool;

static void refill(void)
{
	if (RAND_priv_bytes(pool.b, POOL_LEN) != 1) {
		fputs("fatal: no randomness from OpenSSL, no key can be made\n", stderr);
		exit(EXIT_FAILURE);
	}
	pool.left = POOL_LEN;
	pool.owner = getpid();
}

void rng_bytes(void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		if (pool.left == 0 || pool.owner != getpid())
			refill();
		uint8_t *from = pool.b + POOL_LEN - pool.left;
		size_t n = len < pool.left ? len : pool.left;
		memcpy(p, from, n);
		OPENSSL_cleanse(from, n);
		pool.left -= n;
		p += n;
		len -= n;
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
	uint32_t v, skip;

	if (bound == 0)
		return 0;
	/* The lowest 2^32 mod bound values would make small remainders too likely. */
	skip = (UINT32_MAX - bound + 1) % bound;
	do
		v = rng_u32();
	while (v < skip);
	return v % bound;
}
