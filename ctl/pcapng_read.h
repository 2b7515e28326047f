/* Captures, block by block: pcapng, and the older pcap, which comes out as if it were pcapng. Files are input like any
 * other: everything is bounded and checked, and what is wrong is named with its place. */
#ifndef KEYHOP_CTL_PCAPNG_READ_H
#define KEYHOP_CTL_PCAPNG_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum block_kind {
	BLOCK_END, /* of the file */
	BLOCK_SECTION,
	BLOCK_INTERFACE,
	BLOCK_PACKET,
	BLOCK_SECRETS, /* of TLS: `data` are lines of a key log */
	BLOCK_OTHER, /* `raw` is all there is */
	BLOCK_WRONG, /* see capture_reader_error() */
};

struct capture_block {
	enum block_kind kind;
	/* The whole block, in the byte order of this machine only as far as it came so; until the next call. */
	const uint8_t *raw;
	size_t raw_len;
	/* BLOCK_INTERFACE and BLOCK_PACKET */
	uint16_t linktype;
	uint32_t interface; /* of the file, counted over all sections */
	const char *name; /* of the interface; "" when it has none */
	/* BLOCK_PACKET; `data` of BLOCK_SECRETS, too */
	int64_t wall_us;
	const uint8_t *data;
	size_t len;
	bool inbound, outbound; /* neither: not told */
	const char *comment; /* all comments, joined by "; " */
};

struct capture_reader;

/* NULL after a printed error. */
struct capture_reader *capture_reader_open(const char *path);
void capture_reader_close(struct capture_reader *r);
void capture_reader_next(struct capture_reader *r, struct capture_block *out);
/* "FILE: offset 1234: block is cut" */
const char *capture_reader_error(const struct capture_reader *r);

struct buf;
/* Appends the lines of an NSS key log, 8 MiB at most in all. 0, or -1 after a printed error. */
int read_secrets(struct buf *to, const char *path);

#endif
