/* S1 associations: accepting them, and what becomes of their UEs when they end. */
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "link.h"
#include "loop.h"
#include "mem.h"
#include "net.h"
#include "ue_fsm.h"

#define SETUP_TIMEOUT_MS 10000

/* UEs in the middle of an attach cannot go on; those attached wait for their eNodeB to come back. */
static void lose_unfinished(struct mme *m, struct enb *e)
{
	struct ue *ue, *tmp;

	DL_FOREACH_SAFE (e->ues, ue, tmp)
		if (ue->state != UE_ATTACHED)
			ue_step(m, ue, EV_ENB_LOST, &(struct ue_input){.cause = KH_E_LINK_LOST});
}

static void forget(struct mme *m, struct s1_peer *p)
{
	struct enb *e = p->enb;

	if (e && e->peer == p) {
		struct node_event ev = {.topic = "enb.down", .enb = e->id};
		e->peer = NULL;
		m->enbs_up--;
		events_emit(m->node.events, &ev);
		lose_unfinished(m, e);
	}
	loop_timer_stop(&p->setup_timer);
	DL_DELETE(m->peers, p);
	free(p);
}

void s1_drop(struct mme *m, struct s1_peer *p, int cause)
{
	log_info(LOG_TUNNEL, "s1 closing peer=%s cause=%s", p->name, err_name(cause));
	link_close(p->link);
	forget(m, p);
}

static void on_setup_timeout(void *arg)
{
	struct s1_peer *p = arg;

	p->setup_timer = NULL;
	node_refuse(&p->mme->node, LOG_TUNNEL, KH_E_TIMEOUT, p->name, "no s1_setup_request");
	s1_drop(p->mme, p, KH_E_TIMEOUT);
}

static void on_up(struct link *l, void *owner)
{
	struct s1_peer *p = owner;

	node_count(&p->mme->node, METRIC_LINKS_UP);
	p->setup_timer = loop_timer_start(p->mme->node.loop, SETUP_TIMEOUT_MS, on_setup_timeout, p);
	log_info(LOG_TUNNEL, "s1 tunnel up peer=%s identity=%s", p->name, link_peer_identity(l));
}

static void on_frame(struct link *l, void *owner, const uint8_t *data, size_t len)
{
	struct s1_peer *p = owner;
	struct mme *m = p->mme;

	(void)l;
	s1_dispatch(m, p, data, len);
	node_done(&m->node);
}

static void on_down(struct link *l, void *owner, int err, const char *detail)
{
	struct s1_peer *p = owner;
	struct mme *m = p->mme;

	(void)l;
	node_count(&m->node, METRIC_LINKS_DOWN);
	if (err == KH_E_LINK_LOST)
		log_info(LOG_TUNNEL, "s1 tunnel down peer=%s", p->name);
	else
		node_refuse(&m->node, LOG_TUNNEL, err, p->name, "s1: %s", detail ? detail : "");
	forget(m, p);
}

static const struct link_ops ops = {.up = on_up, .frame = on_frame, .down = on_down};

static void on_accept(void *arg, int fd, const struct endpoint *from)
{
	struct mme *m = arg;
	struct s1_peer *p = x_calloc(1, sizeof *p);
	const struct link_settings settings = {
		.loop = m->node.loop,
		.tls = m->node.tls,
		.alpn = "keyhop-s1/1",
		.ops = &ops,
		.owner = p,
	};

	p->mme = m;
	endpoint_text(from, p->name);
	DL_APPEND(m->peers, p);
	p->link = link_accept(&settings, fd, from);
}

int s1_listen(struct mme *m, char *why, size_t why_len)
{
	struct endpoint ep;

	if (endpoint_parse(&ep, m->opt.s1_listen, m->opt.s1_port)) {
		snprintf(why, why_len, "s1.listen: \"%s\" is not an address", m->opt.s1_listen);
		return KH_E_CONFIG;
	}
	int err = listener_open(&m->s1, m->node.loop, (enum transport)m->opt.node.transport, &ep,
				on_accept, m);
	if (err)
		snprintf(why, why_len, "s1.listen: %s port %u: cannot listen", m->opt.s1_listen,
			 m->opt.s1_port);
	return err;
}

void s1_close_all(struct mme *m)
{
	struct s1_peer *p, *tmp;

	if (m->s1)
		listener_close(m->s1);
	m->s1 = NULL;
	DL_FOREACH_SAFE (m->peers, p, tmp)
		s1_drop(m, p, KH_E_RELEASED);
}
