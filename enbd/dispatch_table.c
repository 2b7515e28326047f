/* What enbd takes on S1, X2 and Uu: one row a message. */
#include "fault.h"
#include "fsm.h"
#include "handlers.h"
#include "link.h"
#include "rrc_msg.h"
#include "s1_fsm.h"
#include "ue_fsm.h"
#include "x2_fsm.h"

struct s1_row {
	unsigned number;
	s1_handler *handler; /* or NULL: about one UE */
	enum ue_event_id event; /* with handler NULL */
};

/* mme_ue_id is the first field of every body that is about one UE, enb_ue_id the second of those that may come
 * before the eNodeB knows the first. */
struct s1_ue_body {
	ProtobufCMessage base;
	uint32_t mme_ue_id, enb_ue_id;
};

/* clang-format off */
static const struct s1_row s1_rows[] = {
	{2,  key_provision_rx, EV_NONE},
	{4,  NULL,             EV_KEY_LIST},
	{13, NULL,             EV_NEW_KEY_LIST},
	{24, NULL,             EV_DL_NAS},
	{26, NULL,             EV_ICS_REQUEST},
	{30, NULL,             EV_RELEASE_COMMAND},
	{32, NULL,             EV_LIST_FAILURE},
	{33, error_rx_s1,      EV_NONE},
	{35, heartbeat_rx_s1,  EV_NONE},
};
/* clang-format on */

struct x2_row {
	unsigned number;
	x2_handler *handler; /* or NULL: about one attempt of this source, or one arrival */
	enum ue_event_id event;
};

/* clang-format off */
static const struct x2_row x2_rows[] = {
	{7,  ho_prepare_admit, EV_NONE},
	{8,  NULL,             EV_HO_RESPONSE},
	{11, NULL,             EV_HO_COMPLETE},
	{13, location_update_rx_relayed, EV_NONE},
	{23, NULL,             EV_HO_REFUSED},
	{24, NULL,             EV_HO_CANCEL},
	{25, error_rx_x2,      EV_NONE},
	{26, heartbeat_rx_x2,  EV_NONE},
	{27, NULL,             EV_HO_CANCEL_ACK},
};
/* clang-format on */

struct rrc_row {
	unsigned number;
	enum ue_event_id event;
};

