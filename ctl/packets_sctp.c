/* SCTP (RFC 9260), in IP or in UDP, put together again. keyhop takes an association as octets in order: the ordered DATA of
 * stream 0 by TSN, whatever messages, chunks and packets it was cut into.
 *
 * A direction is known by its verification tag and its ports, not by addresses, of which there may be several; INIT and
 * INIT ACK say which two are one association. */
#include <stdlib.h>

#include "ids.h"
#include "mem.h"
#include "net.h"
#include "packets_sctp.h"

#define TAGS_MAX 16 /* of one association: every INIT is answered with another */
#define HEADER_LEN 12
#define CRC_AT 8

enum {
	CHUNK_DATA = 0,
	CHUNK_INIT,
	CHUNK_INIT_ACK,
	CHUNK_SACK,
	CHUNK_ABORT = 6,
	CHUNK_COOKIE_ECHO = 10,
	CHUNK_SHUTDOWN_COMPLETE = 14,
	CHUNKS
};
enum { FLAG_TAG_REFLECTED = 1 }; /* of ABORT and SHUTDOWN COMPLETE */
enum { FLAG_ENDS = 1, FLAG_BEGINS = 2, FLAG_UNORDERED = 4 }; /* of DATA */

struct chunk {
	uint8_t type, flags;
	const uint8_t *data; /* with its header */
	size_t len;
};

/* A packet of SCTP. */
struct packet {
	const struct ip_ends *ip;
	struct tag_key key;
};

