/* X2 setup: both ends say who they are, and each certificate must carry the eNB_ID that is claimed. */
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "link.h"
#include "loop.h"
#include "x2_fsm.h"

int x2_setup_tx_request(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	Keyhop__X2__X2SetupRequest body = KEYHOP__X2__X2_SETUP_REQUEST__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	(void)in;
	node_count(&e->node, METRIC_LINKS_UP);
	body.enb_id = e->opt.id;
	body.plmn.data = e->node.plmn.b;
	body.plmn.len = sizeof e->node.plmn.b;
	body.enb_name = e->opt.node.name;
	body.instance = e->node.instance;
	msg.body_case = KEYHOP__X2__X2__BODY_X2_SETUP_REQUEST;
	msg.x2_setup_request = &body;
	return x2_send(e, p, &msg);
}

static void send_response(struct enb *e, struct x2_peer *p)
{
	Keyhop__X2__X2SetupResponse body = KEYHOP__X2__X2_SETUP_RESPONSE__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	body.enb_id = e->opt.id;
	body.plmn.data = e->node.plmn.b;
	body.plmn.len = sizeof e->node.plmn.b;
	body.enb_name = e->opt.node.name;
	body.instance = e->node.instance;
	msg.body_case = KEYHOP__X2__X2__BODY_X2_SETUP_RESPONSE;
	msg.x2_setup_response = &body;
	(void)x2_send(e, p, &msg);
}

static void send_failure(struct enb *e, struct x2_peer *p, int err)
{
	Keyhop__X2__X2SetupFailure body = KEYHOP__X2__X2_SETUP_FAILURE__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	msg.body_case = KEYHOP__X2__X2__BODY_X2_SETUP_FAILURE;
	msg.x2_setup_failure = &body;
	(void)x2_send(e, p, &msg);
}

static int check_claim(struct enb *e, struct x2_peer *p, uint32_t id,
		       const ProtobufCBinaryData *plmn)
{
	char wanted[IDENTITY_MAX];

	if (memcmp(plmn->data, e->node.plmn.b, sizeof e->node.plmn.b) != 0)
		return KH_E_PLMN_MISMATCH;
	if (id == e->opt.id)
		return KH_E_OWN_ID;
	identity_enb(wanted, &e->node.plmn, id);
	if (link_has_tls(p->link) && strcmp(wanted, link_peer_identity(p->link)) != 0)
		return KH_E_IDENTITY_MISMATCH;
	return p->nb && p->nb->id != id ? KH_E_IDENTITY_MISMATCH : 0;
}

/* Of two associations the one begun by the lower eNB_ID stays. */
static int take_place(struct enb *e, struct x2_peer *p, struct neighbour *nb)
{
	if (!nb)
		return KH_E_NO_RESOURCES;
	bool by_lower = p->outbound == (e->opt.id < nb->id);
	if (nb->peer && nb->peer != p) {
		if (!by_lower)
			return KH_E_DUPLICATE_ASSOCIATION;
		struct x2_peer *old = nb->peer;
		nb->peer = p;
		(void)x2_step(old, X2_EV_DROP, &(struct x2_input){.cause = KH_E_SUPERSEDED});
	}
	nb->peer = p;
	nb->attempts = 0;
	nb->revoked = false;
	p->nb = nb;
	loop_timer_stop(&nb->timer);
	snprintf(p->name, sizeof p->name, "%s", nb->name);
	return 0;
}

static void refuse(struct enb *e, struct x2_peer *p, int err, uint32_t id)
{
	node_refuse(&e->node, LOG_X2, err, p->name, "X2 of eNB_ID %u claimed by \"%s\"", id,
		    link_peer_identity(p->link));
}

static void announce(struct enb *e, const struct neighbour *nb)
{
	struct node_event ev = {.topic = "x2.up", .enb = nb->id};

	events_emit(e->node.events, &ev);
	log_info(LOG_X2, "x2 up peer=%s enb=%u", nb->name, nb->id);
}

int x2_setup_rx_request(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	const Keyhop__X2__X2SetupRequest *body = in->x2->x2_setup_request;
	int err = check_claim(e, p, body->enb_id, &body->plmn);

	if (!err)
		err = take_place(e, p, neighbour_add(e, body->enb_id, body->enb_name, NULL));
	if (err) {
		send_failure(e, p, err);
		refuse(e, p, err, body->enb_id);
		return err;
	}
	send_response(e, p);
	announce(e, p->nb);
	return 0;
}

int x2_setup_rx_response(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	const Keyhop__X2__X2SetupResponse *body = in->x2->x2_setup_response;
	int err = check_claim(e, p, body->enb_id, &body->plmn);

	if (!err)
		err = take_place(e, p, neighbour_add(e, body->enb_id, body->enb_name, NULL));
	if (err) {
		refuse(e, p, err, body->enb_id);
		return err;
	}
	p->nb->connecting = false;
	announce(e, p->nb);
	return 0;
}

int x2_setup_rx_failure(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	(void)e;
	log_info(LOG_X2, "x2 peer=%s refuses: cause=%s", p->name,
		 err_name(err_from_cause(in->x2->x2_setup_failure->cause)));
	return 0;
}
