/* S1 setup: the eNodeB says who it is, its certificate proves it, and steps 1 and 2 follow. */
#include <string.h>

#include <utlist.h>

#include "handlers.h"
#include "link.h"
#include "s1_fsm.h"
#include "scheme.h"
#include "tls_peer.h"
#include "ue_fsm.h"

static void answer_failure(struct mme *m, struct s1_peer *p, int err)
{
	Keyhop__S1__S1SetupFailure body = KEYHOP__S1__S1_SETUP_FAILURE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	msg.body_case = KEYHOP__S1__S1__BODY_S1_SETUP_FAILURE;
	msg.s1_setup_failure = &body;
	(void)node_send(&m->node, p->link, IFACE_S1, LOG_TUNNEL, p->name, &msg.base);
}

static void answer_response(struct mme *m, struct s1_peer *p)
{
	Keyhop__S1__S1SetupResponse body = KEYHOP__S1__S1_SETUP_RESPONSE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.mme_name = m->opt.node.name;
	body.instance = m->node.instance; /* that of the store, if there is one */
	body.location_update = (Keyhop__S1__LocationUpdateBy)m->opt.location_update;
	msg.body_case = KEYHOP__S1__S1__BODY_S1_SETUP_RESPONSE;
	msg.s1_setup_response = &body;
	(void)node_send(&m->node, p->link, IFACE_S1, LOG_TUNNEL, p->name, &msg.base);
}

/* One that was not restarted, and has no newer certificate, needs no room in the store. */
static bool is_news(const struct enb *e, uint64_t instance, const struct tls_peer *certificate)
{
	return !e || e->instance != instance || !tls_peer_same(e->certificate, certificate);
}

static int check(struct mme *m, struct s1_peer *p, const Keyhop__S1__S1SetupRequest *req,
		 const struct tls_peer *certificate)
{
	char wanted[IDENTITY_MAX];
	struct enb *e = enb_find(m, req->enb_id);

	if (memcmp(req->plmn.data, m->node.plmn.b, sizeof m->node.plmn.b) != 0)
		return KH_E_PLMN_MISMATCH;
	identity_enb(wanted, &m->node.plmn, req->enb_id);
	if (link_has_tls(p->link) && strcmp(wanted, link_peer_identity(p->link)) != 0)
		return KH_E_IDENTITY_MISMATCH;
	if (strcmp(req->scheme, m->scheme->name) != 0)
		return KH_E_SCHEME_MISMATCH;
	/* The same process comes back after a cut that this end has not seen yet; another one must wait until the
	 * old association is probed dead. */
	if (e && e->peer && e->instance != req->instance) {
		heartbeat_probe(m, e->peer);
		return KH_E_DUPLICATE_ASSOCIATION;
	}
	if (is_news(e, req->instance, certificate) && store_room(m->store) != STORE_ROOM)
		return KH_E_STORE_FULL;
	return !e && HASH_COUNT(m->enbs) >= m->opt.max_enbs ? KH_E_NO_RESOURCES : 0;
}

/* Another instance: the eNodeB was restarted and has lost its UEs and its keys. */
static void begin_anew(struct mme *m, struct enb *e)
{
	struct ue *ue, *tmp;

	DL_FOREACH_SAFE (e->ues, ue, tmp)
		ue_step(m, ue, EV_ENB_LOST, &(struct ue_input){.cause = KH_E_ENB_NOT_FOUND});
	KEY_WIPE(&e->key);
}

static void take_certificate(struct enb *e, struct tls_peer *certificate)
{
	tls_peer_free(e->certificate);
	e->certificate = certificate;
	e->revoked = false;
}

static void join(struct mme *m, struct s1_peer *p, const Keyhop__S1__S1SetupRequest *req,
		 struct tls_peer *certificate)
{
	struct enb *e = enb_find(m, req->enb_id);

	if (!e)
		e = enb_add(m, req->enb_id, req->enb_name);
	if (e->peer)
		(void)s1_step(m, e->peer, S1_EV_DROP, &(struct s1_input){.cause = KH_E_SUPERSEDED});
	if (e->instance && e->instance != req->instance)
		begin_anew(m, e);
	if (is_news(e, req->instance, certificate))
		contexts_touch_enb(m, e);
	e->instance = req->instance;
	take_certificate(e, certificate);
	/* A new tunnel, a new key. */
	KEY_WIPE(&e->offered);
	e->peer = p;
	p->enb = e;
	m->enbs_up++;
	strcpy(p->name, e->name);
}

int s1_setup_rx_request(struct mme *m, struct s1_peer *p, const struct s1_input *in)
{
	const Keyhop__S1__S1SetupRequest *req = in->s1->s1_setup_request;
	struct tls_peer *certificate = link_peer_certificate(p->link);
	int err = check(m, p, req, certificate);

	if (err) {
		struct node_event e = {.topic = "auth.failed", .enb = req->enb_id, .err = err};
		node_refuse(&m->node, LOG_TUNNEL, err, p->name, "eNB_ID %u claimed by \"%s\"",
			    req->enb_id, link_peer_identity(p->link));
		events_emit(m->node.events, &e);
		answer_failure(m, p, err);
		tls_peer_free(certificate);
		return err;
	}
	join(m, p, req, certificate);
	struct node_event e = {.topic = "enb.up", .enb = req->enb_id};
	events_emit(m->node.events, &e);
	log_info(LOG_TUNNEL, "eNodeB enb=%u name=%s joined", p->enb->id, p->enb->name);
	answer_response(m, p);
	key_provision_start(m, p->enb);
	return 0;
}
