/* Preparation: 6a's decision, 7 from the source, 7a and 8 and 8a at the target. */
#include "as_security.h"
#include "clock.h"
#include "ctl.h"
#include "handlers.h"
#include "mem.h"
#include "scheme.h"
#include "ue_fsm.h"

#include <stdlib.h>

/* ---- source ---- */

static void ho_new(struct ue *ue, uint32_t target, struct ctl_request *req, bool may_wait)
{
	struct enb *e = ue->enb;
	struct ho *ho = x_calloc(1, sizeof *ho);

	ho->id = ++e->next_ho_id;
	ho->enb = e;
	ho->c_rnti = ue->c_rnti;
	ho->target = target;
	ho->begun_us = clock_mono_us();
	ho->req = req;
	ho->may_wait = may_wait;
	HASH_ADD_INT(e->hos, id, ho);
	ue->ho = ho;
	ue->left_for = target;
}

static json_t *outcome_json(const struct ue *ue, int err)
{
	const struct ho *ho = ue->ho;
	json_t *out =
		json_pack("{s:s, s:I, s:I, s:I, s:I}", "outcome", err ? "failed" : "completed",
			  "from", (json_int_t)ue->enb->opt.id, "to", (json_int_t)ho->target,
			  "generation", (json_int_t)ho->generation, "duration_us",
			  (json_int_t)(clock_mono_us() - ho->begun_us));

	json_object_set_new(out, "ue", json_string(ue->label.s));
	json_object_set_new(out, "cause", err ? json_string(err_name(err)) : json_null());
	/* The source never holds the target's key: ask target, UE or MME for its fingerprint. */
	json_object_set_new(out, "kenb_fp", json_null());
	return out;
}

void ho_end(struct ue *ue, int err)
{
	struct enb *e = ue->enb;
	struct ho *ho = ue->ho;
	struct node_event ev = ue_event(ue, err ? "handover.failed" : "handover.completed", "11");

	if (err)
		ev.step = NULL;
	ev.enb = ho->target;
	ev.source = e->opt.id;
	ev.gen = ho->generation;
	ev.err = err;
	ev.duration_us = clock_mono_us() - ho->begun_us;
	ev.has_duration = true;
	events_emit(e->node.events, &ev);
	node_count(&e->node, err ? METRIC_HANDOVERS_FAILED : METRIC_HANDOVERS_COMPLETED);
	if (err)
		e->node.metrics.handovers_failed[err_to_cause(err)]++;
	if (err)
		node_refuse(&e->node, LOG_HO, err, ue_name(ue), "handover to enb=%u failed",
			    ho->target);
	else
		log_info(LOG_HO, "step=11 ue=%s handed over to enb=%u gen=%llu us=%lld",
			 ue_name(ue), ho->target, (unsigned long long)ho->generation,
			 (long long)ev.duration_us);
	if (ho->req && err)
		ctl_fail_with(ho->req, err, outcome_json(ue, err), "handover to eNodeB %u: %s",
			      ho->target, err_text(err));
	else if (ho->req)
		ctl_reply(ho->req, outcome_json(ue, 0));
	HASH_DEL(e->hos, ho);
	free(ho);
	ue->ho = NULL;
}

int ho_start(struct ue *ue, uint32_t target, struct ctl_request *req, bool may_wait)
{
	struct enb *e = ue->enb;
	struct node_event ev = ue_event(ue, "handover.decided", "6a");

	if (ue->ho)
		return KH_E_HANDOVER_IN_PROGRESS;
	if (ue->fsm.now != UE_ACTIVE)
		return KH_E_BAD_STATE;
	if (target == e->opt.id)
		return KH_E_ALREADY_SERVING;
	int err = neighbour_reach(neighbour_find(e, target));
	if (err)
		return err;
	err = e->scheme->source_ready(ue, target);
	if (err)
		e->node.metrics.refused[err_to_cause(err)]++;
	if (err && !may_wait)
		return err;
	ev.enb = target;
	events_emit(e->node.events, &ev);
	node_count(&e->node, METRIC_HANDOVERS_STARTED);
	ho_new(ue, target, req, may_wait);
	/* From here on the outcome is told by ho_end(). */
	(void)ue_step(ue, err ? EV_HO_WAIT : EV_HO_DECIDED, &(struct ue_input){.cause = err});
	return 0;
}

int ho_prepare_wait(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	node_count(&e->node, METRIC_HANDOVERS_WAITED);
	log_info(LOG_HO, "ue=%s waits for a list: cause=%s", ue_name(ue), err_name(in->cause));
	if (in->cause != KH_E_LIST_NOT_DELIVERED)
		(void)neighbour_list_send(ue);
	return 0;
}

