#include "ued.h"

#include <stdio.h>

#include "ctl_cmds.h"
#include "daemon.h"
#include "scheme.h"
#include "ue_fsm.h"

static int add_subscriber(void *arg, const struct subscriber *s)
{
	return ue_add(arg, s) ? 0 : ue_add_refusal(arg, s);
}

static int check(const void *options, char *why, size_t why_len)
{
	const struct ued_options *opt = options;

	return node_peers_check(&opt->node, UED_CELLS, &opt->cells, why, why_len);
}

static int load(void *context, char *why, size_t why_len)
{
	struct ue_node *u = context;

	u->air = u->opt.air; /* each UE begins with it */
	if (!u->opt.subscribers)
		return 0;
	return subscriber_read(u->node.crypto, u->opt.subscribers, add_subscriber, u, why, why_len);
}

static int start(void *context, char *why, size_t why_len)
{
	struct ue_node *u = context;

	u->scheme = ue_scheme(u->opt.scheme);
	if (u->air.loss || u->air.delay_ms || u->air.jitter_ms)
		air_warn("all", &u->air);
	int err = usim_open(u, why, why_len);
	if (!err)
		err = cells_open(u, why, why_len);
	for (struct ue *ue = u->ues; ue && !err; ue = ue->hh.next)
		ue_start(ue);
	return err;
}

static void stop(void *context)
{
	struct ue_node *u = context;
	struct ue *ue, *tmp;

	HASH_ITER (hh, u->ues, ue, tmp)
		ue_free(ue);
	cells_close(u);
	usim_close(u);
}

static unsigned cells_up(const struct ue_node *u)
{
	unsigned up = 0;

	for (const struct cell *c = u->cells; c; c = c->hh.next)
		up += c->up;
	return up;
}

static void headline(const void *context, char *out, size_t len)
{
	const struct ue_node *u = context;

	snprintf(out, len, "%u of %u cells, %u UEs", cells_up(u), HASH_COUNT(u->cells),
		 HASH_COUNT(u->ues));
}

static bool ready(const void *context, char *why, size_t len)
{
	const struct ue_node *u = context;
	unsigned up = cells_up(u), all = HASH_COUNT(u->cells);

	if (up < all)
		snprintf(why, len, "%u of %u cells are connected", up, all);
	return up == all;
}

static void status(void *context, json_t *out)
{
	struct ue_node *u = context;

	json_object_set_new(out, "scheme", json_string(u->scheme->name));
	json_object_set_new(out, "cells", json_integer(HASH_COUNT(u->cells)));
	json_object_set_new(out, "cells_up", json_integer(cells_up(u)));
	json_object_set_new(out, "ues", json_integer(HASH_COUNT(u->ues)));
}

static const struct fsm *const machines[] = {&ued_ue_fsm, NULL};

const struct daemon ued_daemon = {
	.name = "ued",
	.role = ROLE_UE,
	.summary = "UEs of a keyhop network: one or many.",
	.rows = ued_rows,
	.context_size = sizeof(struct ue_node),
	.options_offset = offsetof(struct ue_node, opt),
	.check = check,
	.load = load,
	.start = start,
	.stop = stop,
	.status = status,
	.headline = headline,
	.tell = passage_tell,
	.ready = ready,
	.methods = ued_methods,
	.machines = machines,
};
