/* S1 setup. */
#include <stdio.h>

#include "handlers.h"
#include "s1_fsm.h"
#include "scheme.h"
#include "tls.h"
#include "ue_fsm.h"

void s1_setup_send(struct enb *e)
{
	Keyhop__S1__S1SetupRequest body = KEYHOP__S1__S1_SETUP_REQUEST__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.enb_id = e->opt.id;
	body.plmn.data = e->node.plmn.b;
	body.plmn.len = sizeof e->node.plmn.b;
	body.enb_name = e->opt.node.name;
	body.instance = e->node.instance;
	body.scheme = (char *)(uintptr_t)e->scheme->name;
	msg.body_case = KEYHOP__S1__S1__BODY_S1_SETUP_REQUEST;
	msg.s1_setup_request = &body;
	(void)s1_send(e, &msg);
}

/* The keys are of no use any more, and neither are the contexts of our UEs. */
static void begin_anew(struct enb *e, int cause)
{
	struct ue *ue, *tmp;

	key_provision_forget(e);
	HASH_ITER (hh, e->ues, ue, tmp)
		if (ue->mme_ue_id && !ue_is_attaching(ue))
			(void)ue_step(ue, EV_MME_RESET, &(struct ue_input){.cause = cause});
}

void s1_crl_loaded(void *enb)
{
	struct enb *e = enb;

	if (tls_context_revocation(e->node.tls) == TLS_REVOKED)
		begin_anew(e, KH_E_CERTIFICATE_REVOKED);
}

int s1_setup_rx_response(struct enb *e, const struct s1_input *in)
{
	const Keyhop__S1__S1SetupResponse *body = in->s1->s1_setup_response;
	struct node_event ev = {.topic = "tunnel.up"};

	e->s1.attempts = 0;
	snprintf(e->s1.mme_name, sizeof e->s1.mme_name, "%s", body->mme_name);
	events_emit(e->node.events, &ev);
	log_info(LOG_TUNNEL, "joined MME peer=%s", e->s1.mme_name);
	/* Another MME, or one that has lost its contexts: it knows none of our UEs, and its key ids begin anew. */
	if (e->s1.mme_instance && e->s1.mme_instance != body->instance)
		begin_anew(e, KH_E_UE_NOT_FOUND);
	e->s1.mme_instance = body->instance;
	e->s1.source_updates =
		body->location_update == KEYHOP__S1__LOCATION_UPDATE_BY__LOCATION_UPDATE_SOURCE;
	return 0;
}

int s1_setup_rx_failure(struct enb *e, const struct s1_input *in)
{
	int err = err_from_cause(in->s1->s1_setup_failure->cause);
	struct node_event ev = {.topic = "auth.failed", .err = err};

	events_emit(e->node.events, &ev);
	log_error(LOG_TUNNEL, "MME refuses this eNodeB: cause=%s (%s)", err_name(err),
		  err_text(err));
	return 0;
}
