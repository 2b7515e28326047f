#include "pcapng_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

#define SECRETS_MAX (8U << 20)
#define BLOCK_LEN_MAX (16U << 20)
#define INTERFACES_MAX 65536
#define COMMENT_MAX 16384
#define NAME_MAX_LEN 256

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6, SECRETS = 10, MAGIC = 0x1a2b3c4d };
#define SECRETS_TLS 0x544c534bU
#define PCAP_US 0xa1b2c3d4U
#define PCAP_NS 0xa1b23c4dU
enum { OPT_COMMENT = 1, IF_NAME = 2, EPB_FLAGS = 2, IF_TSRESOL = 9 };

struct interface {
	uint16_t linktype;
	uint64_t per_second; /* of its clock */
	char name[NAME_MAX_LEN];
};

struct capture_reader {
	FILE *f;
	char path[512], error[700];
	uint64_t offset; /* of the block at hand */
	bool swapped;
	bool old; /* pcap */
	unsigned told; /* of an old file: section, interface */
	struct buf block;
	struct interface *interfaces;
	uint32_t n_interfaces, first; /* all; the first of this section */
	char comment[COMMENT_MAX];
};

static uint32_t swap32(uint32_t v)
{
	return __builtin_bswap32(v);
}

static uint32_t u32(const struct capture_reader *r, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return r->swapped ? swap32(v) : v;
}

static uint16_t u16(const struct capture_reader *r, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return r->swapped ? (uint16_t)(v << 8 | v >> 8) : v;
}

static enum block_kind wrong(struct capture_reader *r, const char *what)
{
	snprintf(r->error, sizeof r->error, "%s: offset %llu: %s", r->path,
		 (unsigned long long)r->offset, what);
	return BLOCK_WRONG;
}

/* Adds `n` octets of the file to the block. */
static bool more(struct capture_reader *r, size_t n)
{
	return fread(buf_extend(&r->block, n), 1, n, r->f) == n;
}

static struct interface *add_interface(struct capture_reader *r, uint16_t linktype)
{
	r->interfaces = x_realloc(r->interfaces, (r->n_interfaces + 1) * sizeof *r->interfaces);
	struct interface *i = &r->interfaces[r->n_interfaces++];
	*i = (struct interface){.linktype = linktype, .per_second = 1000000};
	return i;
}

struct capture_reader *capture_reader_open(const char *path)
{
	struct capture_reader *r = x_calloc(1, sizeof *r);
	uint32_t magic = 0;

	snprintf(r->path, sizeof r->path, "%s", path);
	r->f = fopen(path, "re");
	if (!r->f || fread(&magic, 1, sizeof magic, r->f) != sizeof magic) {
		fprintf(stderr, "keyhop: %s: %s\n", path,
			r->f && !ferror(r->f) ? "no capture" : strerror(errno));
		capture_reader_close(r);
		return NULL;
	}
	r->old = magic == PCAP_US || magic == PCAP_NS || swap32(magic) == PCAP_US ||
		 swap32(magic) == PCAP_NS;
	r->swapped = swap32(magic) == PCAP_US || swap32(magic) == PCAP_NS;
	if (!r->old && magic != SECTION) {
		fprintf(stderr, "keyhop: %s: neither pcapng nor pcap\n", path);
		capture_reader_close(r);
		return NULL;
	}
	rewind(r->f);
	return r;
}

void capture_reader_close(struct capture_reader *r)
{
	if (!r)
		return;
	if (r->f)
		fclose(r->f);
	buf_clear(&r->block);
	free(r->interfaces);
	free(r);
}

const char *capture_reader_error(const struct capture_reader *r)
{
	return r->error;
}

static void add_comment(struct capture_reader *r, const uint8_t *text, size_t len)
{
	size_t at = strlen(r->comment), room = sizeof r->comment - at - 1;
	int n = (int)(len < room ? len : room);

	snprintf(r->comment + at, room + 1, "%s%.*s", at ? "; " : "", n, (const char *)text);
}

