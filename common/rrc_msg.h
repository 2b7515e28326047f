/* RRC messages in and out of Uu frames: what the eNodeB and the UE share. */
#ifndef KEYHOP_RRC_MSG_H
#define KEYHOP_RRC_MSG_H

#include "node.h"
#include "pdcp.h"
#include "rrc.pb-c.h"

#define UU_PDU_MAX 8192

struct air;

/* The other end of the radio. */
struct uu_end {
	struct link *link; /* NULL while down */
	struct air *air; /* NULL: a good one */
	struct pdcp *pdcp; /* NULL: SRB0 */
	uint32_t c_rnti;
	const char *name; /* for the log */
};

/* Sends `msg` on SRB0 or SRB1. Counted and logged; a refusal is made known here. */
int rrc_send(struct node *n, const struct uu_end *to, const Keyhop__Rrc__Rrc *msg);
/* Sends user data on DRB1. */
int rrc_send_data(struct node *n, const struct uu_end *to, const uint8_t *data, size_t len);

/* Unpacks the carrier of a frame. The message lives until node_done(). */
int rrc_open_frame(struct node *n, const uint8_t *data, size_t len, const char *peer,
		   Keyhop__Rrc__Uu **out) KH_MUST_CHECK;
/* Opens the PDU of SRB0 (`pdcp` NULL) or SRB1 and unpacks the RRC message that `from` sent. */
int rrc_open(struct node *n, struct pdcp *pdcp, enum role from, const ProtobufCBinaryData *pdu,
	     const char *peer, Keyhop__Rrc__Rrc **out) KH_MUST_CHECK;
/* Unpacks what a cell sent on SRB0, or on SRB1 and not checked yet: SECURITY MODE COMMAND. Nothing is made known. */
int rrc_peek(struct node *n, const Keyhop__Rrc__Uu *frame, Keyhop__Rrc__Rrc **out) KH_MUST_CHECK;

/* What an opened frame of Uu carries, found without taking the PDU: for faults. NULL when it cannot be told. */
const struct message_row *rrc_frame_row(struct node *n, const struct pdcp *pdcp,
					const Keyhop__Rrc__Uu *frame);

#define RRC_MSG(var, which, member_name, body) \
	Keyhop__Rrc__Rrc var = KEYHOP__RRC__RRC__INIT; \
	var.body_case = KEYHOP__RRC__RRC__BODY_##which; \
	var.member_name = (body)

#endif
