#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_cmds.h"
#include "daemon.h"
#include "enb.h"
#include "handlers.h"
#include "loop.h"
#include "s1_fsm.h"
#include "scheme.h"
#include "ue_fsm.h"
#include "x2_fsm.h"

static int check_neighbours(const struct enb_options *opt, char *why, size_t why_len)
{
	const struct peer_option *all = opt->neighbours.items;

	for (size_t i = 0; i < opt->neighbours.n; i++) {
		if (all[i].id != opt->id)
			continue;
		snprintf(why, why_len, ENB_NEIGHBOURS ".%zu.id: %u is this eNodeB itself", i,
			 opt->id);
		return KH_E_CONFIG;
	}
	return node_peers_check(&opt->node, ENB_NEIGHBOURS, &opt->neighbours, why, why_len);
}

static int check(const void *options, char *why, size_t why_len)
{
	const struct enb_options *opt = options;
	struct conn_peer mme;
	int err = s1_peer(opt, &mme, why, why_len);

	if (!err)
		err = x2_check(opt, why, why_len);
	if (!err)
		err = uu_check(opt, why, why_len);
	return err ? err : check_neighbours(opt, why, why_len);
}

static void begin_neighbours(struct enb *e)
{
	const struct peer_option *o = e->opt.neighbours.items;
	char why[CONFIG_WHY_LEN];
	struct conn_peer at;

	for (size_t i = 0; i < e->opt.neighbours.n; i++) {
		if (node_listed_peer(&e->opt.node, ENB_NEIGHBOURS, &e->opt.neighbours, i, &at, why,
				     sizeof why))
			continue;
		struct neighbour *nb = neighbour_add(e, o[i].id, o[i].name, &at);
		if (nb) /* a file has fewer than there can be */
			x2_retry(nb);
	}
}

static int start(void *context, char *why, size_t why_len)
{
	struct enb *e = context;

	e->scheme = enb_scheme(e->opt.scheme);
	int err = x2_listen(e, why, why_len);
	if (!err)
		err = uu_listen(e, why, why_len);
	if (err)
		return err;
	(void)s1_step(e, S1_EV_CONNECT, &(struct s1_input){0});
	begin_neighbours(e);
	neighbour_list_watch(e);
	return 0;
}

static void free_floors(struct enb *e)
{
	struct floor *f, *tmp;

	HASH_ITER (hh, e->floors, f, tmp) {
		HASH_DEL(e->floors, f);
		free(f);
	}
}

static void stop(void *context)
{
	struct enb *e = context;
	struct neighbour *nb, *tmp;

	s1_close(e);
	uu_close_all(e);
	x2_close_all(e);
	while (e->ues)
		ue_free(e->ues);
	HASH_ITER (hh, e->neighbours, nb, tmp)
		neighbour_free(nb);
	free_floors(e);
	loop_timer_stop(&e->grace);
	loop_timer_stop(&e->pending_timer);
	loop_timer_stop(&e->list_timer);
	KEY_WIPE(&e->key);
	KEY_WIPE(&e->previous);
}

static void count_x2(const struct enb *e, json_int_t *up, json_int_t *wanted)
{
	for (const struct neighbour *nb = e->neighbours; nb; nb = nb->hh.next) {
		*up += nb->peer != NULL;
		*wanted += nb->configured;
	}
}

static void headline(const void *context, char *out, size_t len)
{
	const struct enb *e = context;
	json_int_t up = 0, wanted = 0;

	count_x2(e, &up, &wanted);
	snprintf(out, len, "S1 %s, X2 with %d of %d neighbours, %u UEs",
		 s1_is_up(e) ? "up" : "down", (int)up, (int)wanted, HASH_COUNT(e->ues));
}

static bool ready(const void *context, char *why, size_t len)
{
	const struct enb *e = context;

	if (!s1_is_up(e))
		snprintf(why, len, "no association with the MME");
	return s1_is_up(e);
}

static void status(void *context, json_t *out)
{
	struct enb *e = context;
	char x2[ENDPOINT_TEXT_LEN], uu[ENDPOINT_TEXT_LEN];
	json_int_t x2_up = 0, x2_wanted = 0;

	count_x2(e, &x2_up, &x2_wanted);
	endpoint_text(listener_endpoint(e->x2), x2);
	endpoint_text(listener_endpoint(e->uu), uu);
	json_object_set_new(out, "enb", json_integer(e->opt.id));
	json_object_set_new(out, "x2", json_string(x2));
	json_object_set_new(out, "uu", json_string(uu));
	json_object_set_new(out, "scheme", json_string(e->scheme->name));
	json_object_set_new(out, "s1_up", json_boolean(s1_is_up(e)));
	json_object_set_new(out, "x2_up", json_integer(x2_up));
	json_object_set_new(out, "x2_wanted", json_integer(x2_wanted));
	json_object_set_new(out, "neighbours", json_integer(HASH_COUNT(e->neighbours)));
	json_object_set_new(out, "ues", json_integer(HASH_COUNT(e->ues)));
	json_object_set_new(out, "kid", json_integer(e->key.id));
}

static void key_ages(void *context, key_age_fn *fn, void *arg)
{
	const struct enb *e = context;

	if (e->key.id)
		fn(arg, e->opt.id, e->key_us);
}

static const struct fsm *const machines[] = {&enb_ue_fsm, &enb_s1_fsm, &enb_x2_fsm, NULL};

const struct daemon enb_daemon = {
	.name = "enbd",
	.role = ROLE_ENB,
	.summary = "eNodeB of a keyhop network: one cell.",
	.rows = enb_rows,
	.context_size = sizeof(struct enb),
	.options_offset = offsetof(struct enb, opt),
	.check = check,
	.start = start,
	.stop = stop,
	.status = status,
	.headline = headline,
	.ready = ready,
	.crl_loaded = s1_crl_loaded,
	.key_ages = key_ages,
	.tell = passage_tell,
	.methods = enb_methods,
	.machines = machines,
};