void ho_resume(struct ue *ue)
{
	if (ue->enb->scheme->source_ready(ue, ue->ho->target) == 0)
		(void)ue_step(ue, EV_HO_DECIDED, &(struct ue_input){0});
}

/* No usable list in time. What there is was perhaps never handed to the UE: the next attempt asks anew. */
int ho_wait_timeout(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	int err = in->cause == KH_E_CANCELLED ? KH_E_CANCELLED
					      : e->scheme->source_ready(ue, ue->ho->target);

	ue->list_asked_us = 0;
	if (err == KH_E_LIST_NOT_DELIVERED)
		ue_drop_list(ue);
	ho_end(ue, err ? err : KH_E_TIMEOUT);
	if (in->cause != KH_E_CANCELLED)
		(void)neighbour_list_send(ue);
	return 0;
}

/* Message 7. */
int ho_prepare_tx_request(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const struct neighbour *nb = neighbour_find(e, ue->ho->target);
	Keyhop__Common__KeyMaterial key = KEYHOP__COMMON__KEY_MATERIAL__INIT;
	Keyhop__Common__SecurityCapabilities caps = KEYHOP__COMMON__SECURITY_CAPABILITIES__INIT;
	Keyhop__X2__HandoverRequest body = KEYHOP__X2__HANDOVER_REQUEST__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;
	struct node_event ev = ue_event(ue, "handover.requested", "7");
	int err = neighbour_reach(nb);

	(void)in;
	if (!err)
		err = e->scheme->source_material(ue, ue->ho->target, &key);
	ue->ho->generation = key.generation;
	caps.eea = ue->eea_caps;
	caps.eia = ue->eia_caps;
	body.source_ho_id = ue->ho->id;
	body.mme_ue_id = ue->mme_ue_id;
	body.key = &key;
	body.capabilities = &caps;
	if (ue->label.s[0])
		body.ue_label = ue->label.s;
	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_REQUEST;
	msg.handover_request = &body;
	if (!err)
		err = x2_send(e, nb->peer, &msg);
	if (err) {
		ho_end(ue, err);
		return err;
	}
	ev.enb = ue->ho->target;
	ev.gen = key.generation;
	ev.kid = key.key_id;
	events_emit(e->node.events, &ev);
	ue->ho->sent = true;
	ue->ho->requested_us = clock_mono_us();
	return 0;
}

void ho_send_cancel(struct ue *ue, int cause)
{
	const struct neighbour *nb = neighbour_find(ue->enb, ue->ho->target);
	Keyhop__X2__HandoverCancel body = KEYHOP__X2__HANDOVER_CANCEL__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	body.source_ho_id = ue->ho->id;
	body.cause = (Keyhop__Common__Cause)err_to_cause(cause);
	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_CANCEL;
	msg.handover_cancel = &body;
	if (nb && nb->peer)
		(void)x2_send(ue->enb, nb->peer, &msg);
}

int ho_prepare_rx_failure(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	ho_end(ue, err_from_cause(in->x2->handover_failure->cause));
	/* The entry is burnt: a new list for the next attempt. */
	(void)neighbour_list_send(ue);
	return 0;
}

/* The target has this key no more, or has seen a newer generation: once, a new list may help. */
int ho_prepare_rx_key_failure(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)in;
	ue->ho->second = true;
	ue->ho->sent = false;
	log_info(LOG_HO, "ue=%s waits for a second list", ue_name(ue));
	node_count(&e->node, METRIC_HANDOVERS_WAITED);
	ue_drop_list(ue);
	int err = neighbour_list_send(ue);
	if (err)
		ho_end(ue, err);
	return err;
}

int ho_prepare_timeout(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	ho_send_cancel(ue, in->cause);
	ho_end(ue, in->cause);
	(void)neighbour_list_send(ue);
	return 0;
}

int ho_prepare_cancel(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	return ho_prepare_timeout(e, ue, in);
}

/* ---- target ---- */

static void refuse(struct enb *e, struct x2_peer *p, const Keyhop__X2__HandoverRequest *req,
		   int err)
{
	Keyhop__X2__HandoverFailure body = KEYHOP__X2__HANDOVER_FAILURE__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;
	struct node_event ev = {.topic = "handover.refused",
				.step = "7a",
				.enb = e->opt.id,
				.source = p->nb->id,
				.mme_ue_id = req->mme_ue_id,
				.gen = req->key->generation,
				.kid = req->key->key_id,
				.err = err};

	events_emit(e->node.events, &ev);
	node_refuse(&e->node, LOG_HO, err, p->name, "step=7a mme_ue_id=%u gen=%llu kid=%u",
		    req->mme_ue_id, (unsigned long long)req->key->generation, req->key->key_id);
	body.source_ho_id = req->source_ho_id;
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_FAILURE;
	msg.handover_failure = &body;
	(void)x2_send(e, p, &msg);
}

