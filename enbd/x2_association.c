/* X2 associations with the neighbours. Either end may connect; the eNodeB with the lower eNB_ID goes first, and of
 * two associations the one that it began is kept. */
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "handlers.h"
#include "link.h"
#include "loop.h"
#include "mem.h"
#include "rng.h"
#include "x2_fsm.h"

#define RETRY_BASE_MS 200
#define RETRY_CAP_MS 5000
#define PEERS_MAX 512 /* set up or not */

static void on_retry(void *arg)
{
	struct neighbour *nb = arg;

	nb->timer = NULL;
	x2_connect(nb);
}

void x2_retry(struct neighbour *nb)
{
	unsigned shift = nb->attempts < 5 ? nb->attempts : 5;
	uint32_t span = RETRY_BASE_MS << shift;
	/* The higher id leaves the first word to the lower. */
	uint32_t first = nb->enb->opt.id > nb->id ? 4 * RETRY_BASE_MS : RETRY_BASE_MS / 4;

	if (!nb->configured || nb->peer || nb->timer || nb->connecting)
		return;
	nb->attempts++;
	nb->timer = loop_timer_start(nb->enb->node.loop,
				     first + rng_below(span > RETRY_CAP_MS ? RETRY_CAP_MS : span),
				     on_retry, nb);
}

void x2_free(struct x2_peer *p)
{
	struct neighbour *nb = p->nb;
	struct enb *e = p->enb;

	if (nb && nb->peer == p) {
		struct node_event ev = {.topic = "x2.down", .enb = nb->id};
		nb->peer = NULL;
		neighbour_probed(nb, KH_E_LINK_LOST);
		events_emit(e->node.events, &ev);
		/* What the old source of a UE was to do for it we do ourselves. */
		if (e->s1.source_updates)
			pending_retry(e);
	}
	if (nb && p->outbound)
		nb->connecting = false;
	fsm_stop(&p->fsm, NULL);
	if (p->link)
		link_close(p->link);
	DL_DELETE(e->x2_peers, p);
	e->n_x2_peers--;
	free(p);
	if (nb)
		x2_retry(nb);
}

int x2_drop(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	(void)e;
	log_info(LOG_X2, "x2 closing peer=%s cause=%s", p->name, err_name(in->cause));
	return 0;
}

int x2_setup_timeout(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	node_refuse(&e->node, LOG_X2, in->cause, p->name, "no X2 setup");
	return 0;
}

int x2_link_up(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	(void)p;
	(void)in;
	node_count(&e->node, METRIC_LINKS_UP);
	return 0;
}

int x2_link_down(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	int err = in->cause;

	p->link = NULL;
	node_count(&e->node, METRIC_LINKS_DOWN);
	if (p->nb && err == KH_E_CERTIFICATE_REVOKED)
		neighbour_revoke(p->nb);
	if (err == KH_E_LINK_LOST || err == KH_E_CANNOT_CONNECT)
		log_info(LOG_X2, "x2 down peer=%s cause=%s", p->name, err_name(err));
	else
		node_refuse(&e->node, LOG_X2, err, p->name, "x2: %s", in->detail ? in->detail : "");
	return 0;
}

static void on_up(struct link *l, void *owner)
{
	(void)l;
	(void)x2_step(owner, X2_EV_LINK_UP, &(struct x2_input){0});
}

static void on_frame(struct link *l, void *owner, const uint8_t *data, size_t len)
{
	struct x2_peer *p = owner;
	struct enb *e = p->enb;

	(void)l;
	liveness_heard(&p->liveness);
	x2_dispatch(p, data, len);
	node_done(&e->node);
}

static void on_down(struct link *l, void *owner, int err, const char *detail)
{
	(void)l;
	(void)x2_step(owner, X2_EV_LINK_DOWN, &(struct x2_input){.cause = err, .detail = detail});
}

static void on_slowed(struct link *l, void *owner)
{
	struct x2_peer *p = owner;

	(void)l;
	node_refuse(&p->enb->node, LOG_X2, KH_E_BUSY, p->name, "more than limits.frames: it waits");
}

static const struct link_ops ops = {
	.up = on_up, .frame = on_frame, .down = on_down, .slowed = on_slowed};

static struct link_settings settings_for(struct x2_peer *p)
{
	return (struct link_settings){.net = p->enb->node.net,
				      .tap = &p->enb->node.taps[IFACE_X2],
				      .max_frames = p->enb->opt.node.max_frames,
				      .tls = p->enb->node.tls,
				      .alpn = "keyhop-x2/1",
				      .ppid = PPID_X2,
				      .ops = &ops,
				      .owner = p};
}

static struct x2_peer *peer_new(struct enb *e)
{
	struct x2_peer *p = x_calloc(1, sizeof *p);

	p->enb = e;
	DL_APPEND(e->x2_peers, p);
	e->n_x2_peers++;
	return p;
}

int x2_begin_accept(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	const struct link_settings settings = settings_for(p);

	endpoint_text(in->from, p->name);
	p->link = link_accept(&settings, in->conn, in->from);
	if (e->n_x2_peers <= PEERS_MAX)
		return 0;
	node_refuse(&e->node, LOG_X2, KH_E_BUSY, p->name, "%u X2 associations", e->n_x2_peers);
	return KH_E_BUSY;
}

static void on_accept(void *arg, struct conn *c, const struct endpoint *from)
{
	(void)x2_step(peer_new(arg), X2_EV_ACCEPT, &(struct x2_input){.conn = c, .from = from});
}

int x2_begin_connect(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	struct neighbour *nb = in->nb;
	struct endpoints local;
	const struct link_settings settings = settings_for(p);

	p->outbound = true;
	p->nb = nb;
	snprintf(p->name, sizeof p->name, "%s", nb->name);
	nb->connecting = true;
	int err = endpoints_parse(&local, e->opt.x2_listen, 0);
	if (!err)
		err = link_connect(&p->link, &settings, &nb->at, &local);
	if (err)
		log_info(LOG_X2, "x2 peer=%s cause=%s", p->name, err_name(err));
	return err;
}

void x2_connect(struct neighbour *nb)
{
	if (!nb->peer && !nb->connecting)
		(void)x2_step(peer_new(nb->enb), X2_EV_CONNECT, &(struct x2_input){.nb = nb});
}

static struct transport_option listener(const struct enb_options *opt)
{
	return (struct transport_option){.key = "x2.listen",
					 .transport = opt->x2_transport,
					 .address = opt->x2_listen,
					 .port = opt->x2_port};
}

int x2_check(const struct enb_options *opt, char *why, size_t why_len)
{
	const struct transport_option o = listener(opt);
	struct conn_peer at;

	return node_peer(&opt->node, &o, &at, why, why_len);
}

int x2_listen(struct enb *e, char *why, size_t why_len)
{
	const struct transport_option o = listener(&e->opt);

	return node_listen(&e->node, &o, on_accept, &e->x2, why, why_len);
}

void x2_close_all(struct enb *e)
{
	struct x2_peer *p, *tmp;

	if (e->x2)
		listener_close(e->x2);
	e->x2 = NULL;
	for (struct neighbour *nb = e->neighbours; nb; nb = nb->hh.next)
		nb->configured = false; /* no more retries */
	DL_FOREACH_SAFE (e->x2_peers, p, tmp)
		(void)x2_step(p, X2_EV_DROP, &(struct x2_input){.cause = KH_E_RELEASED});
}

int x2_send(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *msg)
{
	return node_send(&e->node, p->link, IFACE_X2, LOG_X2, p->name, &msg->base);
}
