/* Message 12, from the eNodeB that serves the UE now: the source of its next handover. */
#include "handlers.h"
#include "ue_fsm.h"

#define NEIGHBOURS_MAX 256

int location_update_send(struct ue *ue)
{
	struct enb *e = ue->enb;
	uint32_t ids[NEIGHBOURS_MAX];
	struct node_event ev = ue_event(ue, "location_update.sent", "12");
	Keyhop__S1__LocationUpdate body = KEYHOP__S1__LOCATION_UPDATE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.mme_ue_id = ue->mme_ue_id;
	body.evidence.data = ue->evidence;
	body.evidence.len = ue->evidence_len;
	body.serving_enb_id = e->opt.id;
	body.n_enb_id = neighbour_ids(e, ids, NEIGHBOURS_MAX);
	body.enb_id = ids;
	msg.body_case = KEYHOP__S1__S1__BODY_LOCATION_UPDATE;
	msg.location_update = &body;
	int err = s1_is_up(e) ? s1_send(e, &msg) : KH_E_LINK_LOST;
	if (err) {
		log_info(LOG_HO, "ue=%s location update waits for the MME", ue_name(ue));
		return err;
	}
	ev.enb = e->opt.id;
	ev.gen = ue->kenb_gen;
	events_emit(e->node.events, &ev);
	return 0;
}

void location_update_retry(struct enb *e)
{
	for (struct ue *ue = e->ues; ue; ue = ue->hh.next)
		if (ue->evidence && ue->state != UE_SECURING)
			(void)location_update_send(ue);
}
