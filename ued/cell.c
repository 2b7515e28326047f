/* Cells in reach: one Uu connection each, made again when it is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "loop.h"
#include "mem.h"
#include "rng.h"
#include "ue_fsm.h"

#define RETRY_BASE_MS 100
#define RETRY_CAP_MS 3000

struct cell *cell_find(struct ue_node *u, uint32_t id)
{
	struct cell *c;

	HASH_FIND_INT(u->cells, &id, c);
	return c;
}

struct cell *cell_resolve(struct ue_node *u, const char *text)
{
	uint32_t id;

	if (id_parse(&id, text) == 0)
		return cell_find(u, id);
	for (struct cell *c = u->cells; c; c = c->hh.next)
		if (strcmp(c->name, text) == 0)
			return c;
	return NULL;
}

static void cell_connect(struct cell *c);

static void on_retry(void *arg)
{
	struct cell *c = arg;

	c->timer = NULL;
	cell_connect(c);
}

static void retry_later(struct cell *c)
{
	unsigned shift = c->attempts < 5 ? c->attempts : 5;
	uint32_t span = RETRY_BASE_MS << shift;

	c->attempts++;
	loop_timer_stop(&c->timer);
	c->timer = loop_timer_start(c->node->node.loop,
				    RETRY_BASE_MS / 2 +
					    rng_below(span > RETRY_CAP_MS ? RETRY_CAP_MS : span),
				    on_retry, c);
}

/* `attach.cell`: all UEs that are not anywhere yet attach there, but for those that somebody detached. */
static void attach_all(struct cell *c)
{
	for (struct ue *ue = c->node->ues; ue; ue = ue->hh.next)
		if (ue->fsm.now == UE_DETACHED && ue->wanted)
			ue_step(ue, EV_OP_ATTACH, &(struct ue_input){.cell = c});
}

static void on_up(struct link *l, void *owner)
{
	struct cell *c = owner;
	struct node_event ev = {.topic = "cell.up", .enb = c->id};

	(void)l;
	c->up = true;
	c->barred_until_us = 0;
	c->attempts = 0;
	node_count(&c->node->node, METRIC_LINKS_UP);
	events_emit(c->node->node.events, &ev);
	log_info(LOG_AIR, "uu up cell=%s", c->name);
	if (c->node->opt.attach_cell == c->id)
		attach_all(c);
}

static void on_frame(struct link *l, void *owner, const uint8_t *data, size_t len)
{
	struct cell *c = owner;

	(void)l;
	uu_dispatch(c, data, len);
	node_done(&c->node->node);
}

static void lose_ues(struct cell *c)
{
	struct ue *ue, *tmp;

	HASH_ITER (hh, c->node->ues, ue, tmp)
		if (ue->cell == c && ue->fsm.now != UE_DETACHED)
			ue_step(ue, EV_RADIO_LOST, &(struct ue_input){.cause = KH_E_LINK_LOST});
}

static void on_down(struct link *l, void *owner, int err, const char *detail)
{
	struct cell *c = owner;
	struct node_event ev = {.topic = "cell.down", .enb = c->id, .err = err};

	(void)l;
	c->up = false;
	c->link = NULL;
	node_count(&c->node->node, METRIC_LINKS_DOWN);
	if (err == KH_E_LINK_LOST || err == KH_E_CANNOT_CONNECT)
		log_info(LOG_AIR, "uu down cell=%s cause=%s", c->name, err_name(err));
	else
		node_refuse(&c->node->node, LOG_AIR, err, c->name, "uu: %s", detail ? detail : "");
	events_emit(c->node->node.events, &ev);
	lose_ues(c);
	retry_later(c);
}

static const struct link_ops ops = {.up = on_up, .frame = on_frame, .down = on_down};

static void cell_connect(struct cell *c)
{
	const struct link_settings settings = {.net = c->node->node.net,
					       .tap = &c->node->node.taps[IFACE_RRC],
					       .ppid = PPID_UU,
					       .ops = &ops,
					       .owner = c};

	if (link_connect(&c->link, &settings, &c->at, NULL)) {
		c->link = NULL;
		retry_later(c);
	}
}

int cells_open(struct ue_node *u, char *why, size_t why_len)
{
	const struct peer_option *o = u->opt.cells.items;

	for (size_t i = 0; i < u->opt.cells.n; i++) {
		struct conn_peer at;
		if (node_listed_peer(&u->opt.node, UED_CELLS, &u->opt.cells, i, &at, why, why_len))
			return KH_E_CONFIG;
		struct cell *c = x_calloc(1, sizeof *c);
		c->node = u;
		c->id = o[i].id;
		c->at = at;
		if (o[i].name)
			snprintf(c->name, sizeof c->name, "%s", o[i].name);
		else
			snprintf(c->name, sizeof c->name, "enb%u", c->id);
		HASH_ADD_INT(u->cells, id, c);
	}
	for (struct cell *c = u->cells; c; c = c->hh.next)
		cell_connect(c);
	return 0;
}

void cells_close(struct ue_node *u)
{
	struct cell *c, *tmp;

	HASH_ITER (hh, u->cells, c, tmp) {
		loop_timer_stop(&c->timer);
		if (c->link)
			link_close(c->link);
		// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash
		HASH_DEL(u->cells, c);
		free(c);
	}
}
