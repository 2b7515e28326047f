/* RRC connection re-establishment (TS 36.331 5.3.7): at the source under the old keys, or where the UE is. */
#include "loop.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

int reestablishment_request(struct ue_node *u, struct ue *ue, uint32_t target, int cause)
{
	Keyhop__Rrc__ReestablishmentRequest body = KEYHOP__RRC__REESTABLISHMENT_REQUEST__INIT;
	uint16_t short_mac;
	int err = pdcp_short_mac(u->node.crypto, &ue->pdcp, ue->cell->id, target, ue->c_rnti,
				 &short_mac);

	if (err)
		return err;
	ue_new_identity(ue);
	body.ue_identity = ue->identity;
	body.c_rnti = ue->c_rnti;
	body.short_mac_i = short_mac;
	body.cause = (Keyhop__Common__Cause)err_to_cause(cause);
	RRC_MSG(msg, REESTABLISHMENT_REQUEST, reestablishment_request, &body);
	return ue_send_srb0(ue, &msg);
}

/* That its cell does not know it is said in clear: it asks. */
int reestablishment_start(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&u->node, LOG_AIR, in->cause, ue->imsi.s, "radio link failure cell=%s",
		    ue->cell->name);
	loop_timer_stop(&ue->a3_timer);
	return reestablishment_request(u, ue, ue->cell->id, in->cause);
}

int reestablishment_rx(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Rrc__ReestablishmentComplete body = KEYHOP__RRC__REESTABLISHMENT_COMPLETE__INIT;
	struct node_event ev = ue_event(ue, "ue.reestablished", NULL);

	(void)in;
	ue_drop_identity(ue);
	ev.enb = ue->cell->id;
	node_count(&u->node, METRIC_REESTABLISHMENTS);
	events_emit(u->node.events, &ev);
	RRC_MSG(msg, REESTABLISHMENT_COMPLETE, reestablishment_complete, &body);
	return ue_send(ue, &msg);
}

int reestablishment_rx_reject(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&u->node, LOG_AIR, in->cause, ue->imsi.s, "re-establishment rejected");
	return in->cause;
}
