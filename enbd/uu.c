/* Uu: one connection per ued process carries its UEs, told apart by C-RNTI. */
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "link.h"
#include "mem.h"
#include "ue_fsm.h"

#define LINKS_MAX 256 /* one carries all UEs of a ued */

static void drop(struct uu_link *uu)
{
	DL_DELETE(uu->enb->uu_links, uu);
	uu->enb->n_uu_links--;
	free(uu);
}

static void forget(struct uu_link *uu)
{
	struct ue *ue, *tmp;

	DL_FOREACH_SAFE (uu->ues, ue, tmp) {
		ue_bind_uu(ue, NULL);
		ue_step(ue, EV_RADIO_LOST, &(struct ue_input){.cause = KH_E_LINK_LOST});
	}
	drop(uu);
}

static void on_up(struct link *l, void *owner)
{
	struct uu_link *uu = owner;

	(void)l;
	node_count(&uu->enb->node, METRIC_LINKS_UP);
	log_info(LOG_AIR, "uu up peer=%s", uu->name);
}

static void on_frame(struct link *l, void *owner, const uint8_t *data, size_t len)
{
	struct uu_link *uu = owner;
	struct enb *e = uu->enb;

	(void)l;
	uu_dispatch(uu, data, len);
	node_done(&e->node);
}

static void on_down(struct link *l, void *owner, int err, const char *detail)
{
	struct uu_link *uu = owner;

	(void)l;
	node_count(&uu->enb->node, METRIC_LINKS_DOWN);
	if (err == KH_E_LINK_LOST)
		log_info(LOG_AIR, "uu down peer=%s", uu->name);
	else
		node_refuse(&uu->enb->node, LOG_AIR, err, uu->name, "uu: %s", detail ? detail : "");
	forget(uu);
}

static void on_slowed(struct link *l, void *owner)
{
	struct uu_link *uu = owner;

	(void)l;
	node_refuse(&uu->enb->node, LOG_AIR, KH_E_BUSY, uu->name,
		    "more than limits.frames: it waits");
}

static const struct link_ops ops = {
	.up = on_up, .frame = on_frame, .down = on_down, .slowed = on_slowed};

static void on_accept(void *arg, struct conn *c, const struct endpoint *from)
{
	struct enb *e = arg;
	struct uu_link *uu = x_calloc(1, sizeof *uu);
	const struct link_settings settings = {
		.net = e->node.net,
		.tap = &e->node.taps[IFACE_RRC],
		.max_frames = e->opt.node.max_frames,
		.ppid = PPID_UU,
		.ops = &ops,
		.owner = uu,
	};

	uu->enb = e;
	endpoint_text(from, uu->name);
	DL_APPEND(e->uu_links, uu);
	e->n_uu_links++;
	uu->link = link_accept(&settings, c, from);
	if (e->n_uu_links <= LINKS_MAX)
		return;
	node_refuse(&e->node, LOG_AIR, KH_E_BUSY, uu->name, "%u Uu connections", e->n_uu_links);
	link_close(uu->link);
	drop(uu);
}

int uu_send(struct uu_link *uu, uint32_t c_rnti, const Keyhop__Rrc__Rrc *msg)
{
	const struct uu_end to = {.link = uu->link, .c_rnti = c_rnti, .name = uu->name};

	return rrc_send(&uu->enb->node, &to, msg);
}

static struct transport_option listener(const struct enb_options *opt)
{
	return (struct transport_option){.key = "uu.listen",
					 .transport = opt->uu_transport,
					 .address = opt->uu_listen,
					 .port = opt->uu_port};
}

int uu_check(const struct enb_options *opt, char *why, size_t why_len)
{
	const struct transport_option o = listener(opt);
	struct conn_peer at;

	return node_peer(&opt->node, &o, &at, why, why_len);
}

int uu_listen(struct enb *e, char *why, size_t why_len)
{
	const struct transport_option o = listener(&e->opt);

	return node_listen(&e->node, &o, on_accept, &e->uu, why, why_len);
}

void uu_close_all(struct enb *e)
{
	struct uu_link *uu, *tmp;

	if (e->uu)
		listener_close(e->uu);
	e->uu = NULL;
	DL_FOREACH_SAFE (e->uu_links, uu, tmp) {
		link_close(uu->link);
		while (uu->ues)
			ue_free(uu->ues);
		drop(uu);
	}
}
