#include "buf.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "mem.h"

static void release(struct buf *b)
{
	if (b->secret && b->base)
		OPENSSL_cleanse(b->base, b->cap);
	free(b->base);
	b->base = NULL;
	b->cap = 0;
}

/* Twice what is there, so that a backlog that never empties is not copied at each append. */
static size_t wanted_cap(const struct buf *b, size_t n)
{
	size_t cap = 2 * b->len;

	if (cap < b->len + n)
		cap = b->len + n;
	return cap < BUF_KEEP ? BUF_KEEP : cap;
}

void buf_reserve(struct buf *b, size_t n)
{
	struct buf bigger = {.secret = b->secret, .len = b->len};

	if (b->start + b->len + n <= b->cap)
		return;
	bigger.cap = wanted_cap(b, n);
	bigger.base = x_realloc(NULL, bigger.cap);
	if (b->len > 0)
		memcpy(bigger.base, buf_data(b), b->len);
	/* Not realloc(): it may leave a copy behind. */
	release(b);
	*b = bigger;
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
	uint8_t *room;

	buf_reserve(b, n);
	room = buf_data(b) + b->len;
	b->len += n;
	return room;
}

void buf_append(struct buf *b, const void *data, size_t n)
{
	if (n > 0)
		memcpy(buf_extend(b, n), data, n);
}

void buf_drain(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (b->secret && n > 0)
		OPENSSL_cleanse(buf_data(b), n);
	b->start += n;
	b->len -= n;
	if (b->len > 0)
		return;
	b->start = 0;
	if (b->cap > BUF_KEEP)
		release(b);
}

void buf_cut(struct buf *b, size_t n)
{
	if (n >= b->len)
		return;
	if (b->secret)
		OPENSSL_cleanse(buf_data(b) + n, b->len - n);
	b->len = n;
	if (n == 0)
		buf_drain(b, 0);
}

void buf_clear(struct buf *b)
{
	release(b);
	b->start = 0;
	b->len = 0;
}
