/* EPS AKA (TS 33.401 6.1.1) with resynchronisation (TS 33.102 6.3.5). */
#include <string.h>

#include "nas_msg.h"
#include "rng.h"
#include "ue_fsm.h"

/* AUTHENTICATION REQUEST. RAND and AUTN travel in clear; they are in the event so that keys can be recomputed. */
static int send_request(struct mme *m, struct ue *ue)
{
	struct aka_vector *v = &ue->attach->vector;
	struct node_event e = ue_event(ue, "authentication.requested", NULL);
	Keyhop__Nas__AuthenticationRequest body = KEYHOP__NAS__AUTHENTICATION_REQUEST__INIT;

	memcpy(e.detail, "rand=", 5);
	hex_encode(e.detail + 5, v->rand, sizeof v->rand);
	memcpy(e.detail + 37, " autn=", 6);
	hex_encode(e.detail + 43, v->autn, sizeof v->autn);
	events_emit(m->node.events, &e);
	body.rand.data = v->rand;
	body.rand.len = sizeof v->rand;
	body.autn.data = v->autn;
	body.autn.len = sizeof v->autn;
	NAS_MSG(nas, AUTHENTICATION_REQUEST, authentication_request, &body);
	return nas_send(m, ue, NAS_PLAIN, &nas, 0);
}

int authentication_start(struct mme *m, struct ue *ue)
{
	struct subscriber *s = &ue->attach->subscriber->s;
	uint8_t rand[16];

	s->sqn = aka_next_sqn(s->sqn);
	contexts_write_sqn(m, s);
	rng_bytes(rand, sizeof rand);
	int err = aka_generate(m->node.crypto, &s->k, &s->opc, rand, s->sqn, &m->node.plmn,
			       &ue->attach->vector);
	return err ? err : send_request(m, ue);
}

static int reject(struct mme *m, struct ue *ue, int err)
{
	Keyhop__Nas__AuthenticationReject body = KEYHOP__NAS__AUTHENTICATION_REJECT__INIT;

	node_refuse(&m->node, LOG_NAS, err, ue_name(ue), "authentication rejected");
	NAS_MSG(nas, AUTHENTICATION_REJECT, authentication_reject, &body);
	(void)nas_send(m, ue, NAS_PLAIN, &nas, 0);
	(void)context_release_command(m, ue, KH_E_AUTHENTICATION_FAILED);
	return err;
}

int authentication_rx_response(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	const ProtobufCBinaryData *res = &in->nas->authentication_response->res;
	struct aka_vector *v = &ue->attach->vector;
	struct keylog_tags tags = {.ue = ue->imsi.s};

	if (res->len != sizeof v->xres || !key_equal(res->data, v->xres, sizeof v->xres))
		return reject(m, ue, KH_E_AUTHENTICATION_FAILED);
	ue->kasme = v->kasme;
	KEY_WIPE(v);
	node_key_event(&m->node, NULL, KEY_KASME, ue->kasme.b, sizeof ue->kasme.b, &tags);
	return security_mode_start(m, ue);
}

/* AUTS: take over the UE's SQN and try once more, once per attach. */
static int resynchronise(struct mme *m, struct ue *ue, const ProtobufCBinaryData *auts)
{
	struct subscriber *s = &ue->attach->subscriber->s;
	uint64_t sqn_ms;
	int err = auts->len != 14 || ue->attach->resynchronised ? KH_E_SYNCH_FAILURE : 0;

	if (!err)
		err = aka_resynchronise(m->node.crypto, &s->k, &s->opc, ue->attach->vector.rand,
					auts->data, &sqn_ms);
	if (err)
		return reject(m, ue, err);
	struct node_event e = ue_event(ue, "authentication.resynchronised", NULL);
	node_count(&m->node, METRIC_RESYNCHRONISATIONS);
	events_emit(m->node.events, &e);
	log_info(LOG_NAS, "ue=%s resynchronised", ue_name(ue));
	ue->attach->resynchronised = true;
	if (s->sqn < sqn_ms)
		s->sqn = sqn_ms;
	return authentication_start(m, ue);
}

int authentication_rx_failure(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__Nas__AuthenticationFailure *body = in->nas->authentication_failure;
	int err = err_from_cause(body->cause);

	log_warn(LOG_NAS, "ue=%s authentication failure cause=%s", ue_name(ue), err_name(err));
	return err == KH_E_SYNCH_FAILURE ? resynchronise(m, ue, &body->auts) : reject(m, ue, err);
}
