#include "pcapng.h"

#include <netinet/in.h>
#include <string.h>

#include "buf.h"
#include "ids.h"
#include "net.h"

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6, BLOCK_SECRETS = 10 };
#define SECRETS_TLS 0x544c534bU
enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_APPLICATION = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	EPB_FLAGS = 2
};
enum {
	TAG_END = 0,
	TAG_DISSECTOR = 12,
	TAG_IPV4_SRC = 20,
	TAG_IPV4_DST = 21,
	TAG_IPV6_SRC = 22,
	TAG_IPV6_DST = 23,
	TAG_PORT_TYPE = 24,
	TAG_SRC_PORT = 25,
	TAG_DST_PORT = 26,
};

/* Blocks are in the byte order of this machine, as the format wants it; tags of PDUs are big endian. */
static void put32(struct buf *out, uint32_t v)
{
	buf_append(out, &v, sizeof v);
}

static void put16(struct buf *out, uint16_t v)
{
	buf_append(out, &v, sizeof v);
}

static void put_padded(struct buf *out, const void *data, size_t len)
{
	static const uint8_t zeros[4];

	buf_append(out, data, len);
	buf_append(out, zeros, (4 - len % 4) % 4);
}

static void put_option(struct buf *out, uint16_t code, const void *data, size_t len)
{
	put16(out, code);
	put16(out, (uint16_t)len);
	put_padded(out, data, len);
}

static void put_text(struct buf *out, uint16_t code, const char *text)
{
	size_t len = strnlen(text, PCAPNG_COMMENT_MAX);

	if (len > 0)
		put_option(out, code, text, len);
}

static size_t begin(struct buf *out, uint32_t type)
{
	size_t at = out->len;

	put32(out, type);
	put32(out, 0);
	return at;
}

/* Writes the length of the block at both of its ends. */
static void end(struct buf *out, size_t at)
{
	uint32_t len = (uint32_t)(out->len - at + 4);

	put32(out, len);
	memcpy(buf_data(out) + at + 4, &len, sizeof len);
}

void pcapng_section(struct buf *out, const char *application, const char *host)
{
	static const uint32_t magic = 0x1a2b3c4d;
	static const int64_t unknown = -1;
	size_t at = begin(out, BLOCK_SECTION);

	put32(out, magic);
	put16(out, 1);
	put16(out, 0);
	buf_append(out, &unknown, sizeof unknown);
	put_text(out, OPT_COMMENT, host);
	put_text(out, SHB_APPLICATION, application);
	put_option(out, OPT_END, "", 0);
	end(out, at);
}

void pcapng_interface(struct buf *out, uint16_t linktype, const char *name, const char *description)
{
	size_t at = begin(out, BLOCK_INTERFACE);

	put16(out, linktype);
	put16(out, 0);
	put32(out, 0);
	put_text(out, IF_NAME, name);
	put_text(out, IF_DESCRIPTION, description);
	put_option(out, OPT_END, "", 0);
	end(out, at);
}

void pcapng_packet(struct buf *out, const struct pcapng_packet *p)
{
	uint32_t flags = p->inbound ? 1 : 2;
	uint64_t us = (uint64_t)p->wall_us;
	size_t at = begin(out, BLOCK_PACKET);

	put32(out, p->interface);
	put32(out, (uint32_t)(us >> 32));
	put32(out, (uint32_t)us);
	put32(out, (uint32_t)p->len);
	put32(out, (uint32_t)p->len);
	put_padded(out, p->data, p->len);
	put_text(out, OPT_COMMENT, p->comment);
	put_option(out, EPB_FLAGS, &flags, sizeof flags);
	put_option(out, OPT_END, "", 0);
	end(out, at);
}

void pcapng_tls_secrets(struct buf *out, const void *lines, size_t len)
{
	size_t at = begin(out, BLOCK_SECRETS);

	put32(out, SECRETS_TLS);
	put32(out, (uint32_t)len);
	put_padded(out, lines, len);
	end(out, at);
}

static void put_tag(struct buf *out, uint16_t tag, const void *data, size_t len)
{
	put_be32(buf_extend(out, 4), (uint32_t)tag << 16 | (uint32_t)((len + 3) / 4 * 4));
	put_padded(out, data, len);
}

static void put_address(struct buf *out, const struct endpoint *ep, bool source)
{
	const struct sockaddr_in *v4 = (const void *)&ep->addr;
	const struct sockaddr_in6 *v6 = (const void *)&ep->addr;

	if (ep->addr.ss_family == AF_INET)
		put_tag(out, source ? TAG_IPV4_SRC : TAG_IPV4_DST, &v4->sin_addr, 4);
	else if (ep->addr.ss_family == AF_INET6)
		put_tag(out, source ? TAG_IPV6_SRC : TAG_IPV6_DST, &v6->sin6_addr, 16);
}

static void put_port(struct buf *out, uint16_t tag, const struct endpoint *ep)
{
	uint8_t port[4] = {0};

	put_be32(port, endpoint_port(ep));
	put_tag(out, tag, port, sizeof port);
}

static bool is_internet(const struct endpoint *ep)
{
	return ep->addr.ss_family == AF_INET || ep->addr.ss_family == AF_INET6;
}

void pcapng_pdu_tags(struct buf *out, const char *dissector, enum pcapng_port_type ports,
		     const struct endpoint *from, const struct endpoint *to)
{
	const uint8_t type[4] = {0, 0, 0, (uint8_t)ports};

	put_tag(out, TAG_DISSECTOR, dissector, strlen(dissector));
	if (is_internet(from) && is_internet(to)) {
		put_address(out, from, true);
		put_address(out, to, false);
		put_tag(out, TAG_PORT_TYPE, type, sizeof type);
		put_port(out, TAG_SRC_PORT, from);
		put_port(out, TAG_DST_PORT, to);
	}
	put_tag(out, TAG_END, "", 0);
}