static bool crc_is_good(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX, said = 0;

	for (size_t i = 0; i < len; i++) {
		bool in_field = i >= CRC_AT && i < CRC_AT + 4;
		crc ^= in_field ? 0 : data[i];
		said |= in_field ? (uint32_t)data[i] << 8 * (i - CRC_AT) : 0;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return (crc ^ UINT32_MAX) == said;
}

static struct tag_key reversed(struct tag_key key, uint32_t tag)
{
	return (struct tag_key){.tag = tag, .from = key.to, .to = key.from};
}

/* Of the sender of this packet with whom it is for. */
static struct association *begin(struct packets *p, const struct packet *packet)
{
	struct packet_message head = {0};
	bool known = packets_iface(packet->key.from, packet->key.to, &head.iface);

	packets_ends(packet->ip, packet->key.from, packet->key.to, &head);
	return association_new(p, &head, known);
}

/* Where the ports are not ours the payload protocol identifier says what it is, unless TLS is in the way. */
static bool learn_iface(struct association *a, uint32_t ppid)
{
	static const struct {
		uint32_t ppid;
		enum iface iface;
	} rows[] = {{PPID_S1, IFACE_S1}, {PPID_X2, IFACE_X2}, {PPID_UU, IFACE_RRC}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !a->known; i++) {
		if (rows[i].ppid != ppid)
			continue;
		a->known = true;
		a->halves[0].octets.head.iface = a->halves[1].octets.head.iface = rows[i].iface;
	}
	return a->known;
}

/* ---- chunks; `t` is NULL where the tag is nobody's ---- */

static void take_data(struct packets *p, const struct packet *packet, struct tag *t,
		      const struct chunk *c)
{
	const struct piece piece = {.tsn = get_be32(c->data + 4),
				    .ppid = get_be32(c->data + 12),
				    .begins = c->flags & FLAG_BEGINS,
				    .ends = c->flags & FLAG_ENDS,
				    .in_order =
					    !(c->flags & FLAG_UNORDERED) && be16(c->data + 8) == 0,
				    .data = c->data + 16,
				    .len = c->len - 16};

	/* The capture began in the middle of it. */
	if (!t)
		t = tag_add(p->sctp, begin(p, packet), packet->key, 0);
	if (!t->association->ended && learn_iface(t->association, piece.ppid))
		half_take(p, &t->association->halves[t->dir], &piece);
}

static void take_init(struct packets *p, const struct packet *packet, struct tag *t,
		      const struct chunk *c)
{
	struct tag_key back = reversed(packet->key, get_be32(c->data + 4));
	struct association *a;

	(void)t;
	if (packet->key.tag != 0 || tag_find(p->sctp, back)) /* sent again */
		return;
	a = begin(p, packet);
	tag_add(p->sctp, a, back, 1);
	a->halves[0].next = get_be32(c->data + 16);
	a->halves[0].started = true;
}

static void take_init_ack(struct packets *p, const struct packet *packet, struct tag *t,
			  const struct chunk *c)
{
	struct tag_key back = reversed(packet->key, get_be32(c->data + 4));

	if (!t || t->dir != 1 || t->association->n_tags == TAGS_MAX || tag_find(p->sctp, back))
		return;
	t = tag_add(p->sctp, t->association, back, 0);
	t->back_tsn = get_be32(c->data + 16);
	t->has_back_tsn = true;
}

/* Of several INIT ACKs, this is the one. */
static void take_cookie_echo(struct packets *p, const struct packet *packet, struct tag *t,
			     const struct chunk *c)
{
	struct half *back = t ? &t->association->halves[1] : NULL;

	(void)p;
	(void)packet;
	(void)c;
	if (!t || !t->has_back_tsn || back->taken)
		return;
	back->next = t->back_tsn;
	back->started = true;
}

static void take_sack(struct packets *p, const struct packet *packet, struct tag *t,
		      const struct chunk *c)
{
	(void)packet;
	if (t && !t->association->ended)
		half_acked(p, &t->association->halves[!t->dir], get_be32(c->data + 4));
}

static void take_end(struct packets *p, const struct packet *packet, struct tag *t,
		     const struct chunk *c)
{
	if (c->flags & FLAG_TAG_REFLECTED)
		t = tag_find(p->sctp, reversed(packet->key, packet->key.tag));
	if (t)
		association_end(p->sctp, t->association);
}

static const struct {
	void (*take)(struct packets *p, const struct packet *packet, struct tag *t,
		     const struct chunk *c);
	size_t least; /* octets, with the header */
} rows[CHUNKS] = {
	[CHUNK_DATA] = {take_data, 17},
	[CHUNK_INIT] = {take_init, 20},
	[CHUNK_INIT_ACK] = {take_init_ack, 20},
	[CHUNK_SACK] = {take_sack, 16},
	[CHUNK_ABORT] = {take_end, 4},
	[CHUNK_COOKIE_ECHO] = {take_cookie_echo, 4},
	[CHUNK_SHUTDOWN_COMPLETE] = {take_end, 4},
};

static void take_chunk(struct packets *p, const struct packet *packet, const struct chunk *c)
{
	struct tag *t = tag_find(p->sctp, packet->key);

	if (t)
		association_touch(p->sctp, t->association);
	if (c->type < CHUNKS && rows[c->type].take && c->len >= rows[c->type].least)
		rows[c->type].take(p, packet, t, c);
}

void packets_take_sctp(struct packets *p, const struct ip_ends *ip, const uint8_t *sctp, size_t len,
		       bool in_udp)
{
	struct packet packet = {.ip = ip};
	size_t whole;

	/* A network card may have been left to fill in the checksum, but not inside of UDP, where it also says that
	 * this is SCTP at all. */
	if (len < HEADER_LEN + 4 ||
	    ((in_udp || get_be32(sctp + CRC_AT) != 0) && !crc_is_good(sctp, len)))
		return;
	if (!p->sctp)
		p->sctp = x_calloc(1, sizeof *p->sctp);
	packet.key = (struct tag_key){get_be32(sctp + 4), (uint16_t)be16(sctp),
				      (uint16_t)be16(sctp + 2)};
	for (size_t at = HEADER_LEN; len - at >= 4; at += whole < len - at ? whole : len - at) {
		const struct chunk c = {sctp[at], sctp[at + 1], sctp + at, be16(sctp + at + 2)};
		if (c.len < 4 || c.len > len - at)
			return;
		take_chunk(p, &packet, &c);
		whole = (c.len + 3) / 4 * 4;
	}
}

void packets_free_sctp(struct packets *p)
{
	while (p->sctp && p->sctp->associations)
		association_forget(p->sctp, p->sctp->associations);
	free(p->sctp);
}
