/* NAS messages in and out of NAS PDUs: what the MME and the UE share. */
#ifndef KEYHOP_NAS_MSG_H
#define KEYHOP_NAS_MSG_H

#include "nas.pb-c.h"
#include "nas_sec.h"
#include "node.h"

#define NAS_PDU_MAX 4096

/* One PDU and its plain text; wipe with KEY_WIPE after use, it may hold H_key. */
struct nas_pdu {
	uint8_t plain[NAS_PDU_MAX];
	uint8_t pdu[NAS_PDU_MAX];
	size_t len;
};
KEY_LOCAL_DECLARE(nas_pdu)

/* Packs and protects (`sec` NULL: plain), counts and logs it as sent to `peer`. */
int nas_msg_seal(struct node *n, struct nas_sec *sec, enum nas_header type,
		 const Keyhop__Nas__Nas *msg, const char *peer, struct nas_pdu *out) KH_MUST_CHECK;
/* Opens and unpacks a PDU that `from` sent: plain ones too, *type tells. Refusals are made known here. The
 * message lives until node_done(). */
int nas_msg_open(struct node *n, struct nas_sec *sec, enum role from, const uint8_t *pdu,
		 size_t len, const char *peer, Keyhop__Nas__Nas **out,
		 enum nas_header *type) KH_MUST_CHECK;
/* A message with an empty body set, as the two types that have fields of their own need. */
#define NAS_MSG(var, which, member_name, body) \
	Keyhop__Nas__Nas var = KEYHOP__NAS__NAS__INIT; \
	var.body_case = KEYHOP__NAS__NAS__BODY_##which; \
	var.member_name = (body)

#endif
