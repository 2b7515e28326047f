/* Initial context setup: first KeNB from the MME, AS security mode (TS 36.331 5.3.4), user bearer, and then the
 * first message 3. */
#include <string.h>

#include "as_security.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

void meas_config_fill(const struct enb *e, Keyhop__Rrc__MeasConfig *out)
{
	keyhop__rrc__meas_config__init(out);
	out->a3_offset_cdb = e->opt.a3_offset_cdb;
	out->hysteresis_cdb = (uint32_t)e->opt.a3_hysteresis_cdb;
	out->time_to_trigger_ms = e->opt.a3_time_to_trigger_ms;
}

static int report_failure(struct ue *ue, int err)
{
	Keyhop__S1__InitialContextSetupFailure body =
		KEYHOP__S1__INITIAL_CONTEXT_SETUP_FAILURE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	node_refuse(&ue->enb->node, LOG_AIR, err, ue_name(ue), "initial context setup");
	body.mme_ue_id = ue->mme_ue_id;
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	msg.body_case = KEYHOP__S1__S1__BODY_INITIAL_CONTEXT_SETUP_FAILURE;
	msg.initial_context_setup_failure = &body;
	(void)s1_send(ue->enb, &msg);
	return err;
}

static int take_keys(struct enb *e, struct ue *ue,
		     const Keyhop__S1__InitialContextSetupRequest *req)
{
	KEY_LOCAL(kenb) struct kenb kenb = {.len = (uint8_t)req->kenb.len};
	struct keylog_tags tags = {.ue = ue->label.s, .enb = e->opt.id, .has_gen = true};
	struct node_event ev = ue_event(ue, "kenb.initial", NULL);
	uint8_t eea, eia;
	int err = as_security_choose(e, ue, &eea, &eia);

	if (err)
		return err;
	memcpy(kenb.b, req->kenb.data, kenb.len);
	ev.enb = e->opt.id;
	node_key_event(&e->node, &ev, KEY_KENB, kenb.b, kenb.len, &tags);
	return as_security_install(ue, &kenb, 0, eea, eia);
}

int context_setup_rx_request(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__S1__InitialContextSetupRequest *req = in->s1->initial_context_setup_request;
	Keyhop__Rrc__SecurityModeCommand body = KEYHOP__RRC__SECURITY_MODE_COMMAND__INIT;

	ue_set_label(ue, req->ue_label);
	ue_take_label(ue);
	ue->eea_caps = (uint8_t)req->capabilities->eea;
	ue->eia_caps = (uint8_t)req->capabilities->eia;
	int err = take_keys(e, ue, req);
	if (err)
		return report_failure(ue, err);
	/* ATTACH ACCEPT waits for the reconfiguration. */
	held_nas_keep(&ue->held, req->nas.data, req->nas.len);
	body.eea = ue->pdcp.eea;
	body.eia = ue->pdcp.eia;
	RRC_MSG(msg, SECURITY_MODE_COMMAND, security_mode_command, &body);
	return ue_send(ue, &msg);
}

int context_setup_rx_smc_complete(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Rrc__MeasConfig meas;
	Keyhop__Rrc__RrcReconfiguration body = KEYHOP__RRC__RRC_RECONFIGURATION__INIT;

	(void)in;
	pdcp_start_ciphering(&ue->pdcp);
	meas_config_fill(e, &meas);
	body.drb_id = 1;
	body.meas_config = &meas;
	body.nas.data = ue->held.pdu;
	body.nas.len = ue->held.len;
	RRC_MSG(msg, RRC_RECONFIGURATION, rrc_reconfiguration, &body);
	int err = ue_send(ue, &msg);
	held_nas_drop(&ue->held);
	return err;
}

int context_setup_rx_smc_failure(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	(void)report_failure(ue, err_from_cause(in->rrc->security_mode_failure->cause));
	return 0;
}

int context_setup_rx_reconfigured(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	Keyhop__S1__InitialContextSetupResponse body =
		KEYHOP__S1__INITIAL_CONTEXT_SETUP_RESPONSE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;
	struct node_event ev = ue_event(ue, "ue.connected", NULL);

	(void)in;
	body.mme_ue_id = ue->mme_ue_id;
	msg.body_case = KEYHOP__S1__S1__BODY_INITIAL_CONTEXT_SETUP_RESPONSE;
	msg.initial_context_setup_response = &body;
	int err = s1_send(e, &msg);
	if (err)
		return err;
	node_count(&e->node, METRIC_ATTACHES);
	events_emit(e->node.events, &ev);
	(void)neighbour_list_send(ue);
	return 0;
}
