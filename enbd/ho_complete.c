/* Message 11: the target tells the source, which lets the UE go and wipes all it had of it. */
#include "clock.h"
#include "ue_fsm.h"

#define NEIGHBOURS_MAX 256

int ho_complete_send(struct ue *ue)
{
	struct enb *e = ue->enb;
	const struct neighbour *nb = neighbour_find(e, ue->arrival.source);
	uint32_t ids[NEIGHBOURS_MAX];
	Keyhop__X2__LocationReport location = KEYHOP__X2__LOCATION_REPORT__INIT;
	Keyhop__X2__HandoverComplete body = KEYHOP__X2__HANDOVER_COMPLETE__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	body.source_ho_id = ue->arrival.ho_id;
	body.target_ho_id = ue->c_rnti;
	location.evidence.data = ue->evidence.pdu;
	location.evidence.len = ue->evidence.len;
	location.n_enb_id = neighbour_ids(e, ids, NEIGHBOURS_MAX);
	location.enb_id = ids;
	if (e->s1.source_updates && ue->evidence.pdu)
		body.location = &location;
	msg.body_case = KEYHOP__X2__X2__BODY_HANDOVER_COMPLETE;
	msg.handover_complete = &body;
	int err = nb && nb->peer ? x2_send(e, nb->peer, &msg) : KH_E_LINK_LOST;
	if (err)
		return err;
	struct node_event ev = ue_event(ue, "handover.complete_sent", "11");
	ev.enb = e->opt.id;
	ev.source = ue->arrival.source;
	ev.gen = ue->kenb_gen;
	events_emit(e->node.events, &ev);
	return 0;
}

int ho_complete_rx(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const struct ho ho = *ue->ho;

	histogram_add(&e->node.metrics, HISTOGRAM_EXECUTE, clock_mono_us() - ho.commanded_us);
	ho_end(ue, 0);
	if (in->x2 && in->x2->handover_complete->location)
		location_update_send_for(ue, &ho, in->x2->handover_complete->location);
	return 0;
}

/* A cancel that came too late: the UE is here. Also on behalf of a source that missed our 11. */
int ho_complete_again(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	(void)in;
	(void)ho_complete_send(ue);
	return 0;
}
