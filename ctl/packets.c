/* Links, IP, and exported PDUs. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ids.h"
#include "mem.h"
#include "packets_internal.h"
#include "tls_read.h"

enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
	LINK_SLL = 113,
	LINK_PDU = 252,
	LINK_SLL2 = 276
};
enum {
	TAG_END = 0,
	TAG_NAME = 12,
	TAG_V4_SRC = 20,
	TAG_V4_DST,
	TAG_V6_SRC,
	TAG_V6_DST,
	TAG_SRC_PORT = 25,
	TAG_DST_PORT
};

/* By port, and by the name of the dissector. */
static const struct {
	enum iface iface;
	uint16_t port;
	const char *dissector;
} ifaces[] = {
	{IFACE_S1, 36512, "keyhop_s1"},
	{IFACE_X2, 36522, "keyhop_x2"},
	{IFACE_RRC, 36532, "keyhop_uu"},
};
#define N_IFACES (sizeof ifaces / sizeof ifaces[0])

struct packets *packets_new(packet_message_fn *fn, void *arg)
{
	struct packets *p = x_calloc(1, sizeof *p);

	p->fn = fn;
	p->arg = arg;
	p->keys = tls_keys_new();
	return p;
}

void packets_add_secrets(struct packets *p, const void *lines, size_t len)
{
	tls_keys_add(p->keys, lines, len);
}

void packets_free(struct packets *p)
{
	packets_free_tcp(p);
	packets_free_sctp(p);
	tls_keys_free(p->keys);
	free(p);
}

static void end_text(char out[PACKET_END_LEN], int family, const void *address, unsigned port)
{
	char text[INET6_ADDRSTRLEN] = "?";

	inet_ntop(family, address, text, sizeof text);
	snprintf(out, PACKET_END_LEN, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* ---- exported PDUs ---- */

struct tags {
	int iface; /* of `ifaces`; -1: not known */
	const uint8_t *src, *dst;
	int family;
	unsigned src_port, dst_port;
};

static void take_tag(struct tags *t, unsigned tag, const uint8_t *value, size_t len)
{
	bool v6 = tag == TAG_V6_SRC || tag == TAG_V6_DST;

	for (size_t i = 0; tag == TAG_NAME && i < N_IFACES; i++)
		if (strnlen((const char *)value, len) == strlen(ifaces[i].dissector) &&
		    memcmp(value, ifaces[i].dissector, strlen(ifaces[i].dissector)) == 0)
			t->iface = (int)i;
	if (tag >= TAG_V4_SRC && tag <= TAG_V6_DST && len >= (v6 ? 16 : 4)) {
		*(tag == TAG_V4_SRC || tag == TAG_V6_SRC ? &t->src : &t->dst) = value;
		t->family = v6 ? AF_INET6 : AF_INET;
	}
	if (tag == TAG_SRC_PORT && len >= 4)
		t->src_port = get_be32(value);
	if (tag == TAG_DST_PORT && len >= 4)
		t->dst_port = get_be32(value);
}

static void take_pdu(struct packets *p, const uint8_t *data, size_t len)
{
	struct tags t = {.iface = -1};
	struct packet_message m = {0};
	size_t at = 0;

	for (unsigned tag = 1; tag != TAG_END;) {
		if (len - at < 4)
			return;
		uint32_t head = get_be32(data + at);
		tag = head >> 16;
		at += 4;
		if ((head & 0xffff) > len - at)
			return;
		take_tag(&t, tag, data + at, head & 0xffff);
		at += head & 0xffff;
	}
	if (t.iface < 0)
		return;
	m.iface = ifaces[t.iface].iface;
	if (t.src && t.dst) {
		end_text(m.from, t.family, t.src, t.src_port);
		end_text(m.to, t.family, t.dst, t.dst_port);
	}
	m.data = data + at;
	m.len = len - at;
	p->fn(p->arg, &m);
}

/* ---- IP ---- */

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_SCTP = 132 };
#define UDP_HEADER 8

bool packets_iface(unsigned from, unsigned to, enum iface *iface)
{
	for (size_t i = 0; i < N_IFACES; i++)
		if (from == ifaces[i].port || to == ifaces[i].port) {
			*iface = ifaces[i].iface;
			return true;
		}
	return false;
}

void packets_ends(const struct ip_ends *ip, unsigned from, unsigned to, struct packet_message *head)
{
	end_text(head->from, ip->family, ip->addresses, from);
	end_text(head->to, ip->family, ip->addresses + (ip->family == AF_INET ? 4 : 16), to);
}

static void take_payload(struct packets *p, const struct ip_ends *ip, unsigned protocol,
			 const uint8_t *data, size_t len)
{
	if (protocol == PROTOCOL_TCP)
		packets_take_tcp(p, ip, data, len);
	else if (protocol == PROTOCOL_SCTP)
		packets_take_sctp(p, ip, data, len, false);
	else if (protocol == PROTOCOL_UDP && len > UDP_HEADER)
		packets_take_sctp(p, ip, data + UDP_HEADER, len - UDP_HEADER, true);
}

static void take_ip(struct packets *p, const uint8_t *data, size_t len)
{
	if (len >= 20 && data[0] >> 4 == 4) {
		const struct ip_ends ip = {AF_INET, data + 12};
		size_t header = (size_t)(data[0] & 0xf) * 4, total = be16(data + 2);
		bool fragment = (data[6] & 0x3f) != 0 || data[7] != 0;
		/* Segmentation offload leaves the length 0. */
		if (total == 0 || total > len)
			total = len;
		if (!fragment && header >= 20 && header <= total)
			take_payload(p, &ip, data[9], data + header, total - header);
	} else if (len >= 40 && data[0] >> 4 == 6) {
		const struct ip_ends ip = {AF_INET6, data + 8};
		size_t payload = be16(data + 4);
		if (payload == 0 || payload > len - 40)
			payload = len - 40;
		take_payload(p, &ip, data[6], data + 40, payload);
	}
}

void packets_take(struct packets *p, const struct capture_block *b)
{
	static const struct {
		unsigned linktype, header;
	} links[] = {{LINK_NULL, 4},
		     {LINK_ETHERNET, 14},
		     {LINK_RAW, 0},
		     {LINK_SLL, 16},
		     {LINK_SLL2, 20}};

	if (b->linktype == LINK_PDU) {
		take_pdu(p, b->data, b->len);
		return;
	}
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
		if (links[i].linktype == b->linktype && b->len >= links[i].header)
			take_ip(p, b->data + links[i].header, b->len - links[i].header);
}
