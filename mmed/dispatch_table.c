/* What mmed takes on S1 and on NAS: one row a message. Dispatch alone checks the link, the owner and the state. */
#include "fault.h"
#include "fsm.h"
#include "handlers.h"
#include "nas_msg.h"
#include "s1_fsm.h"
#include "ue_fsm.h"

enum { FROM_OWNER, FROM_ANY };

struct s1_row {
	unsigned number;
	s1_handler *handler; /* or NULL: about one UE */
	enum ue_event_id event; /* with handler NULL */
	size_t ue_id_offset; /* of mme_ue_id in the body */
	int from; /* FROM_OWNER: only the serving eNodeB */
};

#define UE_ROW(num, EVENT, Type, who) \
	{ \
		num, NULL, EV_##EVENT, offsetof(Keyhop__S1__##Type, mme_ue_id), who \
	}
#define ROW(num, handler) \
	{ \
		num, handler, EV_NONE, 0, FROM_ANY \
	}

/* clang-format off */
static const struct s1_row s1_rows[] = {
	UE_ROW(3,  NEIGHBOUR_LIST,   NeighbourList,               FROM_OWNER),
	UE_ROW(12, LOCATION_UPDATE,  LocationUpdate,              FROM_ANY), /* the UE's evidence decides */
	ROW(23, nas_transport_rx_initial),
	ROW(25, nas_transport_rx_uplink),
	UE_ROW(27, ICS_RESPONSE,     InitialContextSetupResponse, FROM_OWNER),
	UE_ROW(28, ICS_FAILURE,      InitialContextSetupFailure,  FROM_OWNER),
	UE_ROW(29, RELEASE_REQUEST,  UeContextReleaseRequest,     FROM_OWNER),
	UE_ROW(31, RELEASE_COMPLETE, UeContextReleaseComplete,    FROM_OWNER),
	ROW(33, error_rx_indication),
	ROW(34, key_provision_rx_ack),
	ROW(35, heartbeat_rx),
};
/* clang-format on */
#define S1_SETUP_REQUEST_NUMBER 20

struct nas_row {
	unsigned number;
	uint32_t headers; /* mask of enum nas_header */
	enum ue_event_id event;
};

#define H(type) (1U << NAS_##type)

/* clang-format off */
static const struct nas_row nas_rows[] = {
	{20, H(PLAIN),        EV_ATTACH_REQUEST},
	{22, H(PLAIN),        EV_AUTH_RESPONSE},
	{23, H(PLAIN),        EV_AUTH_FAILURE},
	{26, H(CIPHERED_NEW), EV_SMC_COMPLETE},
	{27, H(PLAIN),        EV_SMC_REJECT},
	{29, H(CIPHERED),     EV_ATTACH_COMPLETE},
	{31, H(CIPHERED),     EV_DETACH_REQUEST},
	{32, H(CIPHERED),     EV_DETACH_ACCEPT},
};
/* clang-format on */

void s1_answer_error(struct mme *m, struct s1_peer *p, int err, uint32_t ue_id, unsigned number)
{
	Keyhop__S1__ErrorIndication body = KEYHOP__S1__ERROR_INDICATION__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	body.mme_ue_id = ue_id;
	body.message = number;
	msg.body_case = KEYHOP__S1__S1__BODY_ERROR_INDICATION;
	msg.error_indication = &body;
	(void)node_send(&m->node, p->link, IFACE_S1, LOG_MME, p->name, &msg.base);
}

static uint32_t body_ue_id(const Keyhop__S1__S1 *s1, const struct s1_row *row)
{
	return *(const uint32_t *)(const void *)((const uint8_t *)s1->enb_key + row->ue_id_offset);
}

/* A message about one UE: from the eNodeB that serves it, in a state that has a row. */
static int dispatch_ue(struct mme *m, const struct s1_row *row, struct enb *from,
		       const Keyhop__S1__S1 *s1)
{
	uint32_t id = body_ue_id(s1, row);
	struct ue *ue = ue_find(m, id);
	int err = 0;

	if (!ue && row->event == EV_RELEASE_COMPLETE)
		return 0; /* the context was dropped without waiting for it */
	if (!ue)
		err = KH_E_UE_NOT_FOUND;
	else if (row->from == FROM_OWNER && ue->enb_id != from->id)
		err = KH_E_NOT_OWNER;
	if (!err)
		return ue_step(m, ue, row->event, &(struct ue_input){.from = from, .s1 = s1});
	node_refuse(&m->node, LOG_MME, err, from->name, "message %u for mme_ue_id=%u", row->number,
		    id);
	return err;
}

