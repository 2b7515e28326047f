/* What a UE takes on RRC and NAS: one row a message. */
#include "fault.h"
#include "link.h"
#include "nas_msg.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct rrc_row {
	unsigned number;
	enum ue_event_id event;
};

/* clang-format off */
static const struct rrc_row srb1_rows[] = {
	{9,  EV_HO_COMMAND},
	{24, EV_RRC_SMC},
	{27, EV_RECONFIGURATION},
	{31, EV_RELEASE},
	{32, EV_HO_ACK},
	{35, EV_REEST},
};
/* clang-format on */

struct nas_row {
	unsigned number;
	uint32_t headers; /* mask of enum nas_header */
	enum ue_event_id event;
};

#define H(type) (1U << NAS_##type)

/* clang-format off */
static const struct nas_row nas_rows[] = {
	{5,  H(CIPHERED), EV_HKEY},
	{21, H(PLAIN),    EV_AUTH_REQUEST},
	{24, H(PLAIN),    EV_AUTH_REJECT},
	{28, H(CIPHERED), EV_ATTACH_ACCEPT},
	{30, H(PLAIN),    EV_ATTACH_REJECT},
	{31, H(CIPHERED), EV_NAS_DETACH},
	{32, H(CIPHERED), EV_DETACH_ACCEPT},
};
/* clang-format on */

/* SECURITY MODE COMMAND has to be read before it can be checked; it finds its own way. */
static bool is_new_context(const ProtobufCBinaryData *pdu)
{
	enum nas_header type;

	return !nas_pdu_header(pdu->data, pdu->len, &type) && type == NAS_INTEGRITY_NEW;
}

static void nas_dispatch(struct ue *ue, const ProtobufCBinaryData *pdu)
{
	struct node *n = &ue->node->node;
	Keyhop__Nas__Nas *nas;
	enum nas_header type;

	if (is_new_context(pdu)) {
		(void)ue_step(ue, EV_NAS_SMC, &(struct ue_input){.pdu = pdu});
		return;
	}
	if (nas_msg_open(n, ue->nas.active ? &ue->nas : NULL, ROLE_MME, pdu->data, pdu->len,
			 ue->imsi.s, &nas, &type))
		return;
	/* Once there are NAS keys nothing in clear is believed (TS 24.301 4.4.4.2). */
	for (size_t i = 0; i < COUNT(nas_rows); i++) {
		const struct nas_row *row = &nas_rows[i];
		if (row->number != (unsigned)nas->body_case || !(row->headers & (1U << type)))
			continue;
		if (type == NAS_PLAIN && ue->nas.active)
			break;
		(void)ue_step(ue, row->event, &(struct ue_input){.nas = nas});
		return;
	}
	node_refuse(n, LOG_NAS, KH_E_BAD_NAS_PDU, ue->imsi.s, "message %d with header type %d",
		    (int)nas->body_case, (int)type);
}

static void dispatch_srb1(struct ue *ue, const Keyhop__Rrc__Uu *frame)
{
	struct node *n = &ue->node->node;
	const ProtobufCBinaryData *pdu = &frame->pdu;
	Keyhop__Rrc__Rrc *rrc;

	if (!ue->pdcp.integrity && !rrc_peek(n, frame, &rrc) &&
	    rrc->body_case == KEYHOP__RRC__RRC__BODY_SECURITY_MODE_COMMAND) {
		(void)ue_step(ue, EV_RRC_SMC, &(struct ue_input){.rrc = rrc, .pdu = pdu});
		return;
	}
	if (rrc_open(n, &ue->pdcp, ROLE_ENB, pdu, ue->imsi.s, &rrc))
		return;
	/* Whatever the target says under the new keys, it has had our 10. */
	if (ue->fsm.now == UE_MOVING &&
	    rrc->body_case != KEYHOP__RRC__RRC__BODY_HANDOVER_CONFIRM_ACK)
		(void)ue_step(ue, EV_HO_ACK, &(struct ue_input){0});
	if (rrc->body_case == KEYHOP__RRC__RRC__BODY_DL_INFORMATION_TRANSFER) {
		nas_dispatch(ue, &rrc->dl_information_transfer->nas);
		return;
	}
	for (size_t i = 0; i < COUNT(srb1_rows); i++) {
		if (srb1_rows[i].number != (unsigned)rrc->body_case)
			continue;
		int err = ue_step(ue, srb1_rows[i].event, &(struct ue_input){.rrc = rrc});
		if (!err && srb1_rows[i].event == EV_RECONFIGURATION &&
		    rrc->rrc_reconfiguration->nas.len)
			nas_dispatch(ue, &rrc->rrc_reconfiguration->nas);
		return;
	}
	node_refuse(n, LOG_AIR, KH_E_WRONG_LINK, ue->imsi.s, "message %d on SRB1",
		    (int)rrc->body_case);
}

