/* SQLite takes a -wal file up to its first wrong checksum and forgets the rest without a word. That is right for a
 * commit that a power cut tore, and only the last one can be torn: every one before was synchronised. Where more
 * follows the file is damaged, and what was told already would be forgotten. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "ids.h"
#include "mem.h"
#include "store_internal.h"

#define HEADER_LEN 32
#define FRAME_HEADER_LEN 24
#define PAGE_MAX 65536U
#define MAGIC 0x377f0682 /* and one more when checksums are big endian */

struct wal {
	FILE *file;
	uint32_t page_len;
	uint8_t salt[8];
	bool big_endian;
	uint32_t sum[2];
};

static uint32_t word(const struct wal *w, const uint8_t *p)
{
	if (w->big_endian)
		return get_be32(p);
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void add(struct wal *w, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		w->sum[0] += word(w, p + i) + w->sum[1];
		w->sum[1] += word(w, p + i + 4) + w->sum[0];
	}
}

static bool is_sum(const struct wal *w, const uint8_t *p)
{
	return get_be32(p) == w->sum[0] && get_be32(p + 4) == w->sum[1];
}

/* False when there is nothing in it that SQLite would look at. */
static bool read_header(struct wal *w, bool *good)
{
	static const uint8_t unwritten[HEADER_LEN];
	uint8_t h[HEADER_LEN];

	if (fread(h, 1, sizeof h, w->file) != sizeof h || memcmp(h, unwritten, sizeof h) == 0)
		return false;
	w->big_endian = get_be32(h) & 1;
	w->page_len = get_be32(h + 8);
	memcpy(w->salt, h + 16, sizeof w->salt);
	add(w, h, 24);
	*good = (get_be32(h) & ~1U) == MAGIC && is_sum(w, h + 24);
	return *good ? w->page_len >= 512 && w->page_len <= PAGE_MAX : true;
}

/* Commits of this log from the first frame on whose checksum is wrong. */
static unsigned commits_lost(struct wal *w, uint8_t *frame)
{
	size_t len = FRAME_HEADER_LEN + w->page_len;
	unsigned commits = 0;
	bool good = true;

	while (fread(frame, 1, len, w->file) == len) {
		bool same = memcmp(frame + 8, w->salt, sizeof w->salt) == 0;
		if (good) {
			add(w, frame, 8);
			add(w, frame + FRAME_HEADER_LEN, w->page_len);
			good = same && is_sum(w, frame + 16);
		}
		commits += !good && same && get_be32(frame + 4);
	}
	return commits;
}

bool store_wal_is_damaged(const char *path)
{
	const char *reason;
	struct wal w = {.file = file_open(path, FILE_ANY_SIZE, &reason)};
	bool damaged = false, good = false;

	if (!w.file)
		return false;
	if (read_header(&w, &good)) {
		uint8_t *frame = good ? x_calloc(1, FRAME_HEADER_LEN + w.page_len) : NULL;
		damaged = !good || commits_lost(&w, frame) > 1;
		free(frame);
	}
	fclose(w.file);
	return damaged;
}
