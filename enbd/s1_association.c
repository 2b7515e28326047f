/* The association with the MME: connecting, losing it, and what that means for the UEs. */
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "link.h"
#include "rng.h"
#include "s1_fsm.h"
#include "ue_fsm.h"

#define RETRY_BASE_MS 200
#define RETRY_CAP_MS 3000
#define RETRY_SHIFT_MAX 4

uint32_t s1_backoff_ms(const void *enb)
{
	const struct enb *e = enb;
	unsigned shift = e->s1.attempts < RETRY_SHIFT_MAX ? e->s1.attempts : RETRY_SHIFT_MAX;
	uint32_t span = RETRY_BASE_MS << shift;

	return RETRY_BASE_MS / 4 + rng_below(span > RETRY_CAP_MS ? RETRY_CAP_MS : span);
}

/* UEs in the middle of an attach cannot go on; those served wait for the MME to come back. */
static void lose_unfinished(struct enb *e)
{
	struct ue *ue, *tmp;

	HASH_ITER (hh, e->ues, ue, tmp)
		if (ue_is_attaching(ue))
			(void)ue_step(ue, EV_S1_LOST, &(struct ue_input){.cause = KH_E_LINK_LOST});
}

void s1_gone(struct enb *e, bool was_up)
{
	struct node_event ev = {.topic = "tunnel.down"};

	if (e->s1.link)
		link_close(e->s1.link);
	e->s1.link = NULL;
	e->s1.liveness = (struct liveness){0};
	if (!was_up)
		return;
	events_emit(e->node.events, &ev);
	lose_unfinished(e);
}

void s1_back(struct enb *e)
{
	neighbour_list_retry(e);
	pending_retry(e);
}

void s1_close(struct enb *e)
{
	if (e->s1.fsm.now != S1_DOWN)
		(void)s1_step(e, S1_EV_DROP, &(struct s1_input){.cause = KH_E_RELEASED});
	fsm_stop(&e->s1.fsm, NULL);
}

int s1_drop(struct enb *e, const struct s1_input *in)
{
	(void)e;
	log_info(LOG_TUNNEL, "s1 closing peer=mme cause=%s", err_name(in->cause));
	return 0;
}

int s1_setup_timeout(struct enb *e, const struct s1_input *in)
{
	node_refuse(&e->node, LOG_TUNNEL, in->cause, "mme", "no answer to s1_setup_request");
	return 0;
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

int s1_link_up(struct enb *e, const struct s1_input *in)
{
	int err = check_identity(e, e->s1.link);

	(void)in;
	node_count(&e->node, METRIC_LINKS_UP);
	if (err) {
		node_refuse(&e->node, LOG_TUNNEL, err, "mme", "certificate of \"%s\"",
			    link_peer_identity(e->s1.link));
		return err;
	}
	s1_setup_send(e);
	return 0;
}

int s1_link_down(struct enb *e, const struct s1_input *in)
{
	e->s1.link = NULL;
	node_count(&e->node, METRIC_LINKS_DOWN);
	node_refuse(&e->node, LOG_TUNNEL, in->cause, "mme", "s1: %s", in->detail ? in->detail : "");
	return 0;
}

static void on_up(struct link *l, void *owner)
{
	(void)l;
	(void)s1_step(owner, S1_EV_LINK_UP, &(struct s1_input){0});
}

static void on_frame(struct link *l, void *owner, const uint8_t *data, size_t len)
{
	struct enb *e = owner;

	(void)l;
	liveness_heard(&e->s1.liveness);
	s1_dispatch(e, data, len);
	node_done(&e->node);
}

static void on_down(struct link *l, void *owner, int err, const char *detail)
{
	(void)l;
	(void)s1_step(owner, S1_EV_LINK_DOWN, &(struct s1_input){.cause = err, .detail = detail});
}

static const struct link_ops ops = {.up = on_up, .frame = on_frame, .down = on_down};

int s1_peer(const struct enb_options *opt, struct conn_peer *out, char *why, size_t why_len)
{
	const struct transport_option o = {.key = "mme.address",
					   .transport = opt->mme_transport,
					   .address = opt->mme_address,
					   .port = opt->mme_port,
					   .udp_port = opt->mme_udp_port};

	return node_peer(&opt->node, &o, out, why, why_len);
}

int s1_connect(struct enb *e, const struct s1_input *in)
{
	struct endpoints local;
	struct conn_peer mme;
	char why[CONFIG_WHY_LEN];
	const struct link_settings settings = {
		.net = e->node.net,
		.tap = &e->node.taps[IFACE_S1],
		.tls = e->node.tls,
		.alpn = "keyhop-s1/1",
		.ppid = PPID_S1,
		.ops = &ops,
		.owner = e,
	};
	int err = s1_peer(&e->opt, &mme, why, sizeof why);

	(void)in;
	if (e->s1.held)
		return KH_E_CANCELLED;
	e->s1.attempts++;
	/* From this node's own address, so that captures show who is who. */
	if (!err)
		err = endpoints_parse(&local, e->opt.x2_listen, 0);
	if (!err)
		err = link_connect(&e->s1.link, &settings, &mme, &local);
	if (err)
		node_refuse(&e->node, LOG_TUNNEL, err, "mme", "%s", e->opt.mme_address);
	return err;
}

bool s1_is_up(const struct enb *e)
{
	return e->s1.fsm.now == S1_UP;
}

int s1_send(struct enb *e, const Keyhop__S1__S1 *msg)
{
	if (!e->s1.link)
		return KH_E_LINK_LOST;
	return node_send(&e->node, e->s1.link, IFACE_S1, LOG_MME, "mme", &msg->base);
}
