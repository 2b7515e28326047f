#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "mem.h"
#include "packets_sctp.h"
#include "tls_read.h"

#define ASSOCIATIONS_MAX 32768
#define MESSAGE_MAX (1U << 20)
#define HELD_MAX \
	8192 /* of a direction; who has more on its way has no window like that of a node */
#define HELD_OCTETS_MAX (64U << 20) /* of all directions */

struct held {
	struct piece piece; /* its `data` is behind */
	UT_hash_handle hh;
	uint8_t data[];
};

struct tag *tag_find(const struct sctp_reader *r, struct tag_key key)
{
	struct tag *t;

	HASH_FIND(hh, r->tags, &key, sizeof key, t); /* NOLINT(clang-analyzer-*): uthash */
	return t;
}

struct tag *tag_add(struct sctp_reader *r, struct association *a, struct tag_key key, int dir)
{
	struct tag *t = x_calloc(1, sizeof *t);

	t->key = key;
	t->association = a;
	t->dir = dir;
	LL_PREPEND(a->tags, t);
	a->n_tags++;
	HASH_ADD(hh, r->tags, key, sizeof t->key, t); /* NOLINT(clang-analyzer-*): uthash */
	return t;
}

struct association *association_new(struct packets *p, const struct packet_message *head,
				    bool known)
{
	struct association *a = x_calloc(1, sizeof *a);
	struct packet_message back = *head;

	if (p->sctp->n_associations == ASSOCIATIONS_MAX)
		association_forget(p->sctp, p->sctp->associations);
	memcpy(back.from, head->to, sizeof back.from);
	memcpy(back.to, head->from, sizeof back.to);
	a->known = known;
	a->tls = tls_read_new(p->keys);
	octets_init(&a->halves[0].octets, head, a->tls, 0);
	octets_init(&a->halves[1].octets, &back, a->tls, 1);
	DL_APPEND(p->sctp->associations, a);
	p->sctp->n_associations++;
	return a;
}

void association_touch(struct sctp_reader *r, struct association *a)
{
	DL_DELETE(r->associations, a);
	DL_APPEND(r->associations, a);
}

static void drop_held(struct sctp_reader *r, struct half *h, struct held *held)
{
	HASH_DEL(h->held, held); /* NOLINT(clang-analyzer-*): uthash */
	r->held_octets -= sizeof *held + held->piece.len;
	free(held);
}

void association_end(struct sctp_reader *r, struct association *a)
{
	struct held *held, *tmp;

	a->ended = true;
	for (int i = 0; i < 2; i++) {
		octets_give_up(&a->halves[i].octets);
		HASH_ITER (hh, a->halves[i].held, held, tmp) /* NOLINT(clang-analyzer-*) */
			drop_held(r, &a->halves[i], held);
	}
	tls_read_free(a->tls);
	a->tls = NULL;
}

void association_forget(struct sctp_reader *r, struct association *a)
{
	struct tag *t, *tmp;

	association_end(r, a);
	LL_FOREACH_SAFE(a->tags, t, tmp)
	{
		HASH_DEL(r->tags, t); /* NOLINT(clang-analyzer-*): uthash */
		free(t);
	}
	DL_DELETE(r->associations, a);
	r->n_associations--;
	free(a);
}

static struct held *find_held(const struct half *h, uint32_t tsn)
{
	struct held *held;

	HASH_FIND(hh, h->held, &tsn, sizeof tsn, held); /* NOLINT(clang-analyzer-*): uthash */
	return held;
}

static void deliver(struct packets *p, struct half *h, const struct piece *piece)
{
	h->next = piece->tsn + 1;
	h->taken = true;
	if (!piece->in_order || h->octets.not_ours || (h->gap && !piece->begins))
		return;
	h->gap = false;
	buf_append(&h->octets.in, piece->data, piece->len);
	/* What is in a message comes with its last fragment, here as in Wireshark. */
	if (piece->ends || h->octets.in.len > MESSAGE_MAX)
		octets_take(p, &h->octets);
}

static void deliver_held(struct packets *p, struct half *h)
{
	for (struct held *held; (held = find_held(h, h->next));) {
		deliver(p, h, &held->piece);
		drop_held(p->sctp, h, held);
	}
}

static void hold(struct sctp_reader *r, struct half *h, const struct piece *piece)
{
	size_t cost = sizeof(struct held) + piece->len;
	struct held *held;

	if (find_held(h, piece->tsn) || HASH_COUNT(h->held) >= HELD_MAX ||
	    r->held_octets + cost > HELD_OCTETS_MAX)
		return;
	held = x_calloc(1, cost);
	held->piece = *piece;
	held->piece.data = held->data;
	memcpy(held->data, piece->data, piece->len);
	r->held_octets += cost;
	HASH_ADD(hh, h->held, piece.tsn, sizeof held->piece.tsn, held); /* NOLINT: uthash */
}

void half_take(struct packets *p, struct half *h, const struct piece *piece)
{
	if (!h->started)
		h->next = piece->tsn;
	h->started = true;
	if (piece->tsn == h->next) {
		deliver(p, h, piece);
		deliver_held(p, h);
	} else if ((int32_t)(piece->tsn - h->next) > 0 && !h->octets.not_ours) {
		hold(p->sctp, h, piece);
	}
}

void half_acked(struct packets *p, struct half *h, uint32_t acked)
{
	struct held *held, *tmp, *first = NULL;

	if (!h->started || (int32_t)(acked - h->next) < 0)
		return;
	/* Records of TLS are numbered. */
	if (h->octets.head.in_tls)
		octets_give_up(&h->octets);
	buf_clear(&h->octets.in);
	h->gap = true;
	HASH_ITER (hh, h->held, held, tmp) /* NOLINT(clang-analyzer-*): uthash */
		if (!first || (int32_t)(held->piece.tsn - first->piece.tsn) < 0)
			first = held;
	h->next = first && (int32_t)(first->piece.tsn - acked) <= 0 ? first->piece.tsn : acked + 1;
	deliver_held(p, h);
}