/* clang-format off */
static const struct rrc_row srb1_rows[] = {
	{6,  EV_MEASUREMENT},
	{10, EV_HO_CONFIRM},
	{23, EV_SETUP_COMPLETE},
	{25, EV_SMC_COMPLETE},
	{26, EV_SMC_FAILURE},
	{28, EV_RECONF_COMPLETE},
	{30, EV_UL_NAS},
	{33, EV_UE_FAILURE},
	{37, EV_REEST_COMPLETE},
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define LOCATION_UPDATE_NUMBER 12

static void answer_error(struct enb *e, int err, uint32_t mme_ue_id, unsigned number)
{
	Keyhop__S1__ErrorIndication body = KEYHOP__S1__ERROR_INDICATION__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	body.mme_ue_id = mme_ue_id;
	body.message = number;
	msg.body_case = KEYHOP__S1__S1__BODY_ERROR_INDICATION;
	msg.error_indication = &body;
	(void)s1_send(e, &msg);
}

/* By MME-UE-id or, for the first message about it, by the id this eNodeB gave it. */
static struct ue *find_s1_ue(struct enb *e, const struct s1_row *row, const Keyhop__S1__S1 *s1)
{
	const struct s1_ue_body *body = (const struct s1_ue_body *)(const void *)s1->enb_key;
	struct ue *ue = ue_find_mme_id(e, body->mme_ue_id);

	if (ue)
		return ue;
	if (row->event != EV_DL_NAS && row->event != EV_ICS_REQUEST &&
	    row->event != EV_RELEASE_COMMAND)
		return NULL;
	ue = body->enb_ue_id && body->enb_ue_id <= UINT16_MAX ? ue_find(e, body->enb_ue_id) : NULL;
	if (!ue || ue->mme_ue_id)
		return NULL;
	ue_bind_mme_id(ue, body->mme_ue_id);
	return ue;
}

/* Keys for the next move of a UE that has made one already, with its 12 still on the way to the MME: it is not lost, and
 * an error indication would say so. */
static bool is_overtaken(const struct s1_row *row, const Keyhop__S1__S1 *s1, int err)
{
	bool keys = row->event == EV_KEY_LIST || row->event == EV_NEW_KEY_LIST ||
		    (row->event == EV_DL_NAS && s1->downlink_nas->hkey_generation);

	return keys && (err == KH_E_UE_NOT_FOUND || err == KH_E_BAD_STATE);
}

static void dispatch_s1_ue(struct enb *e, const struct s1_row *row, const Keyhop__S1__S1 *s1)
{
	uint32_t id = ((const struct s1_ue_body *)(const void *)s1->enb_key)->mme_ue_id;
	struct ue *ue = find_s1_ue(e, row, s1);
	int err = KH_E_UE_NOT_FOUND;

	if (row->event == EV_NEW_KEY_LIST && location_update_relay(e, s1->new_key_list))
		return;
	if (ue) {
		err = ue_step(ue, row->event, &(struct ue_input){.s1 = s1});
	} else if (row->event == EV_RELEASE_COMMAND) {
		/* It left before the command came; the MME only wants to know that it is gone. */
		context_release_confirm(e, id);
		return;
	} else {
		node_refuse(&e->node, LOG_MME, err, "mme", "message %u for mme_ue_id=%u",
			    row->number, id);
	}
	if (err && !is_overtaken(row, s1, err))
		answer_error(e, err, id, row->number);
}

int s1_rx_message(struct enb *e, const struct s1_input *in)
{
	if (in->row->handler)
		in->row->handler(e, in->s1);
	else
		dispatch_s1_ue(e, in->row, in->s1);
	return 0;
}

static const struct s1_row *find_s1_row(unsigned number)
{
	for (size_t i = 0; i < COUNT(s1_rows); i++)
		if (s1_rows[i].number == number)
			return &s1_rows[i];
	return NULL;
}

void s1_dispatch(struct enb *e, const uint8_t *data, size_t len)
{
	const struct message_row *message;
	ProtobufCMessage *msg;

	if (fault_received(&e->node, e->s1.link, IFACE_S1, data, len))
		return;
	int err = node_decode(&e->node, IFACE_S1, ROLE_MME, LOG_MME, "mme", data, len, &msg,
			      &message);

	if (err) {
		answer_error(e, err, 0, 0);
		return;
	}
	struct s1_input in = {.s1 = (const Keyhop__S1__S1 *)(const void *)msg,
			      .row = find_s1_row(message->number)};
	if (in.s1->body_case == KEYHOP__S1__S1__BODY_S1_SETUP_RESPONSE)
		(void)s1_step(e, S1_EV_SETUP_RESPONSE, &in);
	else if (in.s1->body_case == KEYHOP__S1__S1__BODY_S1_SETUP_FAILURE)
		(void)s1_step(e, S1_EV_SETUP_FAILURE, &in);
	else if (in.row)
		(void)s1_step(e, S1_EV_MESSAGE, &in);
}

/* The MME does not take our 12: it has had it already, and 3 will show whether it knows the UE here. */
static void location_refused(struct ue *ue)
{
	if (!ue->evidence.pdu)
		return;
	location_update_settled(ue);
	(void)neighbour_list_send(ue);
}

void error_rx_s1(struct enb *e, const Keyhop__S1__S1 *s1)
{
	const Keyhop__S1__ErrorIndication *body = s1->error_indication;
	int err = err_from_cause(body->cause);
	struct ue *ue = ue_find_mme_id(e, body->mme_ue_id);

	log_warn(LOG_MME, "peer=mme reports cause=%s mme_ue_id=%u message=%u", err_name(err),
		 body->mme_ue_id, body->message);
	if (!ue || !ue_is_served(ue))
		return;
	/* The MME does not know the UE, or knows it elsewhere: serving it here makes no sense. */
	if (err == KH_E_UE_NOT_FOUND || err == KH_E_NOT_OWNER)
		(void)ue_step(ue, EV_RELEASE_COMMAND, &(struct ue_input){.cause = err});
	else if (body->message == LOCATION_UPDATE_NUMBER && err != KH_E_STORE_FULL)
		location_refused(ue);
}

void error_rx_x2(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *x2)
{
	(void)e;
	log_warn(LOG_X2, "peer=%s reports cause=%s message=%u", p->name,
		 err_name(err_from_cause(x2->error_indication->cause)),
		 x2->error_indication->message);
}

static uint32_t source_ho_id(const Keyhop__X2__X2 *x2)
{
	/* First field of 8, 11, handover_failure and handover_cancel. */
	return ((const struct s1_ue_body *)(const void *)x2->handover_response)->mme_ue_id;
}

/* 8, 11 and a refusal come from the target of one of our attempts; a cancel from the source of an arrival. */
static struct ue *find_x2_ue(struct enb *e, uint32_t from, enum ue_event_id event, uint32_t ho_id)
{
	struct ho *ho;

	if (event == EV_HO_CANCEL)
		return ue_find_arrival(e, from, ho_id);
	HASH_FIND_INT(e->hos, &ho_id, ho);
	return ho && ho->target == from ? ue_find(e, ho->c_rnti) : NULL;
}

/* A refusal that a new list may mend, the first time. */
static bool is_about_the_key(const struct ue *ue, const Keyhop__X2__X2 *x2)
{
	int err = err_from_cause(x2->handover_failure->cause);

	return ue->ho && ue->ho->may_wait && !ue->ho->second &&
	       (err == KH_E_UNKNOWN_KEY_ID || err == KH_E_STALE_GENERATION);
}

/* Nothing is held here under this id: the source may take the UE back. */
static void answer_unknown_cancel(struct enb *e, struct x2_peer *p, uint32_t ho_id)
{
	Keyhop__X2__HandoverCancelAck body = KEYHOP__X2__HANDOVER_CANCEL_ACK__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	body.source_ho_id = ho_id;
	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_CANCEL_ACK;
	msg.handover_cancel_ack = &body;
	(void)x2_send(e, p, &msg);
}

static void dispatch_x2_ue(struct enb *e, struct x2_peer *p, const struct x2_row *row,
			   const Keyhop__X2__X2 *x2)
{
	uint32_t id = source_ho_id(x2);
	enum ue_event_id event = row->event;
	struct ue *ue = find_x2_ue(e, p->nb->id, event, id);

	if (ue && event == EV_HO_REFUSED && is_about_the_key(ue, x2))
		event = EV_HO_REFUSED_KEY;
	if (ue)
		(void)ue_step(ue, event, &(struct ue_input){.x2 = x2, .peer = p});
	else if (event == EV_HO_CANCEL)
		answer_unknown_cancel(e, p, id);
	else if (event != EV_HO_CANCEL_ACK) /* of an attempt that is over anyway */
		node_refuse(&e->node, LOG_X2, KH_E_UE_NOT_FOUND, p->name,
			    "message %u for attempt %u", row->number, id);
}

int x2_rx_message(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	if (in->row->handler)
		in->row->handler(e, p, in->x2);
	else
		dispatch_x2_ue(e, p, in->row, in->x2);
	return 0;
}

static const struct x2_row *find_x2_row(unsigned number)
{
	for (size_t i = 0; i < COUNT(x2_rows); i++)
		if (x2_rows[i].number == number)
			return &x2_rows[i];
	return NULL;
}

static enum x2_event_id x2_event_of(const Keyhop__X2__X2 *x2)
{
	if (x2->body_case == KEYHOP__X2__X2__BODY_X2_SETUP_REQUEST)
		return X2_EV_SETUP_REQUEST;
	if (x2->body_case == KEYHOP__X2__X2__BODY_X2_SETUP_RESPONSE)
		return X2_EV_SETUP_RESPONSE;
	if (x2->body_case == KEYHOP__X2__X2__BODY_X2_SETUP_FAILURE)
		return X2_EV_SETUP_FAILURE;
	return X2_EV_MESSAGE;
}

void x2_dispatch(struct x2_peer *p, const uint8_t *data, size_t len)
{
	struct enb *e = p->enb;
	const struct message_row *message;
	ProtobufCMessage *msg;

	if (fault_received(&e->node, p->link, IFACE_X2, data, len))
		return;
	if (node_decode(&e->node, IFACE_X2, ROLE_ENB, LOG_X2, p->name, data, len, &msg, &message))
		return;
	struct x2_input in = {.x2 = (const Keyhop__X2__X2 *)(const void *)msg,
			      .row = find_x2_row(message->number)};
	enum x2_event_id event = x2_event_of(in.x2);
	if (in.row || event != X2_EV_MESSAGE)
		(void)x2_step(p, event, &in);
}

static void dispatch_srb0(struct enb *e, struct uu_link *uu, const ProtobufCBinaryData *pdu)
{
	Keyhop__Rrc__Rrc *rrc;

	if (rrc_open(&e->node, NULL, ROLE_UE, pdu, uu->name, &rrc))
		return;
	if (rrc->body_case == KEYHOP__RRC__RRC__BODY_RRC_CONNECTION_REQUEST)
		attach_admit(e, uu, rrc);
	else if (rrc->body_case == KEYHOP__RRC__RRC__BODY_REESTABLISHMENT_REQUEST)
		reestablishment_rx(e, uu, rrc);
	else
		node_refuse(&e->node, LOG_AIR, KH_E_WRONG_LINK, uu->name, "message %d on SRB0",
			    (int)rrc->body_case);
}

static void dispatch_srb1(struct uu_link *uu, struct ue *ue, const ProtobufCBinaryData *pdu)
{
	struct enb *e = ue->enb;
	Keyhop__Rrc__Rrc *rrc;

	if (rrc_open(&e->node, &ue->pdcp, ROLE_UE, pdu, ue_name(ue), &rrc))
		return;
	for (size_t i = 0; i < COUNT(srb1_rows); i++) {
		if (srb1_rows[i].number != (unsigned)rrc->body_case)
			continue;
		(void)ue_step(ue, srb1_rows[i].event, &(struct ue_input){.rrc = rrc, .uu = uu});
		return;
	}
	node_refuse(&e->node, LOG_AIR, KH_E_WRONG_LINK, ue_name(ue), "message %d on SRB1",
		    (int)rrc->body_case);
}

/* A UE that was let go here, and has not heard so. */
static void refuse_c_rnti(struct uu_link *uu, uint32_t c_rnti, int err)
{
	struct node *n = &uu->enb->node;
	Keyhop__Rrc__RadioLinkFailure body = KEYHOP__RRC__RADIO_LINK_FAILURE__INIT;

	node_refuse(n, LOG_AIR, err, uu->name, "C-RNTI %u", c_rnti);
	RRC_MSG(msg, RADIO_LINK_FAILURE, radio_link_failure, &body);
	(void)uu_send(uu, c_rnti, &msg);
}

void uu_dispatch(struct uu_link *uu, const uint8_t *data, size_t len)
{
	struct enb *e = uu->enb;
	Keyhop__Rrc__Uu *frame;

	if (rrc_open_frame(&e->node, data, len, uu->name, &frame))
		return;
	struct ue *ue = ue_find(e, frame->c_rnti);
	const struct message_row *row =
		e->node.faults ? rrc_frame_row(&e->node, ue ? &ue->pdcp : NULL, frame) : NULL;
	if (fault_received_row(&e->node, uu->link, row, data, len))
		return;
	if (frame->bearer == KEYHOP__RRC__BEARER__SRB0) {
		dispatch_srb0(e, uu, &frame->pdu);
		return;
	}
	/* A UE that arrives is bound to its connection by a good 10, not before. */
	if (!ue || (ue->uu != uu && ue->fsm.now != UE_ARRIVING))
		refuse_c_rnti(uu, frame->c_rnti, ue ? KH_E_NOT_OWNER : KH_E_UE_NOT_FOUND);
	else if (frame->bearer == KEYHOP__RRC__BEARER__DRB1)
		traffic_rx(ue, &frame->pdu);
	else
		dispatch_srb1(uu, ue, &frame->pdu);
}
