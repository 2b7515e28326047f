/* Message 12, from the eNodeB that serves the UE now: the source of its next handover. It is sent again until the
 * MME has answered. Where the MME wants it so (location_update: source) the one that served the UE before sends the first
 * 12, and hands 13 on. */
#include "handlers.h"
#include "ue_fsm.h"

#define NEIGHBOURS_MAX 256

void location_update_settled(struct ue *ue)
{
	held_nas_drop(&ue->evidence);
}

static int send_update(struct ue *ue, Keyhop__S1__LocationUpdate *body, uint64_t generation)
{
	struct enb *e = ue->enb;
	struct node_event ev = ue_event(ue, "location_update.sent", "12");
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body->mme_ue_id = ue->mme_ue_id;
	msg.body_case = KEYHOP__S1__S1__BODY_LOCATION_UPDATE;
	msg.location_update = body;
	int err = s1_is_up(e) ? s1_send(e, &msg) : KH_E_LINK_LOST;
	if (err) {
		log_info(LOG_HO, "ue=%s location update waits for the MME", ue_name(ue));
		return err;
	}
	ev.enb = body->serving_enb_id;
	ev.gen = generation;
	events_emit(e->node.events, &ev);
	return 0;
}

int location_update_send(struct ue *ue)
{
	uint32_t ids[NEIGHBOURS_MAX];
	Keyhop__S1__LocationUpdate body = KEYHOP__S1__LOCATION_UPDATE__INIT;

	pending_add(ue);
	body.evidence.data = ue->evidence.pdu;
	body.evidence.len = ue->evidence.len;
	body.serving_enb_id = ue->enb->opt.id;
	body.n_enb_id = neighbour_ids(ue->enb, ids, NEIGHBOURS_MAX);
	body.enb_id = ids;
	return send_update(ue, &body, ue->kenb_gen);
}

void location_update_send_for(struct ue *ue, const struct ho *ho,
			      const Keyhop__X2__LocationReport *report)
{
	Keyhop__S1__LocationUpdate body = KEYHOP__S1__LOCATION_UPDATE__INIT;

	body.evidence = report->evidence;
	body.serving_enb_id = ho->target;
	body.n_enb_id = report->n_enb_id;
	body.enb_id = report->enb_id;
	(void)send_update(ue, &body, ho->generation);
}

bool location_update_relay(struct enb *e, Keyhop__S1__WrappedKeyList *list)
{
	const struct neighbour *nb = neighbour_find(e, list->serving_enb_id);
	struct node_event ev = {.topic = "wraplist.relayed",
				.step = "13",
				.mme_ue_id = list->mme_ue_id,
				.enb = list->serving_enb_id,
				.gen = list->generation};
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	if (!list->serving_enb_id || list->serving_enb_id == e->opt.id)
		return false;
	msg.body_case = KEYHOP__X2__X2__BODY_NEW_KEY_LIST;
	msg.new_key_list = list;
	int err = nb && nb->peer ? x2_send(e, nb->peer, &msg) : KH_E_TARGET_UNREACHABLE;
	if (err) {
		node_refuse(&e->node, LOG_HO, err, "mme", "13 for enb=%u", list->serving_enb_id);
		return true;
	}
	if (imsi_parse(&ev.ue, list->ue_label))
		ev.ue = (struct imsi){0};
	events_emit(e->node.events, &ev);
	return true;
}

void location_update_rx_relayed(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *x2)
{
	uint32_t id = x2->new_key_list->mme_ue_id;
	struct ue *ue = ue_find_mme_id(e, id);

	if (ue && ue->arrival.source == p->nb->id)
		(void)ue_step(ue, EV_RELAYED_LIST, &(struct ue_input){.x2 = x2, .peer = p});
	else
		node_refuse(&e->node, LOG_X2, ue ? KH_E_NOT_OWNER : KH_E_UE_NOT_FOUND, p->name,
			    "13 for mme_ue_id=%u", id);
}
