#include "nearest.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX 63 /* longer words get no hint */
#define EDITS_MAX 3

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Letters added, left out, replaced, or swapped with their neighbour. Both words are at most WORD_MAX octets. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1]; /* the last three, in turn */
	size_t len = strlen(b), i;

	for (size_t j = 0; j <= len; j++)
		rows[0][j] = j;
	for (i = 1; a[i - 1] != '\0'; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min3(row[j], before[j - 2] + 1, row[j]);
		}
	}
	return rows[(i + 2) % 3][len];
}

void nearest_init(struct nearest *n, const char *word)
{
	*n = (struct nearest){.word = word, .distance = EDITS_MAX + 1};
}

bool nearest_try(struct nearest *n, const char *candidate)
{
	size_t len = strlen(candidate);
	size_t d;

	if (len > WORD_MAX || strlen(n->word) > WORD_MAX)
		return false;
	d = distance(n->word, candidate);
	if (d >= n->distance || 2 * d >= len)
		return false;
	n->distance = d;
	n->best = candidate;
	return true;
}

const char *nearest_hint(const char *best, char out[NEAREST_HINT_LEN])
{
	out[0] = '\0';
	if (best != NULL && best[0] != '\0')
		snprintf(out, NEAREST_HINT_LEN, ", did you mean \"%s\"?", best);
	return out;
}