/* An arrival whose 10 is still to come gives way to a newer 7 for the same UE. One that left and comes back before
 * its 11 was here has arrived there. */
static int make_room(struct enb *e, uint32_t mme_ue_id)
{
	struct ue *old = ue_find_mme_id(e, mme_ue_id);

	if (!old)
		return 0;
	if (old->fsm.now == UE_ARRIVING)
		return ue_step(old, EV_HO_CANCEL, &(struct ue_input){.cause = KH_E_SUPERSEDED});
	if (old->fsm.now == UE_LEAVING || old->fsm.now == UE_RECALLING)
		return ue_step(old, EV_HO_COMPLETE, &(struct ue_input){0});
	return KH_E_ALREADY_SERVING;
}

static int send_response(struct enb *e, struct x2_peer *p, const struct ue *ue)
{
	Keyhop__X2__HandoverResponse body = KEYHOP__X2__HANDOVER_RESPONSE__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	body.source_ho_id = ue->arrival.ho_id;
	body.target_ho_id = ue->c_rnti;
	body.c_rnti = ue->c_rnti;
	body.eea = ue->pdcp.eea;
	body.eia = ue->pdcp.eia;
	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_RESPONSE;
	msg.handover_response = &body;
	return x2_send(e, p, &msg);
}

static void announce(struct enb *e, struct x2_peer *p, const Keyhop__X2__HandoverRequest *req,
		     const struct ue *ue, const struct kenb *kenb)
{
	struct node_event ev = ue_event(ue, "kenb.unwrapped", "7a");
	struct keylog_tags tags = {
		.ue = ue->label.s, .enb = e->opt.id, .gen = req->key->generation, .has_gen = true};

	ev.mme_ue_id = req->mme_ue_id;
	ev.enb = e->opt.id;
	ev.source = p->nb->id;
	ev.gen = req->key->generation;
	ev.kid = req->key->key_id;
	node_count(&e->node, METRIC_KEYS_UNWRAPPED);
	node_key_event(&e->node, &ev, KEY_KENB, kenb->b, kenb->len, &tags);
	log_info(LOG_KEY, "step=7a ue=%s gen=%llu from enb=%u fp=%s", ue_name(ue),
		 (unsigned long long)ev.gen, ev.source, ev.fp);
}

/* 7a, 8a, 8. */
static int accept_request(struct enb *e, struct ue *ue, struct x2_peer *p,
			  const Keyhop__X2__HandoverRequest *req)
{
	KEY_LOCAL(kenb) struct kenb kenb = {0};
	uint8_t eea, eia;
	int err = e->scheme->target_key(e, p->nb->id, req, &kenb);

	if (!err)
		err = make_room(e, req->mme_ue_id);
	if (err)
		return err;
	ue->eea_caps = (uint8_t)req->capabilities->eea;
	ue->eia_caps = (uint8_t)req->capabilities->eia;
	err = as_security_choose(e, ue, &eea, &eia);
	if (err)
		return err;
	ue_set_arrival(ue, p->nb->id, req->source_ho_id);
	ue_bind_mme_id(ue, req->mme_ue_id);
	ue_set_label(ue, req->ue_label);
	announce(e, p, req, ue, &kenb);
	err = as_security_install(ue, &kenb, req->key->generation, eea, eia);
	if (err)
		return err;
	pdcp_start_ciphering(&ue->pdcp);
	return send_response(e, p, ue);
}

int ho_prepare_rx_request(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__X2__HandoverRequest *req = in->x2->handover_request;
	int err = accept_request(e, ue, in->peer, req);

	if (err) {
		refuse(e, in->peer, req, err);
		return err;
	}
	struct node_event ev = ue_event(ue, "handover.prepared", "8");
	ev.enb = e->opt.id;
	ev.source = in->peer->nb->id;
	ev.gen = req->key->generation;
	events_emit(e->node.events, &ev);
	return 0;
}

void ho_prepare_admit(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *x2)
{
	struct ue *ue = ue_add(e);

	if (ue)
		(void)ue_step(ue, EV_HO_REQUEST, &(struct ue_input){.x2 = x2, .peer = p});
	else
		refuse(e, p, x2->handover_request, KH_E_NO_RESOURCES);
}
