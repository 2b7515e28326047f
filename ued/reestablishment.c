/* RRC connection re-establishment at the source, under the old keys. */
#include "rrc_msg.h"
#include "ue_fsm.h"

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
