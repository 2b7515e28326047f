/* Growable octets, appended at the end and taken from the front. Zeroed is empty. Holds no memory
 * beyond BUF_KEEP while it is empty; with `secret` set no octet stays behind in freed memory. */
#ifndef KEYHOP_BUF_H
#define KEYHOP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUF_KEEP 4096

struct buf {
	uint8_t *base;
	size_t start; /* of the first octet not yet taken */
	size_t len; /* octets not yet taken */
	size_t cap;
	bool secret;
};

/* NULL before the first octet. */
static inline uint8_t *buf_data(const struct buf *b)
{
	return b->base ? b->base + b->start : NULL;
}

/* Makes room so that `n` more octets fit without another allocation. */
void buf_reserve(struct buf *b, size_t n);
/* Adds `n` octets for the caller to fill in. */
uint8_t *buf_extend(struct buf *b, size_t n);
void buf_append(struct buf *b, const void *data, size_t n);
/* Takes away the first `n` octets, at most what there is. */
void buf_drain(struct buf *b, size_t n);
/* Takes away all but the first `n` octets. */
void buf_cut(struct buf *b, size_t n);
/* Empties it and frees all memory. */
void buf_clear(struct buf *b);

#endif
