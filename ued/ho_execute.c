/* Execution: 9, 9a, 9b, 10 and the target's acknowledgement. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "loop.h"
#include "mem.h"
#include "nas_msg.h"
#include "rrc_msg.h"
#include "scheme.h"
#include "ue_fsm.h"

/* 9 cannot be followed: say so under the old keys, stay. */
static int refuse(struct ue_node *u, struct ue *ue, const Keyhop__Rrc__HandoverCommand *cmd,
		  int err)
{
	Keyhop__Rrc__HandoverFailure body = KEYHOP__RRC__HANDOVER_FAILURE__INIT;

	node_refuse(&u->node, LOG_HO, err, ue->imsi.s, "step=9 target=%u gen=%llu",
		    cmd->target_enb_id, (unsigned long long)cmd->generation);
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	body.generation = cmd->generation;
	RRC_MSG(msg, HANDOVER_FAILURE, handover_failure, &body);
	(void)ue_send(ue, &msg);
	return err;
}

static void keep_fallback(struct ue *ue, uint32_t target)
{
	struct fallback *f = ue->fallback = x_calloc(1, sizeof *f);

	f->cell = ue->cell;
	f->c_rnti = ue->c_rnti;
	f->pdcp = ue->pdcp;
	f->kenb_gen = ue->kenb_gen;
	memcpy(f->kenb_fp, ue->kenb_fp, sizeof f->kenb_fp);
	f->target = target;
	f->left_us = clock_mono_us();
}

static void drop_fallback(struct ue *ue)
{
	KEY_WIPE(ue->fallback);
	free(ue->fallback);
	ue->fallback = NULL;
}

static void make_known(struct ue_node *u, struct ue *ue, const Keyhop__Rrc__HandoverCommand *cmd,
		       const struct kenb *kenb)
{
	struct node_event ev = ue_event(ue, "kenb.derived", "9a");
	struct keylog_tags tags = {.ue = ue->imsi.s,
				   .enb = cmd->target_enb_id,
				   .gen = cmd->generation,
				   .has_gen = true};

	ev.enb = cmd->target_enb_id;
	ev.source = ue->cell->id;
	ev.gen = cmd->generation;
	node_count(&u->node, METRIC_KENBS_DERIVED);
	node_key_event(&u->node, &ev, KEY_KENB, kenb->b, kenb->len, &tags);
	log_info(LOG_KEY, "step=9a ue=%s enb=%u gen=%llu fp=%s", ue->imsi.s, cmd->target_enb_id,
		 (unsigned long long)cmd->generation, ev.fp);
}

/* What only this UE can make: that it is at the target, by the key of this generation. */
static int make_evidence(struct ue_node *u, struct ue *ue, const Keyhop__Rrc__HandoverCommand *cmd)
{
	Keyhop__Nas__LocationEvidence evidence = KEYHOP__NAS__LOCATION_EVIDENCE__INIT;

	evidence.target_enb_id = cmd->target_enb_id;
	evidence.generation = cmd->generation;
	NAS_MSG(nas, LOCATION_EVIDENCE, location_evidence, &evidence);
	return nas_msg_seal(&u->node, &ue->nas, NAS_CIPHERED, &nas, ue->imsi.s,
			    &ue->fallback->evidence);
}

/* Message 10, the first PDU under the new keys. A repeated one has a COUNT of its own. */
static int send_confirm(struct ue *ue)
{
	Keyhop__Rrc__HandoverConfirm body = KEYHOP__RRC__HANDOVER_CONFIRM__INIT;

	ue->fallback->confirms++;
	body.evidence.data = ue->fallback->evidence.pdu;
	body.evidence.len = ue->fallback->evidence.len;
	RRC_MSG(msg, HANDOVER_CONFIRM, handover_confirm, &body);
	return ue_send(ue, &msg);
}

static int check(struct ue_node *u, struct ue *ue, const Keyhop__Rrc__HandoverCommand *cmd,
		 struct kenb *kenb)
{
	const struct cell *target = cell_find(u, cmd->target_enb_id);

	if (!target || !target->up)
		return KH_E_TARGET_UNREACHABLE;
	/* The source may say what the target did not choose: null ciphering, before all. */
	int err = security_mode_allows(u, cmd->eea, cmd->eia);
	return err ? err : u->scheme->derive(ue, cmd, kenb);
}

int ho_execute_rx_command(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	KEY_LOCAL(kenb) struct kenb kenb = {0};
	const Keyhop__Rrc__HandoverCommand *cmd = in->rrc->handover_command;
	struct node_event ev = ue_event(ue, "handover.commanded", "9");
	int err = check(u, ue, cmd, &kenb);

	ev.enb = cmd->target_enb_id;
	ev.gen = cmd->generation;
	ev.err = err;
	events_emit(u->node.events, &ev);
	if (err)
		return refuse(u, ue, cmd, err);
	make_known(u, ue, cmd, &kenb);
	keep_fallback(ue, cmd->target_enb_id);
	loop_timer_stop(&ue->a3_timer);
	ue_bind(ue, cell_find(u, cmd->target_enb_id), (uint16_t)cmd->c_rnti);
	err = as_security_install(ue, &ue->pdcp, cmd->target_enb_id, &kenb, cmd->generation,
				  (uint8_t)cmd->eea, (uint8_t)cmd->eia);
	u->scheme->installed(ue, cmd);
	pdcp_start_ciphering(&ue->pdcp);
	/* A confirm that cannot be sent is one that is not acknowledged: the timer leads back. */
	if (!err)
		err = make_evidence(u, ue, cmd);
	if (!err)
		(void)send_confirm(ue);
	return 0;
}

int ho_execute_rx_ack(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	struct node_event ev = ue_event(ue, "handover.executed", "10");

	/* Any other PDU under the new keys says the same without the configuration. */
	if (in->rrc)
		meas_config_take(ue, in->rrc->handover_confirm_ack->meas_config);
	ev.enb = ue->cell->id;
	ev.source = ue->fallback->cell->id;
	ev.gen = ue->kenb_gen;
	histogram_add(&u->node.metrics, HISTOGRAM_INTERRUPTION,
		      clock_mono_us() - ue->fallback->left_us);
	drop_fallback(ue);
	node_count(&u->node, METRIC_HANDOVERS_COMPLETED);
	events_emit(u->node.events, &ev);
	log_info(LOG_HO, "step=10 ue=%s now at cell=%s gen=%llu", ue->imsi.s, ue->cell->name,
		 (unsigned long long)ev.gen);
	move_arrived(ue);
	return 0;
}

int ho_execute_timeout(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	if (ue->fallback->confirms < u->opt.confirm_tries) {
		(void)send_confirm(ue);
		return 0;
	}
	(void)ho_execute_return(u, ue, in);
	return in->cause;
}

/* No acknowledgement: back to the source, under its keys (TS 36.331 5.3.5.6, 5.3.7). */
int ho_execute_return(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	struct fallback *f = ue->fallback;
	uint32_t target = f->target;

	node_refuse(&u->node, LOG_HO, in->cause, ue->imsi.s, "10 to enb=%u not acknowledged",
		    target);
	ue_bind(ue, f->cell, f->c_rnti);
	ue->pdcp = f->pdcp;
	ue->kenb_gen = f->kenb_gen;
	memcpy(ue->kenb_fp, f->kenb_fp, sizeof ue->kenb_fp);
	drop_fallback(ue);
	return reestablishment_request(u, ue, target, in->cause);
}
