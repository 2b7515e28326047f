/* "Did you mean ...?": the known word nearest to one that was typed wrongly. */
#ifndef KEYHOP_NEAREST_H
#define KEYHOP_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

struct nearest {
	const char *word; /* borrowed */
	const char *best; /* NULL while none is near; borrowed from the candidates */
	size_t distance;
};

void nearest_init(struct nearest *n, const char *word);
/* Keeps `candidate` when it is nearer than all before: at most 3 edits, and fewer than half its length. True when it has;
 * who asks with words that do not last copies this one. */
bool nearest_try(struct nearest *n, const char *candidate);

#define NEAREST_HINT_LEN 100
/* `, did you mean "x"?`, or "" for NULL and "". */
const char *nearest_hint(const char *best, char out[NEAREST_HINT_LEN]);

#endif
