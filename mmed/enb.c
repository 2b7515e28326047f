#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "loop.h"
#include "mem.h"
#include "mme.h"

struct enb *enb_find(struct mme *m, uint32_t id)
{
	struct enb *e;

	HASH_FIND_INT(m->enbs, &id, e);
	return e;
}

struct enb *enb_add(struct mme *m, uint32_t id, const char *name)
{
	struct enb *e = x_calloc(1, sizeof *e);

	e->id = id;
	snprintf(e->name, sizeof e->name, "%s", name);
	HASH_ADD_INT(m->enbs, id, e);
	return e;
}

void enb_free(struct mme *m, struct enb *e)
{
	HASH_DEL(m->enbs, e);
	loop_timer_stop(&e->key_timer);
	KEY_WIPE(e);
	free(e);
}

struct enb *enb_resolve(struct mme *m, const char *text)
{
	char *end;
	unsigned long id = strtoul(text, &end, 0);

	if (*text && !*end)
		return enb_find(m, (uint32_t)id);
	for (struct enb *e = m->enbs; e; e = e->hh.next)
		if (strcmp(e->name, text) == 0)
			return e;
	return NULL;
}

int enb_send(struct mme *m, struct enb *e, const Keyhop__S1__S1 *msg)
{
	if (!e || !e->peer)
		return KH_E_LINK_LOST;
	return node_send(&m->node, e->peer->link, IFACE_S1, LOG_MME, e->name, &msg->base);
}
