/* "Did you mean ...?": the known word nearest to one that was typed wrongly. */
#ifndef KEYHOP_NEAREST_H
#define KEYHOP_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word; /* borrowed */
	const char *best; /* NULL while none is near; borrowed from the candidates */
	size_t distance;
};

void nearest_init(struct nearest *n, const char *word);
/* Keeps `candidate` when it is nearer than all before: at most 3 edits, and fewer than half its length. */
void nearest_try(struct nearest *n, const char *candidate);

#endif
