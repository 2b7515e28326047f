/* EPS AKA at the UE (TS 33.401 6.1.1). */
#include <string.h>

#include "nas_msg.h"
#include "ue_fsm.h"

static int answer(struct ue *ue, uint8_t res[8])
{
	Keyhop__Nas__AuthenticationResponse body = KEYHOP__NAS__AUTHENTICATION_RESPONSE__INIT;

	body.res.data = res;
	body.res.len = 8;
	NAS_MSG(nas, AUTHENTICATION_RESPONSE, authentication_response, &body);
	return nas_send(ue, NAS_PLAIN, &nas);
}

static int answer_failure(struct ue_node *u, struct ue *ue, int err, uint8_t auts[14])
{
	Keyhop__Nas__AuthenticationFailure body = KEYHOP__NAS__AUTHENTICATION_FAILURE__INIT;
	struct node_event ev = ue_event(ue, "authentication.failed", NULL);

	ev.err = err;
	events_emit(u->node.events, &ev);
	node_refuse(&u->node, LOG_NAS, err, ue->imsi.s, "AUTHENTICATION REQUEST");
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	if (err == KH_E_SYNCH_FAILURE) {
		body.auts.data = auts;
		body.auts.len = 14;
		node_count(&u->node, METRIC_RESYNCHRONISATIONS);
	}
	NAS_MSG(nas, AUTHENTICATION_FAILURE, authentication_failure, &body);
	return nas_send(ue, NAS_PLAIN, &nas);
}

int authentication_rx_request(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__Nas__AuthenticationRequest *req = in->nas->authentication_request;
	struct keylog_tags tags = {.ue = ue->imsi.s};
	uint8_t res[8], auts[14];
	int err = aka_answer(u->node.crypto, &ue->k, &ue->opc, &ue->sqns, req->rand.data,
			     req->autn.data, &u->node.plmn, res, auts, &ue->kasme);

	if (err)
		return answer_failure(u, ue, err, auts);
	usim_write(u, ue);
	node_key_event(&u->node, NULL, KEY_KASME, ue->kasme.b, sizeof ue->kasme.b, &tags);
	return answer(ue, res);
}

int authentication_rx_reject(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	(void)in;
	/* It came in clear: anybody may have sent it, or damaged what led to it. */
	ue->rejected = true;
	node_refuse(&u->node, LOG_NAS, KH_E_AUTHENTICATION_FAILED, ue->imsi.s,
		    "AUTHENTICATION REJECT");
	return KH_E_AUTHENTICATION_FAILED;
}
