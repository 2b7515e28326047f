/* Execution: 9 from the source, 10 at the target. */
#include "clock.h"
#include "handlers.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

/* Message 9, under the old RRC keys, out of the target's 8. */
int ho_execute_tx_command(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__X2__HandoverResponse *res = in->x2->handover_response;
	Keyhop__Rrc__HandoverCommand body = KEYHOP__RRC__HANDOVER_COMMAND__INIT;
	struct node_event ev = ue_event(ue, "handover.commanded", "9");

	body.target_enb_id = ue->ho->target;
	body.generation = ue->ho->generation;
	body.c_rnti = res->c_rnti;
	body.eea = res->eea;
	body.eia = res->eia;
	RRC_MSG(msg, HANDOVER_COMMAND, handover_command, &body);
	int err = ue_send(ue, &msg);
	if (err) {
		ho_send_cancel(ue, err);
		ho_end(ue, err);
		return err;
	}
	ev.enb = ue->ho->target;
	ev.gen = ue->ho->generation;
	events_emit(e->node.events, &ev);
	ue->ho->commanded_us = clock_mono_us();
	histogram_add(&e->node.metrics, HISTOGRAM_PREPARE,
		      ue->ho->commanded_us - ue->ho->requested_us);
	return 0;
}

/* The UE could not follow 9 and is still here. */
int ho_execute_rx_ue_failure(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	int err = err_from_cause(in->rrc->handover_failure->cause);

	(void)e;
	/* Without its H_key no entry of the list is good. */
	if (err == KH_E_UNKNOWN_GENERATION && ue->list &&
	    ue->list->generation == ue->ho->generation)
		ue_drop_list(ue);
	ho_send_cancel(ue, err);
	ho_end(ue, err);
	(void)neighbour_list_send(ue);
	return 0;
}

/* Its ued is gone from here; whether it arrived there 11 or the timer will say. */
int ho_execute_radio_lost(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	(void)in;
	log_info(LOG_HO, "ue=%s radio lost while leaving", ue_name(ue));
	return 0;
}

/* ---- target ---- */

static int send_ack(struct enb *e, struct ue *ue)
{
	Keyhop__Rrc__MeasConfig meas;
	Keyhop__Rrc__HandoverConfirmAck body = KEYHOP__RRC__HANDOVER_CONFIRM_ACK__INIT;

	meas_config_fill(e, &meas);
	body.meas_config = &meas;
	RRC_MSG(msg, HANDOVER_CONFIRM_ACK, handover_confirm_ack, &body);
	return ue_send(ue, &msg);
}

/* Message 10: its good MAC-I proves that the UE has the key, and binds it to its connection. 11 and 12 follow. */
int ho_execute_rx_confirm(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const ProtobufCBinaryData *evidence = &in->rrc->handover_confirm->evidence;
	struct node_event ev = ue_event(ue, "handover.confirmed", "10");

	ue_bind_uu(ue, in->uu);
	ue_take_label(ue);
	held_nas_keep(&ue->evidence, evidence->data, evidence->len);
	ue->arrival.confirmed_us = clock_mono_us();
	ev.enb = e->opt.id;
	ev.source = ue->arrival.source;
	ev.gen = ue->kenb_gen;
	events_emit(e->node.events, &ev);
	(void)send_ack(e, ue);
	/* Where the source sends 12 it has all it needs in 11; what stays without an answer we send ourselves. */
	if (ho_complete_send(ue) == 0 && e->s1.source_updates)
		pending_add(ue);
	else
		(void)location_update_send(ue);
	return 0;
}

/* It has our keys and is here, but did not hear so. */
int ho_execute_rx_confirm_again(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)in;
	return send_ack(e, ue);
}

static void ack_cancel(struct enb *e, const struct ue *ue)
{
	const struct neighbour *nb = neighbour_find(e, ue->arrival.source);
	Keyhop__X2__HandoverCancelAck body = KEYHOP__X2__HANDOVER_CANCEL_ACK__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	body.source_ho_id = ue->arrival.ho_id;
	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_CANCEL_ACK;
	msg.handover_cancel_ack = &body;
	if (nb && nb->peer)
		(void)x2_send(e, nb->peer, &msg);
}

int ho_execute_rx_cancel(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	struct node_event ev = ue_event(ue, "handover.cancelled", NULL);

	ev.source = ue->arrival.source;
	ev.err = in->x2 ? err_from_cause(in->x2->handover_cancel->cause) : in->cause;
	events_emit(e->node.events, &ev);
	if (in->x2)
		ack_cancel(e, ue);
	return 0;
}

int ho_execute_arrival_timeout(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&e->node, LOG_HO, KH_E_TIMEOUT, ue_name(ue), "no handover_confirm");
	return ho_execute_rx_cancel(e, ue, in);
}
