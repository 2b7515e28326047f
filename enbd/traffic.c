/* User data on DRB1: an echo request under K_UPenc is answered under K_UPenc. */
#include "echo.h"
#include "handlers.h"
#include "link.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

static int open_echo(struct ue *ue, const ProtobufCBinaryData *pdu, struct echo *echo)
{
	uint8_t plain[UU_PDU_MAX];
	size_t len;

	if (!ue_is_served(ue))
		return KH_E_BAD_STATE;
	int err = pdcp_drb_open(ue->enb->node.crypto, &ue->pdcp, pdu->data, pdu->len, plain, &len);
	if (!err)
		err = echo_parse(plain, len, echo);
	return !err && echo->type != ECHO_REQUEST ? KH_E_BAD_FIELD : err;
}

void traffic_rx(struct ue *ue, const ProtobufCBinaryData *pdu)
{
	struct node *n = &ue->enb->node;
	uint8_t reply[ECHO_LEN];
	struct echo echo;
	int err = open_echo(ue, pdu, &echo);

	if (err) {
		node_refuse(n, LOG_AIR, err, ue_name(ue), "user data");
		return;
	}
	node_count(n, METRIC_PINGS);
	echo.type = ECHO_REPLY;
	echo_build(&echo, reply);
	const struct uu_end to = ue_radio(ue);
	(void)rrc_send_data(n, &to, reply, sizeof reply);
}
