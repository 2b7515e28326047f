#include "rrc_msg.h"

#include <string.h>

#include "air.h"
#include "fault.h"
#include "link.h"
#include "passage.h"
#include "pbmem.h"

static int send_pdu(struct node *n, const struct uu_end *to, const struct message_row *row,
		    Keyhop__Rrc__Bearer bearer, uint8_t *pdu, size_t len)
{
	Keyhop__Rrc__Uu uu = KEYHOP__RRC__UU__INIT;

	uu.c_rnti = to->c_rnti;
	uu.bearer = bearer;
	uu.pdu.data = pdu;
	uu.pdu.len = len;
	if (!to->link)
		return KH_E_LINK_LOST;
	return n->faults && row ? fault_send_frame(n, to->link, to->air, row, &uu.base)
				: air_send(n, to->air, to->link, &uu.base);
}

static enum protection protection_of(const struct pdcp *pdcp)
{
	return pdcp && pdcp->integrity ? PROTECTION_RRC : PROTECTION_CLEAR;
}

int rrc_send(struct node *n, const struct uu_end *to, const Keyhop__Rrc__Rrc *msg)
{
	uint8_t plain[UU_PDU_MAX], pdu[UU_PDU_MAX];
	const struct message_row *row = message_row_of(IFACE_RRC, &msg->base);
	size_t len = protobuf_c_message_get_packed_size(&msg->base);
	int err = 0;

	if (!row || len + PDCP_SRB_OVERHEAD > PDCP_SDU_MAX)
		return KH_E_INTERNAL;
	protobuf_c_message_pack(&msg->base, plain);
	if (to->pdcp)
		err = pdcp_srb_seal(n->crypto, to->pdcp, plain, len, pdu);
	if (!err)
		err = to->pdcp ? send_pdu(n, to, row, KEYHOP__RRC__BEARER__SRB1, pdu,
					  len + PDCP_SRB_OVERHEAD)
			       : send_pdu(n, to, row, KEYHOP__RRC__BEARER__SRB0, plain, len);
	if (err)
		node_refuse(n, LOG_AIR, err, to->name, "rrc.%s not sent", row->name);
	else
		node_message(n, &(struct passage){.tx = true,
						  .protection = protection_of(to->pdcp),
						  .cat = LOG_AIR,
						  .peer = to->name,
						  .row = row,
						  .msg = &msg->base,
						  .len = len});
	return err;
}

int rrc_send_data(struct node *n, const struct uu_end *to, const uint8_t *data, size_t len)
{
	uint8_t pdu[UU_PDU_MAX];
	int err = len + PDCP_DRB_OVERHEAD > PDCP_SDU_MAX
			  ? KH_E_BAD_FIELD
			  : pdcp_drb_seal(n->crypto, to->pdcp, data, len, pdu);

	if (!err)
		err = send_pdu(n, to, NULL, KEYHOP__RRC__BEARER__DRB1, pdu,
			       len + PDCP_DRB_OVERHEAD);
	if (err)
		node_refuse(n, LOG_AIR, err, to->name, "user data not sent");
	return err;
}

static const struct field_rule uu_rules[] = {
	{"c_rnti", FIELD_U32, offsetof(Keyhop__Rrc__Uu, c_rnti), 0, 0xffff, NULL},
	{"bearer", FIELD_U32, offsetof(Keyhop__Rrc__Uu, bearer), 0, 2, NULL},
	{"pdu", FIELD_BYTES, offsetof(Keyhop__Rrc__Uu, pdu), 1, PDCP_SDU_MAX, NULL},
	{0},
};

int rrc_open_frame(struct node *n, const uint8_t *data, size_t len, const char *peer,
		   Keyhop__Rrc__Uu **out)
{
	const char *field = NULL;
	int err = message_scan(&keyhop__rrc__uu__descriptor, data, len, &field);
	Keyhop__Rrc__Uu *uu =
		err ? NULL : keyhop__rrc__uu__unpack(pbmem_allocator(n->mem), len, data);

	if (!err)
		err = uu ? message_check(&uu->base, uu_rules, &field)
			 : (pbmem_exhausted(n->mem) ? KH_E_DECODE_BUDGET : KH_E_NOT_PROTOBUF);

	if (err)
		node_refuse(n, LOG_AIR, err, peer, "Uu frame of %zu octets%s%s", len,
			    field ? " field " : "", field ? field : "");
	*out = uu;
	return err;
}

int rrc_open(struct node *n, struct pdcp *pdcp, enum role from, const ProtobufCBinaryData *pdu,
	     const char *peer, Keyhop__Rrc__Rrc **out)
{
	uint8_t plain[UU_PDU_MAX];
	struct passage p = {.protection = protection_of(pdcp), .cat = LOG_AIR, .peer = peer};
	const uint8_t *sdu = pdu->data;
	size_t len = pdu->len;
	ProtobufCMessage *msg;
	int err = 0;

	if (pdcp) {
		err = pdcp_srb_open(n->crypto, pdcp, pdu->data, pdu->len, plain, &len);
		sdu = plain;
	}
	if (err) {
		node_refuse(n, LOG_AIR, err, peer, "SRB1 PDU of %zu octets", pdu->len);
		return err;
	}
	err = node_decode_inner(n, IFACE_RRC, from, sdu, len, &msg, &p);
	*out = (Keyhop__Rrc__Rrc *)(void *)msg;
	return err;
}

int rrc_peek(struct node *n, const Keyhop__Rrc__Uu *frame, Keyhop__Rrc__Rrc **out)
{
	struct message_fault fault = {0};
	const struct message_row *row;
	const uint8_t *sdu = frame->pdu.data;
	size_t len = frame->pdu.len;
	ProtobufCMessage *msg;
	int err = 0;

	if (frame->bearer != KEYHOP__RRC__BEARER__SRB0)
		err = pdcp_srb_peek(frame->pdu.data, frame->pdu.len, &sdu, &len);
	if (!err)
		err = message_decode(n->mem, IFACE_RRC, ROLE_ENB, sdu, len, &msg, &row, &fault);
	if (!err)
		*out = (Keyhop__Rrc__Rrc *)(void *)msg;
	return err;
}

const struct message_row *rrc_frame_row(struct node *n, const struct pdcp *pdcp,
					const Keyhop__Rrc__Uu *frame)
{
	struct pdcp copy;
	uint8_t plain[UU_PDU_MAX];
	size_t len = 0;

	if (frame->bearer == KEYHOP__RRC__BEARER__SRB0)
		return message_row(IFACE_RRC, fault_peek_number(frame->pdu.data, frame->pdu.len));
	if (frame->bearer != KEYHOP__RRC__BEARER__SRB1 || !pdcp)
		return NULL;
	copy = *pdcp;
	int err = pdcp_srb_open(n->crypto, &copy, frame->pdu.data, frame->pdu.len, plain, &len);
	unsigned number = err ? 0 : fault_peek_number(plain, len);
	KEY_WIPE(&copy);
	return number ? message_row(IFACE_RRC, number) : NULL;
}
