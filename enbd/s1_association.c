/* The association with the MME: connecting, setup, and connecting again with full jitter. */
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "link.h"
#include "loop.h"
#include "rng.h"
#include "ue_fsm.h"

#define RETRY_BASE_MS 200
#define RETRY_CAP_MS 5000
#define SETUP_TIMEOUT_MS 5000

static void on_retry(void *arg)
{
	struct enb *e = arg;

	e->s1.timer = NULL;
	s1_connect(e);
}

/* random(base, min(cap, base * 2^n)): many eNodeBs do not come back in the same instant. */
static void retry_later(struct enb *e)
{
	unsigned shift = e->s1.attempts < 5 ? e->s1.attempts : 5;
	uint32_t span = RETRY_BASE_MS << shift;

	if (span > RETRY_CAP_MS)
		span = RETRY_CAP_MS;
	e->s1.attempts++;
	loop_timer_stop(&e->s1.timer);
	e->s1.timer =
		loop_timer_start(e->node.loop, RETRY_BASE_MS / 4 + rng_below(span), on_retry, e);
}

static void forget(struct enb *e)
{
	struct node_event ev = {.topic = "tunnel.down"};

	if (e->s1.state == ASSOC_UP)
		events_emit(e->node.events, &ev);
	e->s1.link = NULL;
	e->s1.state = ASSOC_DOWN;
	loop_timer_stop(&e->s1.timer);
}

void s1_close(struct enb *e, int cause)
{
	if (e->s1.link) {
		log_info(LOG_TUNNEL, "s1 closing cause=%s", err_name(cause));
		link_close(e->s1.link);
	}
	forget(e);
}

static void on_setup_timeout(void *arg)
{
	struct enb *e = arg;

	e->s1.timer = NULL;
	node_refuse(&e->node, LOG_TUNNEL, KH_E_TIMEOUT, "mme", "no answer to s1_setup_request");
	s1_close(e, KH_E_TIMEOUT);
	retry_later(e);
}

/* The certificate must name an MME, and the configured one if there is one. */
static int check_identity(const struct enb *e, struct link *l)
{
	char wanted[IDENTITY_MAX];
	const char *identity = link_peer_identity(l);

	if (!link_has_tls(l))
		return 0;
	if (!e->opt.mme_name)
		return strncmp(identity, "keyhop:mme:", 11) == 0 ? 0 : KH_E_IDENTITY_MISMATCH;
	identity_mme(wanted, e->opt.mme_name);
	return strcmp(identity, wanted) == 0 ? 0 : KH_E_IDENTITY_MISMATCH;
}

static void on_up(struct link *l, void *owner)
{
	struct enb *e = owner;
	int err = check_identity(e, l);

	node_count(&e->node, METRIC_LINKS_UP);
	if (err) {
		node_refuse(&e->node, LOG_TUNNEL, err, "mme", "certificate of \"%s\"",
			    link_peer_identity(l));
		s1_close(e, err);
		retry_later(e);
		return;
	}
	e->s1.timer = loop_timer_start(e->node.loop, SETUP_TIMEOUT_MS, on_setup_timeout, e);
	s1_setup_send(e);
}

static void on_frame(struct link *l, void *owner, const uint8_t *data, size_t len)
{
	struct enb *e = owner;

	(void)l;
	s1_dispatch(e, data, len);
	node_done(&e->node);
}

static void on_down(struct link *l, void *owner, int err, const char *detail)
{
	struct enb *e = owner;

	(void)l;
	node_count(&e->node, METRIC_LINKS_DOWN);
	node_refuse(&e->node, LOG_TUNNEL, err, "mme", "s1: %s", detail ? detail : "");
	forget(e);
	retry_later(e);
}

static const struct link_ops ops = {.up = on_up, .frame = on_frame, .down = on_down};

void s1_connect(struct enb *e)
{
	struct endpoint ep, local;
	const struct link_settings settings = {
		.loop = e->node.loop,
		.tls = e->node.tls,
		.alpn = "keyhop-s1/1",
		.ops = &ops,
		.owner = e,
	};
	int err = endpoint_parse(&ep, e->opt.mme_address, e->opt.mme_port);

	/* From this node's own address, so that captures show who is who. */
	if (!err)
		err = endpoint_parse(&local, e->opt.x2_listen, 0);
	if (!err)
		err = link_connect(&e->s1.link, &settings, (enum transport)e->opt.node.transport,
				   &ep, &local);
	if (err) {
		node_refuse(&e->node, LOG_TUNNEL, err, "mme", "%s", e->opt.mme_address);
		e->s1.link = NULL;
		retry_later(e);
		return;
	}
	e->s1.state = ASSOC_SETUP;
}

bool s1_is_up(const struct enb *e)
{
	return e->s1.state == ASSOC_UP;
}

int s1_send(struct enb *e, const Keyhop__S1__S1 *msg)
{
	if (!e->s1.link)
		return KH_E_LINK_LOST;
	return node_send(&e->node, e->s1.link, IFACE_S1, LOG_MME, "mme", &msg->base);
}
