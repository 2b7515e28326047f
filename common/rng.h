/* The one door for randomness. Tests link their own rng.c. */
#ifndef KEYHOP_RNG_H
#define KEYHOP_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Fills `out` from OpenSSL's private generator, through a pool that is wiped as it is used. Without
 * entropy no key may leave: the process ends with a message. */
void rng_bytes(void *out, size_t len);
uint32_t rng_u32(void);
uint64_t rng_u64(void);
/* Uniform in 0..bound-1; bound 0 gives 0. */
uint32_t rng_below(uint32_t bound);

#endif