int s1_rx_message(struct mme *m, struct s1_peer *p, const struct s1_input *in)
{
	const struct s1_row *row = in->row;

	if (row->handler) {
		row->handler(m, p, in->s1);
		return 0;
	}
	int err = dispatch_ue(m, row, p->enb, in->s1);
	if (err)
		s1_answer_error(m, p, err, body_ue_id(in->s1, row), row->number);
	return 0;
}

static const struct s1_row *find_row(unsigned number)
{
	for (size_t i = 0; i < sizeof s1_rows / sizeof s1_rows[0]; i++)
		if (s1_rows[i].number == number)
			return &s1_rows[i];
	return NULL;
}

void s1_dispatch(struct mme *m, struct s1_peer *p, const uint8_t *data, size_t len)
{
	const struct message_row *message;
	ProtobufCMessage *msg;

	if (fault_received(&m->node, p->link, IFACE_S1, data, len))
		return;
	int err = node_decode(&m->node, IFACE_S1, ROLE_ENB, LOG_MME, p->name, data, len, &msg,
			      &message);

	if (err) {
		s1_answer_error(m, p, err, 0, 0);
		return;
	}
	struct s1_input in = {.s1 = (const Keyhop__S1__S1 *)(const void *)msg,
			      .row = find_row(message->number)};
	if (message->number == S1_SETUP_REQUEST_NUMBER) {
		(void)s1_step(m, p, S1_EV_SETUP_REQUEST, &in);
		return;
	}
	err = in.row ? s1_step(m, p, S1_EV_MESSAGE, &in) : KH_E_UNKNOWN_MESSAGE;
	if (err)
		s1_answer_error(m, p, err, 0, message->number);
}

void error_rx_indication(struct mme *m, struct s1_peer *p, const Keyhop__S1__S1 *s1)
{
	const Keyhop__S1__ErrorIndication *body = s1->error_indication;
	struct ue *ue = ue_find(m, body->mme_ue_id);
	int err = err_from_cause(body->cause);

	log_warn(LOG_MME, "peer=%s reports cause=%s mme_ue_id=%u message=%u", p->name,
		 err_name(err), body->mme_ue_id, body->message);
	/* An eNodeB that lost the UE cannot serve it any more. */
	if (ue && p->enb && ue->enb_id == p->enb->id && err == KH_E_UE_NOT_FOUND)
		ue_step(m, ue, EV_ENB_LOST, &(struct ue_input){.cause = err});
}

int nas_dispatch(struct mme *m, struct ue *ue, const uint8_t *pdu, size_t len)
{
	struct nas_sec *sec = ue->nas.active ? &ue->nas : NULL;
	uint32_t next = ue->nas.rx_next;
	Keyhop__Nas__Nas *nas;
	enum nas_header type;
	int err = nas_msg_open(&m->node, sec, ROLE_UE, pdu, len, ue_name(ue), &nas, &type);

	if (err)
		return err;
	/* A COUNT was used up, whatever comes of the message. */
	contexts_touch_ue(m, ue);
	for (size_t i = 0; i < sizeof nas_rows / sizeof nas_rows[0]; i++) {
		const struct nas_row *row = &nas_rows[i];
		if (row->number != (unsigned)nas->body_case || !(row->headers & (1U << type)))
			continue;
		return ue_step(m, ue, row->event, &(struct ue_input){.nas = nas, .nas_type = type});
	}
	/* It is good for a 12 still: an old source that has it cannot spoil it. */
	if (nas->body_case == KEYHOP__NAS__NAS__BODY_LOCATION_EVIDENCE)
		ue->nas.rx_next = next;
	node_refuse(&m->node, LOG_NAS, KH_E_BAD_NAS_PDU, ue_name(ue),
		    "message %d with header type %d", (int)nas->body_case, (int)type);
	return KH_E_BAD_NAS_PDU;
}
