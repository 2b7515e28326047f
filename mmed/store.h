/* What must survive a restart of mmed: counters that never go back. SQLite, one reservation of a block per
 * commit, so that a crash skips numbers and never repeats one. */
#ifndef KEYHOP_MMED_STORE_H
#define KEYHOP_MMED_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct store;

/* `path` NULL keeps the counters in memory: they then begin at the wall clock, so that they still rise over
 * restarts. KH_E_CONFIG with `why` when the file is damaged or not ours. */
int store_open(struct store **out, const char *path, char *why, size_t why_len) KH_MUST_CHECK;
void store_close(struct store *s);

/* A counter by name; `max` is the largest number it may give. */
struct counter {
	struct store *store;
	const char *name;
	uint64_t next, limit, max;
};

void counter_init(struct counter *c, struct store *s, const char *name, uint64_t max);
/* Next number (1 and up). KH_E_NO_RESOURCES at the end of the range, KH_E_INTERNAL when the store fails. */
int counter_next(struct counter *c, uint64_t *out) KH_MUST_CHECK;

#endif
