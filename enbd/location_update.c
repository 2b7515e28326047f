/* Message 12, from the eNodeB that serves the UE now: the source of its next handover. It is sent again until the
 * MME has answered. */
#include "handlers.h"
#include "ue_fsm.h"

#define NEIGHBOURS_MAX 256

void location_update_settled(struct ue *ue)
{
	held_nas_drop(&ue->evidence);
}

int location_update_send(struct ue *ue)
{
	struct enb *e = ue->enb;
	uint32_t ids[NEIGHBOURS_MAX];
	struct node_event ev = ue_event(ue, "location_update.sent", "12");
	Keyhop__S1__LocationUpdate body = KEYHOP__S1__LOCATION_UPDATE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	pending_add(ue);
	body.mme_ue_id = ue->mme_ue_id;
	body.evidence.data = ue->evidence.pdu;
	body.evidence.len = ue->evidence.len;
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
