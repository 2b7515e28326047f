#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "link.h"
#include "loop.h"
#include "mem.h"
#include "mme.h"
#include "tls_peer.h"
#include "ue_fsm.h"

struct enb *enb_find(struct mme *m, uint32_t id)
{
	struct enb *e;

	HASH_FIND_INT(m->enbs, &id, e);
	return e;
}

struct enb *enb_add(struct mme *m, uint32_t id, const char *name)
{
	struct enb *e = x_calloc(1, sizeof *e);

	e->id = id;
	snprintf(e->name, sizeof e->name, "%s", name);
	HASH_ADD_INT(m->enbs, id, e);
	return e;
}

void enb_free(struct mme *m, struct enb *e)
{
	HASH_DEL(m->enbs, e);
	loop_timer_stop(&e->key_timer);
	tls_peer_free(e->certificate);
	KEY_WIPE(e);
	free(e);
}

static void erase_key(struct mme *m, struct enb *e)
{
	uint32_t kid = e->key.id ? e->key.id : e->offered.id;
	struct node_event ev = {.topic = "enbkey.erased",
				.enb = e->id,
				.kid = kid,
				.err = KH_E_CERTIFICATE_REVOKED};

	if (!kid)
		return;
	loop_timer_stop(&e->key_timer);
	KEY_WIPE(&e->key);
	KEY_WIPE(&e->offered);
	events_emit(m->node.events, &ev);
	log_info(LOG_KEY, "MME-eNB_key enb=%u kid=%u erased", e->id, kid);
}

/* UEs of a node that may be anybody by now begin anew elsewhere; those of one that was only given a newer certificate
 * wait for it to come back, as after any lost tunnel. */
static void lose_ues(struct mme *m, struct enb *e)
{
	struct ue *ue, *tmp;

	log_warn(LOG_MME, "enb=%u name=%s: %u UEs dropped cause=%s", e->id, e->name, e->ue_count,
		 err_name(KH_E_CERTIFICATE_REVOKED));
	DL_FOREACH_SAFE (e->ues, ue, tmp)
		(void)ue_step(m, ue, EV_ENB_LOST,
			      &(struct ue_input){.cause = KH_E_CERTIFICATE_REVOKED});
}

/* Nothing is wrapped any more for whoever holds its key. */
static void revoke(struct mme *m, struct enb *e, enum tls_revocation how)
{
	struct node_event ev = {
		.topic = "certificate.revoked", .enb = e->id, .err = KH_E_CERTIFICATE_REVOKED};

	e->revoked = true;
	snprintf(ev.detail, sizeof ev.detail, "%s%s", e->name,
		 how == TLS_SUPERSEDED ? ": superseded" : "");
	events_emit(m->node.events, &ev);
	log_warn(LOG_TUNNEL, "certificate of eNodeB enb=%u name=%s is revoked%s", e->id, e->name,
		 how == TLS_SUPERSEDED ? ": superseded" : "");
	erase_key(m, e);
	if (how != TLS_SUPERSEDED && e->ues)
		lose_ues(m, e);
}

void enb_crl_loaded(void *mme)
{
	struct mme *m = mme;
	enum tls_revocation how;

	for (struct enb *e = m->enbs; e; e = e->hh.next)
		if (!e->revoked && (how = tls_peer_revocation(m->node.tls, e->certificate)))
			revoke(m, e, how);
}

struct enb *enb_resolve(struct mme *m, const char *text)
{
	uint32_t id;

	if (id_parse(&id, text) == 0)
		return enb_find(m, id);
	for (struct enb *e = m->enbs; e; e = e->hh.next)
		if (strcmp(e->name, text) == 0)
			return e;
	return NULL;
}

int enb_send(struct mme *m, struct enb *e, const Keyhop__S1__S1 *msg)
{
	if (!e || !e->peer)
		return KH_E_LINK_LOST;
	return node_send(&m->node, e->peer->link, IFACE_S1, LOG_MME, e->name, &msg->base);
}
