/* S1 associations: accepting them, and what becomes of their UEs when they end. */
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "handlers.h"
#include "link.h"
#include "mem.h"
#include "s1_fsm.h"
#include "ue_fsm.h"

#define TUNNELS_PENDING_MAX 256 /* accepted, and not set up yet */

/* UEs in the middle of an attach cannot go on; those attached wait for their eNodeB to come back, which is then told of
 * those that it is to release. */
static void lose_unfinished(struct mme *m, struct enb *e)
{
	struct ue *ue, *tmp;

	DL_FOREACH_SAFE (e->ues, ue, tmp)
		if (!ue_is_registered(ue) && ue->fsm.now != UE_RELEASING)
			ue_step(m, ue, EV_ENB_LOST, &(struct ue_input){.cause = KH_E_LINK_LOST});
}

static void leave(struct mme *m, struct s1_peer *p)
{
	struct enb *e = p->enb;
	struct node_event ev = {.topic = "enb.down"};

	if (!e || e->peer != p)
		return;
	ev.enb = e->id;
	e->peer = NULL;
	m->enbs_up--;
	events_emit(m->node.events, &ev);
	lose_unfinished(m, e);
}

void s1_free(struct mme *m, struct s1_peer *p)
{
	leave(m, p);
	fsm_stop(&p->fsm, NULL);
	if (p->link)
		link_close(p->link);
	DL_DELETE(m->peers, p);
	m->n_peers--;
	free(p);
}

int s1_drop(struct mme *m, struct s1_peer *p, const struct s1_input *in)
{
	(void)m;
	log_info(LOG_TUNNEL, "s1 closing peer=%s cause=%s", p->name, err_name(in->cause));
	return 0;
}

int s1_setup_timeout(struct mme *m, struct s1_peer *p, const struct s1_input *in)
{
	node_refuse(&m->node, LOG_TUNNEL, in->cause, p->name, "no s1_setup_request");
	return 0;
}

int s1_link_up(struct mme *m, struct s1_peer *p, const struct s1_input *in)
{
	(void)in;
	node_count(&m->node, METRIC_LINKS_UP);
	log_info(LOG_TUNNEL, "s1 tunnel up peer=%s identity=%s", p->name,
		 link_peer_identity(p->link));
	return 0;
}

int s1_link_down(struct mme *m, struct s1_peer *p, const struct s1_input *in)
{
	p->link = NULL;
	node_count(&m->node, METRIC_LINKS_DOWN);
	if (in->cause == KH_E_LINK_LOST)
		log_info(LOG_TUNNEL, "s1 tunnel down peer=%s", p->name);
	else
		node_refuse(&m->node, LOG_TUNNEL, in->cause, p->name, "s1: %s",
			    in->detail ? in->detail : "");
	return 0;
}

static void on_up(struct link *l, void *owner)
{
	struct s1_peer *p = owner;

	(void)l;
	(void)s1_step(p->mme, p, S1_EV_LINK_UP, &(struct s1_input){0});
}

static void on_frame(struct link *l, void *owner, const uint8_t *data, size_t len)
{
	struct s1_peer *p = owner;
	struct mme *m = p->mme;

	(void)l;
	liveness_heard(&p->liveness);
	s1_dispatch(m, p, data, len);
	node_done(&m->node);
}

static void on_down(struct link *l, void *owner, int err, const char *detail)
{
	struct s1_peer *p = owner;

	(void)l;
	(void)s1_step(p->mme, p, S1_EV_LINK_DOWN,
		      &(struct s1_input){.cause = err, .detail = detail});
}

static void on_slowed(struct link *l, void *owner)
{
	struct s1_peer *p = owner;

	(void)l;
	node_refuse(&p->mme->node, LOG_TUNNEL, KH_E_BUSY, p->name,
		    "more than limits.frames: it waits");
}

static const struct link_ops ops = {
	.up = on_up, .frame = on_frame, .down = on_down, .slowed = on_slowed};

void s1_accept(void *arg, struct conn *c, const struct endpoint *from)
{
	struct mme *m = arg;
	struct s1_peer *p = x_calloc(1, sizeof *p);
	const struct link_settings settings = {
		.net = m->node.net,
		.tap = &m->node.taps[IFACE_S1],
		.max_frames = m->opt.node.max_frames,
		.tls = m->node.tls,
		.alpn = "keyhop-s1/1",
		.ppid = PPID_S1,
		.ops = &ops,
		.owner = p,
	};

	p->mme = m;
	endpoint_text(from, p->name);
	DL_APPEND(m->peers, p);
	m->n_peers++;
	p->link = link_accept(&settings, c, from);
	if (m->n_peers <= m->opt.max_enbs + TUNNELS_PENDING_MAX)
		return;
	node_refuse(&m->node, LOG_TUNNEL, KH_E_BUSY, p->name, "%u tunnels", m->n_peers);
	(void)s1_step(m, p, S1_EV_DROP, &(struct s1_input){.cause = KH_E_BUSY});
}

void s1_close_all(struct mme *m)
{
	struct s1_peer *p, *tmp;

	s1_listen_end(m);
	DL_FOREACH_SAFE (m->peers, p, tmp)
		(void)s1_step(m, p, S1_EV_DROP, &(struct s1_input){.cause = KH_E_RELEASED});
}
