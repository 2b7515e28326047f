#include "nas_msg.h"

#include <string.h>

#include "passage.h"
#include "pbmem.h"

static enum protection protection_of(enum nas_header type)
{
	return type == NAS_PLAIN ? PROTECTION_CLEAR : PROTECTION_NAS;
}

int nas_msg_seal(struct node *n, struct nas_sec *sec, enum nas_header type,
		 const Keyhop__Nas__Nas *msg, const char *peer, struct nas_pdu *out)
{
	const struct message_row *row = message_row_of(IFACE_NAS, &msg->base);
	size_t len = protobuf_c_message_get_packed_size(&msg->base);
	int err = 0;

	if (!row || len + NAS_OVERHEAD > NAS_PDU_MAX)
		return KH_E_INTERNAL;
	protobuf_c_message_pack(&msg->base, out->plain);
	if (sec) {
		err = nas_seal(n->crypto, sec, type, out->plain, len, out->pdu);
		out->len = len + NAS_OVERHEAD;
	} else {
		nas_plain_seal(out->plain, len, out->pdu);
		out->len = len + NAS_PLAIN_OVERHEAD;
	}
	if (err)
		node_refuse(n, LOG_NAS, err, peer, "nas.%s not sent", row->name);
	else
		node_message(n, &(struct passage){.tx = true,
						  .protection = protection_of(type),
						  .cat = LOG_NAS,
						  .peer = peer,
						  .row = row,
						  .msg = &msg->base,
						  .len = len});
	return err;
}

static int open_pdu(struct node *n, struct nas_sec *sec, const uint8_t *pdu, size_t len,
		    enum nas_header *type, uint8_t *plain, const uint8_t **body, size_t *body_len)
{
	int err = nas_pdu_header(pdu, len, type);

	if (err)
		return err;
	if (*type == NAS_PLAIN)
		return nas_plain_open(pdu, len, body, body_len);
	*body = plain;
	return sec ? nas_open(n->crypto, sec, pdu, len, type, plain, body_len)
		   : KH_E_NO_SECURITY_CONTEXT;
}

int nas_msg_open(struct node *n, struct nas_sec *sec, enum role from, const uint8_t *pdu,
		 size_t len, const char *peer, Keyhop__Nas__Nas **out, enum nas_header *type)
{
	uint8_t plain[NAS_PDU_MAX];
	struct passage p = {.cat = LOG_NAS, .peer = peer};
	const uint8_t *body;
	size_t body_len;
	ProtobufCMessage *msg;
	int err = len > sizeof plain ? KH_E_BAD_NAS_PDU
				     : open_pdu(n, sec, pdu, len, type, plain, &body, &body_len);

	if (err) {
		node_refuse(n, LOG_NAS, err, peer, "NAS PDU of %zu octets", len);
		return err;
	}
	p.protection = protection_of(*type);
	err = node_decode_inner(n, IFACE_NAS, from, body, body_len, &msg, &p);
	key_wipe(plain, sizeof plain);
	*out = (Keyhop__Nas__Nas *)(void *)msg;
	return err;
}
