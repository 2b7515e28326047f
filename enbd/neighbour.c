#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enb.h"
#include "loop.h"
#include "mem.h"

struct neighbour *neighbour_find(struct enb *e, uint32_t id)
{
	struct neighbour *nb;

	HASH_FIND_INT(e->neighbours, &id, nb);
	return nb;
}

struct neighbour *neighbour_resolve(struct enb *e, const char *text)
{
	uint32_t id;

	if (id_parse(&id, text) == 0)
		return neighbour_find(e, id);
	for (struct neighbour *nb = e->neighbours; nb; nb = nb->hh.next)
		if (strcmp(nb->name, text) == 0)
			return nb;
	return NULL;
}

struct neighbour *neighbour_add(struct enb *e, uint32_t id, const char *name,
				const struct conn_peer *at)
{
	struct neighbour *nb = neighbour_find(e, id);

	if (!nb && HASH_COUNT(e->neighbours) >= NEIGHBOURS_KNOWN_MAX)
		return NULL;
	if (!nb) {
		nb = x_calloc(1, sizeof *nb);
		nb->enb = e;
		nb->id = id;
		HASH_ADD_INT(e->neighbours, id, nb);
	}
	if (name)
		snprintf(nb->name, sizeof nb->name, "%s", name);
	else if (!nb->name[0])
		snprintf(nb->name, sizeof nb->name, "enb%u", id);
	if (at) {
		nb->at = *at;
		nb->configured = true;
	}
	return nb;
}

void neighbour_revoke(struct neighbour *nb)
{
	struct node_event ev = {
		.topic = "certificate.revoked", .enb = nb->id, .err = KH_E_CERTIFICATE_REVOKED};

	if (nb->revoked)
		return;
	nb->revoked = true;
	snprintf(ev.detail, sizeof ev.detail, "%s", nb->name);
	events_emit(nb->enb->node.events, &ev);
	log_warn(LOG_X2, "certificate of neighbour enb=%u name=%s is revoked", nb->id, nb->name);
}

int neighbour_reach(const struct neighbour *nb)
{
	if (!nb)
		return KH_E_NOT_A_NEIGHBOUR;
	if (nb->peer)
		return 0;
	return nb->revoked ? KH_E_CERTIFICATE_REVOKED : KH_E_TARGET_UNREACHABLE;
}

void neighbour_free(struct neighbour *nb)
{
	neighbour_probed(nb, KH_E_LINK_LOST);
	loop_timer_stop(&nb->timer);
	HASH_DEL(nb->enb->neighbours, nb);
	free(nb);
}

size_t neighbour_ids(const struct enb *e, uint32_t *out, size_t max)
{
	size_t n = 0;

	for (const struct neighbour *nb = e->neighbours; nb && n < max; nb = nb->hh.next)
		if (nb->configured && !nb->revoked)
			out[n++] = nb->id;
	return n;
}