static void take_option(struct capture_reader *r, struct capture_block *out, unsigned code,
			const uint8_t *value, size_t len)
{
	struct interface *i = &r->interfaces[out->interface];

	if (code == OPT_COMMENT && out->kind == BLOCK_PACKET)
		add_comment(r, value, len);
	if (code == EPB_FLAGS && out->kind == BLOCK_PACKET && len == 4) {
		out->inbound = (u32(r, value) & 3) == 1;
		out->outbound = (u32(r, value) & 3) == 2;
	}
	if (code == IF_NAME && out->kind == BLOCK_INTERFACE)
		snprintf(i->name, sizeof i->name, "%.*s", (int)(len < 255 ? len : 255),
			 (const char *)value);
	if (code == IF_TSRESOL && out->kind == BLOCK_INTERFACE && len == 1 && value[0] <= 12)
		for (i->per_second = 1, len = value[0]; len > 0; len--)
			i->per_second *= 10;
}

static bool take_options(struct capture_reader *r, struct capture_block *out, const uint8_t *p,
			 size_t left)
{
	while (left >= 4) {
		unsigned code = u16(r, p), len = u16(r, p + 2);
		size_t whole = 4 + (len + 3U) / 4 * 4;
		if (code == 0)
			return true;
		if (whole > left)
			return false;
		take_option(r, out, code, p + 4, len);
		p += whole;
		left -= whole;
	}
	return true;
}

static void to_us(const struct interface *i, uint64_t t, struct capture_block *out)
{
	out->wall_us = (int64_t)(i->per_second >= 1000000 ? t / (i->per_second / 1000000)
							  : t * (1000000 / i->per_second));
}

static enum block_kind packet(struct capture_reader *r, struct capture_block *out,
			      const uint8_t *body, size_t len)
{
	if (len < 20)
		return wrong(r, "packet block is cut");
	uint32_t index = u32(r, body), size = u32(r, body + 12);
	size_t padded = ((size_t)size + 3) / 4 * 4;
	if (index >= r->n_interfaces - r->first)
		return wrong(r, "packet of an interface that is not described");
	if (padded > len - 20)
		return wrong(r, "packet is longer than its block");
	out->kind = BLOCK_PACKET;
	out->interface = r->first + index;
	out->linktype = r->interfaces[out->interface].linktype;
	out->data = body + 20;
	out->len = size;
	to_us(&r->interfaces[out->interface], (uint64_t)u32(r, body + 4) << 32 | u32(r, body + 8),
	      out);
	r->comment[0] = '\0';
	out->comment = r->comment;
	if (!take_options(r, out, body + 20 + padded, len - 20 - padded))
		return wrong(r, "option is longer than its block");
	out->name = r->interfaces[out->interface].name;
	return BLOCK_PACKET;
}

static enum block_kind secrets(struct capture_reader *r, struct capture_block *out,
			       const uint8_t *body, size_t len)
{
	if (len < 8 || u32(r, body + 4) > len - 8)
		return wrong(r, "secrets are cut");
	out->data = body + 8;
	out->len = u32(r, body + 4);
	return u32(r, body) == SECRETS_TLS ? BLOCK_SECRETS : BLOCK_OTHER;
}

static enum block_kind interface(struct capture_reader *r, struct capture_block *out,
				 const uint8_t *body, size_t len)
{
	if (len < 8)
		return wrong(r, "interface block is cut");
	if (r->n_interfaces == INTERFACES_MAX)
		return wrong(r, "too many interfaces");
	out->kind = BLOCK_INTERFACE;
	out->linktype = u16(r, body);
	out->interface = r->n_interfaces;
	add_interface(r, out->linktype);
	if (!take_options(r, out, body + 8, len - 8))
		return wrong(r, "option is longer than its block");
	out->name = r->interfaces[out->interface].name;
	return BLOCK_INTERFACE;
}

/* Reads type and length, and of a section header the byte order, which its length needs. */
static enum block_kind read_head(struct capture_reader *r, uint32_t *type, uint32_t *len)
{
	size_t n = fread(buf_extend(&r->block, 8), 1, 8, r->f);
	const uint8_t *p;

