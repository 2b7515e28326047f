#include "seq_places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "fault.h"
#include "mem.h"
#include "s1.pb-c.h"
#include "x2.pb-c.h"

#define PLACES_MAX 65536

struct place {
	char end[PACKET_END_LEN]; /* address and port, or an address alone */
	char name[64]; /* of the node that made the capture; "" */
	enum seq_role role;
	uint32_t enb;
	bool shared; /* an address that several eNodeBs connect from */
	UT_hash_handle hh;
};

struct places {
	struct seq *s;
	struct place *all;
};

struct places *places_new(struct seq *s)
{
	struct places *p = x_calloc(1, sizeof *p);

	p->s = s;
	return p;
}

void places_free(struct places *p)
{
	struct place *i, *tmp;

	HASH_ITER (hh, p->all, i, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		HASH_DEL(p->all, i);
		free(i);
	}
	free(p);
}

static struct place *find(const struct places *p, const char *end)
{
	struct place *i;

	HASH_FIND_STR(p->all, end, i); /* NOLINT(clang-analyzer-*): uthash */
	return i;
}

/* NULL when there are too many. */
static struct place *place_of(struct places *p, const char *end)
{
	struct place *i = find(p, end);

	if (i || HASH_COUNT(p->all) >= PLACES_MAX)
		return i;
	i = x_calloc(1, sizeof *i);
	snprintf(i->end, sizeof i->end, "%s", end);
	HASH_ADD_STR(p->all, end, i); /* NOLINT(clang-analyzer-*): uthash */
	return i;
}

static void address_of(const char *end, char *out, size_t len)
{
	const char *port = strrchr(end, ':');

	snprintf(out, len, "%.*s", port ? (int)(port - end) : (int)strlen(end), end);
}

static void set(struct places *p, const char *end, enum seq_role role, uint32_t enb)
{
	struct place *i = place_of(p, end);

	if (!i)
		return;
	if (role != SEQ_OTHER)
		i->role = role;
	if (enb)
		i->enb = enb;
}

/* "enb1 S1 keyhop:mme:mme": who captured, on which interface, who is there. */
static void learn_interface(struct places *p, const struct capture_block *b,
			    const struct packet_message *m)
{
	const char *mine = b->inbound ? m->to : m->from, *theirs = b->inbound ? m->from : m->to;
	char name[64], iface[8], peer[128] = "";
	unsigned enb = 0;

	if (sscanf(b->name, "%63s %7s %127s", name, iface, peer) < 2)
		return;
	struct place *me = place_of(p, mine);
	if (!me)
		return;
	snprintf(me->name, sizeof me->name, "%s", name);
	if (strncmp(peer, "keyhop:mme:", 11) == 0)
		set(p, theirs, SEQ_MME, 0);
	if (sscanf(peer, "keyhop:enb:%*[0-9]-%u", &enb) == 1)
		set(p, theirs, SEQ_ENB, enb);
}

/* Setup messages name their sender. */
static uint32_t enb_of_setup(const struct packet_message *m)
{
	uint32_t enb = 0;

	if (m->iface == IFACE_S1 && fault_peek_number(m->data, m->len) == 20) {
		Keyhop__S1__S1 *s1 = keyhop__s1__s1__unpack(NULL, m->len, m->data);
		if (s1 && s1->body_case == KEYHOP__S1__S1__BODY_S1_SETUP_REQUEST)
			enb = s1->s1_setup_request->enb_id;
		if (s1)
			keyhop__s1__s1__free_unpacked(s1, NULL);
	} else if (m->iface == IFACE_X2) {
		Keyhop__X2__X2 *x2 = keyhop__x2__x2__unpack(NULL, m->len, m->data);
		if (x2 && x2->body_case == KEYHOP__X2__X2__BODY_X2_SETUP_REQUEST)
			enb = x2->x2_setup_request->enb_id;
		if (x2 && x2->body_case == KEYHOP__X2__X2__BODY_X2_SETUP_RESPONSE)
			enb = x2->x2_setup_response->enb_id;
		if (x2)
			keyhop__x2__x2__free_unpacked(x2, NULL);
	}
	return enb;
}

static bool has_port(const char *end, unsigned port)
{
	char text[16];
	size_t len = (size_t)snprintf(text, sizeof text, ":%u", port), all = strlen(end);

	return all > len && strcmp(end + all - len, text) == 0;
}

/* Who listens on an interface, and who connects. */
static void learn_ports(struct places *p, const struct packet_message *m)
{
	static const struct {
		unsigned port;
		enum seq_role listens, connects;
	} rows[IFACE_COUNT] = {
		[IFACE_S1] = {36512, SEQ_MME, SEQ_ENB},
		[IFACE_X2] = {36522, SEQ_ENB, SEQ_ENB},
		[IFACE_RRC] = {36532, SEQ_ENB, SEQ_UE},
	};
	bool from = has_port(m->from, rows[m->iface].port),
	     to = has_port(m->to, rows[m->iface].port);
	const struct place *a = place_of(p, m->from), *b = place_of(p, m->to);

	if (from == to)
		return;
	if (a && a->role == SEQ_OTHER)
		set(p, m->from, from ? rows[m->iface].listens : rows[m->iface].connects, 0);
	if (b && b->role == SEQ_OTHER)
		set(p, m->to, to ? rows[m->iface].listens : rows[m->iface].connects, 0);
}

void places_learn(struct places *p, const struct capture_block *b, const struct packet_message *m)
{
	char address[PACKET_END_LEN];
	uint32_t enb = enb_of_setup(m);

	learn_interface(p, b, m);
	learn_ports(p, m);
	if (!enb)
		return;
	set(p, m->from, SEQ_ENB, enb);
	/* Where an eNodeB connects from it listens, too, unless all connect from one address. */
	address_of(m->from, address, sizeof address);
	struct place *at = place_of(p, address);
	if (at) {
		at->shared |= at->enb && at->enb != enb;
		at->enb = enb;
	}
}

void places_settle(struct places *p)
{
	struct place *i, *tmp;

	HASH_ITER (hh, p->all, i, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		if (!i->name[0])
			continue;
		struct seq_lane *lane = &p->s->lanes[seq_lane(p->s, i->name)];
		if (i->role != SEQ_OTHER)
			lane->role = i->role;
		if (i->enb)
			lane->enb = i->enb;
	}
}

unsigned places_lane(struct places *p, enum iface iface, const char *end)
{
	char address[PACKET_END_LEN];
	const struct place *i = find(p, end), *at;

	address_of(end, address, sizeof address);
	at = find(p, address);
	if (i && i->name[0])
		return seq_lane(p->s, i->name);
	if (i && i->enb)
		return seq_lane_of_enb(p->s, i->enb);
	if (at && at->enb && !at->shared && i && i->role == SEQ_ENB)
		return seq_lane_of_enb(p->s, at->enb);
	if (i && i->role == SEQ_MME)
		return seq_lane_of_role(p->s, SEQ_MME, "mme");
	if (i && i->role == SEQ_UE && iface == IFACE_RRC)
		return seq_lane_of_role(p->s, SEQ_UE, "ue");
	unsigned lane = seq_lane(p->s, address);
	p->s->lanes[lane].role = i ? i->role : SEQ_OTHER;
	return lane;
}
