/* RRC messages in and out of Uu frames: what the eNodeB and the UE share. */
#ifndef KEYHOP_RRC_MSG_H
#define KEYHOP_RRC_MSG_H

#include "node.h"
#include "pdcp.h"
#include "rrc.pb-c.h"

#define UU_PDU_MAX 8192

/* Sends `msg` on SRB0 (`pdcp` NULL) or SRB1. Counted and logged; a refusal is made known here. */
int rrc_send(struct node *n, struct link *link, struct pdcp *pdcp, uint32_t c_rnti,
	     const Keyhop__Rrc__Rrc *msg, const char *peer);
/* Sends user data on DRB1. */
int rrc_send_data(struct node *n, struct link *link, struct pdcp *pdcp, uint32_t c_rnti,
		  const uint8_t *data, size_t len, const char *peer);

/* Unpacks the carrier of a frame. The message lives until node_done(). */
int rrc_open_frame(struct node *n, const uint8_t *data, size_t len, const char *peer,
		   Keyhop__Rrc__Uu **out) KH_MUST_CHECK;
/* Opens the PDU of SRB0 (`pdcp` NULL) or SRB1 and unpacks the RRC message that `from` sent. */
int rrc_open(struct node *n, struct pdcp *pdcp, enum role from, const ProtobufCBinaryData *pdu,
	     const char *peer, Keyhop__Rrc__Rrc **out) KH_MUST_CHECK;
/* Unpacks an SRB1 PDU that is not checked yet: SECURITY MODE COMMAND at the UE. Nothing is made known. */
int rrc_peek(struct node *n, const ProtobufCBinaryData *pdu, Keyhop__Rrc__Rrc **out) KH_MUST_CHECK;

/* What an opened frame of Uu carries, found without taking the PDU: for faults. NULL when it cannot be told. */
const struct message_row *rrc_frame_row(struct node *n, const struct pdcp *pdcp,
					const Keyhop__Rrc__Uu *frame);

#define RRC_MSG(var, which, member_name, body) \
	Keyhop__Rrc__Rrc var = KEYHOP__RRC__RRC__INIT; \
	var.body_case = KEYHOP__RRC__RRC__BODY_##which; \
	var.member_name = (body)

#endif