	if (n == 0 && feof(r->f))
		return BLOCK_END;
	if (n != 8 || (u32(r, buf_data(&r->block)) == SECTION && !more(r, 4)))
		return wrong(r, "block is cut");
	p = buf_data(&r->block);
	if (u32(r, p) == SECTION) {
		uint32_t magic;
		memcpy(&magic, p + 8, sizeof magic);
		r->swapped = magic != MAGIC;
		if (magic != MAGIC && swap32(magic) != MAGIC)
			return wrong(r, "section without a byte order");
		r->first = r->n_interfaces;
	}
	*type = u32(r, p);
	*len = u32(r, p + 4);
	if (*len < 12 || *len % 4 != 0 || *len < r->block.len + 4 || *len > BLOCK_LEN_MAX)
		return wrong(r, "block has no possible length");
	return BLOCK_OTHER;
}

static enum block_kind next_block(struct capture_reader *r, struct capture_block *out)
{
	uint32_t type = 0, len = 0;
	enum block_kind kind = read_head(r, &type, &len);

	if (kind != BLOCK_OTHER)
		return kind;
	if (!more(r, len - r->block.len))
		return wrong(r, "block is cut");
	out->raw = buf_data(&r->block);
	out->raw_len = len;
	if (u32(r, out->raw + len - 4) != len)
		return wrong(r, "the two lengths of a block differ");
	if (type == SECTION)
		return BLOCK_SECTION;
	if (type == INTERFACE)
		return interface(r, out, out->raw + 8, len - 12);
	if (type == SECRETS)
		return secrets(r, out, out->raw + 8, len - 12);
	return type == PACKET ? packet(r, out, out->raw + 8, len - 12) : BLOCK_OTHER;
}

/* An old file: a head of 24 octets, then packets with 16 before each. */
static enum block_kind next_old(struct capture_reader *r, struct capture_block *out)
{
	const uint8_t *p;

	if (r->told == 0) {
		if (!more(r, 24))
			return wrong(r, "head is cut");
		p = buf_data(&r->block);
		add_interface(r, (uint16_t)u32(r, p + 20))->per_second =
			u32(r, p) == PCAP_NS ? 1000000000 : 1000000;
	}
	if (r->told < 2) {
		out->linktype = r->interfaces[0].linktype;
		out->name = "";
		return r->told++ ? BLOCK_INTERFACE : BLOCK_SECTION;
	}
	size_t n = fread(buf_extend(&r->block, 16), 1, 16, r->f);
	if (n == 0 && feof(r->f))
		return BLOCK_END;
	uint32_t len = n == 16 ? u32(r, buf_data(&r->block) + 8) : 0;
	if (n != 16 || len > BLOCK_LEN_MAX || !more(r, len))
		return wrong(r, "packet is cut");
	p = buf_data(&r->block);
	to_us(&r->interfaces[0], (uint64_t)u32(r, p) * r->interfaces[0].per_second + u32(r, p + 4),
	      out);
	out->linktype = r->interfaces[0].linktype;
	out->data = p + 16;
	out->len = len;
	out->comment = out->name = "";
	return BLOCK_PACKET;
}

void capture_reader_next(struct capture_reader *r, struct capture_block *out)
{
	*out = (struct capture_block){.name = "", .comment = ""};
	r->offset += r->block.len;
	buf_drain(&r->block, r->block.len);
	out->kind = r->old ? next_old(r, out) : next_block(r, out);
}

int read_secrets(struct buf *to, const char *path)
{
	uint8_t block[8192];
	size_t n;
	FILE *f = fopen(path, "re");

	if (!f) {
		fprintf(stderr, "keyhop: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((n = fread(block, 1, sizeof block, f)) > 0 && to->len < SECRETS_MAX)
		buf_append(to, block, n);
	fclose(f);
	if (to->len < SECRETS_MAX)
		return 0;
	fprintf(stderr, "keyhop: %s: more than 8 MiB of TLS secrets\n", path);
	return -1;
}
