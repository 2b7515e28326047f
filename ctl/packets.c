#include "packets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "buf.h"
#include "ids.h"
#include "mem.h"
#include "tls_read.h"

#define FRAME_MAX 65536U
#define STREAMS_MAX 65536
#define WAITING_MAX 64 /* segments of a stream that came too early */

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

struct segment {
	uint32_t seq;
	size_t len;
	uint8_t *data;
};

/* One direction of a connection. */
struct stream {
	char name[2 * PACKET_END_LEN + 2];
	struct packet_message head;
	uint32_t next;
	bool started, not_ours;
	struct buf in, opened; /* octets of the connection, and of the TLS in it */
	struct tls_read *tls; /* of both directions; borrowed by the second */
	int dir; /* 0 owns it */
	struct segment waiting[WAITING_MAX];
	unsigned n_waiting;
	UT_hash_handle hh;
};

struct packets {
	packet_message_fn *fn;
	void *arg;
	struct stream *streams;
	struct tls_keys *keys;
};

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

static void drop_waiting(struct stream *s)
{
	while (s->n_waiting > 0)
		free(s->waiting[--s->n_waiting].data);
}

void packets_free(struct packets *p)
{
	struct stream *s, *tmp;

	HASH_ITER (hh, p->streams, s, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		HASH_DEL(p->streams, s);
		drop_waiting(s);
		buf_clear(&s->in);
		buf_clear(&s->opened);
		if (s->dir == 0)
			tls_read_free(s->tls);
		free(s);
	}
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

/* ---- TCP ---- */

#define TLS_HANDSHAKE 22

static void give_up(struct stream *s)
{
	s->not_ours = true; /* TLS without its secrets, or nothing we know */
	buf_clear(&s->in);
	buf_clear(&s->opened);
}

static void take_frames(struct packets *p, struct stream *s, struct buf *in)
{
	while (in->len >= 4 && !s->not_ours) {
		uint32_t len = get_be32(buf_data(in));
		if (len == 0 || len > FRAME_MAX) {
			give_up(s);
		} else if (in->len < 4 + (size_t)len) {
			return;
		} else {
			s->head.data = buf_data(in) + 4;
			s->head.len = len;
			p->fn(p->arg, &s->head);
			buf_drain(in, 4 + (size_t)len);
		}
	}
}

/* A frame begins with a zero octet. */
static void take_octets(struct packets *p, struct stream *s)
{
	if (s->in.len && !s->head.in_tls && buf_data(&s->in)[0] == TLS_HANDSHAKE)
		s->head.in_tls = true;
	if (!s->head.in_tls) {
		take_frames(p, s, &s->in);
	} else if (!tls_read_take(s->tls, s->dir, &s->in, &s->opened)) {
		take_frames(p, s, &s->opened);
		give_up(s);
	} else {
		take_frames(p, s, &s->opened);
	}
}

static bool append(struct stream *s, uint32_t seq, const uint8_t *data, size_t len)
{
	uint32_t old = s->next - seq; /* octets that were there before */

	if ((int32_t)(seq - s->next) > 0)
		return false;
	if (old < len) {
		buf_append(&s->in, data + old, len - old);
		s->next += (uint32_t)(len - old);
	}
	return true;
}

static void take_waiting(struct stream *s)
{
	for (unsigned i = 0; i < s->n_waiting;) {
		struct segment w = s->waiting[i];
		if (!append(s, w.seq, w.data, w.len)) {
			i++;
			continue;
		}
		free(w.data);
		s->waiting[i] = s->waiting[--s->n_waiting];
		i = 0;
	}
}

static void take_segment(struct packets *p, struct stream *s, uint32_t seq, const uint8_t *data,
			 size_t len)
{
	if (s->not_ours || len == 0)
		return;
	if (!s->started)
		s->next = seq;
	s->started = true;
	if (append(s, seq, data, len)) {
		take_waiting(s);
		take_octets(p, s);
	} else if (s->n_waiting < WAITING_MAX) {
		uint8_t *copy = x_calloc(1, len);
		memcpy(copy, data, len);
		s->waiting[s->n_waiting++] = (struct segment){seq, len, copy};
	}
}

static struct stream *find_stream(struct packets *p, const char *from, const char *to)
{
	struct stream *s;
	char name[sizeof s->name];

	snprintf(name, sizeof name, "%s>%s", from, to);
	HASH_FIND_STR(p->streams, name, s); /* NOLINT(clang-analyzer-*): uthash */
	return s;
}

static struct stream *stream_of(struct packets *p, const struct packet_message *head)
{
	struct stream *s = find_stream(p, head->from, head->to), *back;

	if (s || HASH_COUNT(p->streams) >= STREAMS_MAX)
		return s;
	s = x_calloc(1, sizeof *s);
	snprintf(s->name, sizeof s->name, "%s>%s", head->from, head->to);
	s->head = *head;
	s->in.secret = s->opened.secret = true;
	back = find_stream(p, head->to, head->from);
	s->dir = back != NULL;
	s->tls = back ? back->tls : tls_read_new(p->keys);
	HASH_ADD_STR(p->streams, name, s); /* NOLINT(clang-analyzer-*): uthash */
	return s;
}

static void take_tcp(struct packets *p, int family, const uint8_t *addresses, const uint8_t *tcp,
		     size_t len)
{
	struct packet_message head = {0};
	size_t alen = family == AF_INET ? 4 : 16, offset;
	unsigned from, to;
	bool ours = false;

	if (len < 20)
		return;
	from = (unsigned)tcp[0] << 8 | tcp[1];
	to = (unsigned)tcp[2] << 8 | tcp[3];
	offset = (size_t)(tcp[12] >> 4) * 4;
	for (size_t i = 0; i < N_IFACES; i++) {
		if (from != ifaces[i].port && to != ifaces[i].port)
			continue;
		head.iface = ifaces[i].iface;
		ours = true;
	}
	if (!ours || offset < 20 || offset > len)
		return;
	end_text(head.from, family, addresses, from);
	end_text(head.to, family, addresses + alen, to);
	struct stream *s = stream_of(p, &head);
	if (!s)
		return;
	if (tcp[13] & 2) { /* SYN: the ports are used anew */
		drop_waiting(s);
		give_up(s);
		s->next = get_be32(tcp + 4) + 1;
		s->started = true;
		s->not_ours = s->head.in_tls = false;
		if (!(tcp[13] & 0x10))
			tls_read_reset(s->tls);
		return;
	}
	take_segment(p, s, get_be32(tcp + 4), tcp + offset, len - offset);
}

static void take_ip(struct packets *p, const uint8_t *ip, size_t len)
{
	if (len >= 20 && ip[0] >> 4 == 4) {
		size_t header = (size_t)(ip[0] & 0xf) * 4, total = (size_t)ip[2] << 8 | ip[3];
		bool fragment = (ip[6] & 0x3f) != 0 || ip[7] != 0;
		/* Segmentation offload leaves the length 0. */
		if (total == 0 || total > len)
			total = len;
		if (ip[9] == 6 && !fragment && header >= 20 && header <= total)
			take_tcp(p, AF_INET, ip + 12, ip + header, total - header);
	} else if (len >= 40 && ip[0] >> 4 == 6 && ip[6] == 6) {
		size_t payload = (size_t)ip[4] << 8 | ip[5];
		if (payload == 0 || payload > len - 40)
			payload = len - 40;
		take_tcp(p, AF_INET6, ip + 8, ip + 40, payload);
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