/* Whom a message on SRB0 is for: one that waits for an answer, or, of a radio link failure, the owner of the C-RNTI. */
static struct ue *srb0_ue(struct cell *c, const Keyhop__Rrc__Uu *frame, const Keyhop__Rrc__Rrc *rrc)
{
	uint64_t identity = 0;

	if (rrc->body_case == KEYHOP__RRC__RRC__BODY_RRC_CONNECTION_SETUP)
		identity = rrc->rrc_connection_setup->ue_identity;
	else if (rrc->body_case == KEYHOP__RRC__RRC__BODY_RRC_CONNECTION_REJECT)
		identity = rrc->rrc_connection_reject->ue_identity;
	else if (rrc->body_case == KEYHOP__RRC__RRC__BODY_REESTABLISHMENT_REJECT)
		identity = rrc->reestablishment_reject->ue_identity;
	return identity ? ue_find_identity(c->node, identity) : ue_find_rnti(c, frame->c_rnti);
}

static void step_answered(struct ue_node *u, struct ue *ue, enum ue_event_id event,
			  const struct ue_input *in)
{
	if (ue)
		(void)ue_step(ue, event, in);
	else
		node_refuse(&u->node, LOG_AIR, KH_E_UE_NOT_FOUND, NULL, "SRB0 answer for nobody");
}

/* Of one that has left by now it says nothing new. Before 10 is acknowledged the timer leads back. */
static void radio_failure(struct ue *ue, const struct ue_input *in)
{
	if (ue && ue->fsm.now != UE_MOVING)
		(void)ue_step(ue, EV_RADIO_FAILURE, in);
}

static void dispatch_srb0(struct cell *c, const Keyhop__Rrc__Uu *frame)
{
	struct ue_node *u = c->node;
	Keyhop__Rrc__Rrc *rrc;

	if (rrc_open(&u->node, NULL, ROLE_ENB, &frame->pdu, c->name, &rrc))
		return;
	struct ue *ue = srb0_ue(c, frame, rrc);
	struct ue_input in = {.rrc = rrc};
	if (rrc->body_case == KEYHOP__RRC__RRC__BODY_RRC_CONNECTION_SETUP) {
		step_answered(u, ue, EV_RRC_SETUP, &in);
	} else if (rrc->body_case == KEYHOP__RRC__RRC__BODY_RRC_CONNECTION_REJECT) {
		in.cause = err_from_cause(rrc->rrc_connection_reject->cause);
		step_answered(u, ue, EV_RRC_REJECT, &in);
	} else if (rrc->body_case == KEYHOP__RRC__RRC__BODY_REESTABLISHMENT_REJECT) {
		in.cause = err_from_cause(rrc->reestablishment_reject->cause);
		step_answered(u, ue, EV_REEST_REJECT, &in);
	} else if (rrc->body_case == KEYHOP__RRC__RRC__BODY_RADIO_LINK_FAILURE) {
		in.cause = KH_E_UE_NOT_FOUND;
		radio_failure(ue, &in);
	} else {
		node_refuse(&u->node, LOG_AIR, KH_E_WRONG_LINK, c->name, "message %d on SRB0",
			    (int)rrc->body_case);
	}
}

/* Who hears a frame; NULL: nobody. */
static struct ue *hearer(struct cell *c, const Keyhop__Rrc__Uu *frame)
{
	Keyhop__Rrc__Rrc *rrc;

	if (frame->bearer != KEYHOP__RRC__BEARER__SRB0)
		return ue_find_rnti(c, frame->c_rnti);
	return rrc_peek(&c->node->node, frame, &rrc) ? NULL : srb0_ue(c, frame, rrc);
}

void uu_dispatch(struct cell *c, const uint8_t *data, size_t len)
{
	struct ue_node *u = c->node;
	Keyhop__Rrc__Uu *frame;

	if (rrc_open_frame(&u->node, data, len, c->name, &frame))
		return;
	struct ue *ue = hearer(c, frame);
	const struct message_row *row =
		u->node.faults ? rrc_frame_row(&u->node, ue ? &ue->pdcp : NULL, frame) : NULL;
	if (fault_received_row(&u->node, c->link, row, data, len))
		return;
	if (ue && air_received(&u->node, &ue->air, c->link, data, len))
		return;
	if (frame->bearer == KEYHOP__RRC__BEARER__SRB0) {
		dispatch_srb0(c, frame);
		return;
	}
	if (!ue)
		node_refuse(&u->node, LOG_AIR, KH_E_UE_NOT_FOUND, c->name, "C-RNTI %u",
			    frame->c_rnti);
	else if (frame->bearer == KEYHOP__RRC__BEARER__DRB1)
		traffic_rx(ue, &frame->pdu);
	else
		dispatch_srb1(ue, frame);
}
