/* NAS PDUs over S1, both ways. */
#include "handlers.h"
#include "nas_msg.h"
#include "ue_fsm.h"

int nas_send(struct mme *m, struct ue *ue, enum nas_header type, const Keyhop__Nas__Nas *nas,
	     uint64_t hkey_generation)
{
	KEY_LOCAL(nas_pdu) struct nas_pdu pdu;
	Keyhop__S1__DownlinkNas body = KEYHOP__S1__DOWNLINK_NAS__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;
	int err = nas_msg_seal(&m->node, type == NAS_PLAIN ? NULL : &ue->nas, type, nas,
			       ue_name(ue), &pdu);

	if (err)
		return err;
	body.mme_ue_id = ue->id;
	body.enb_ue_id = ue->enb_ue_id;
	body.nas.data = pdu.pdu;
	body.nas.len = pdu.len;
	body.hkey_generation = hkey_generation;
	msg.body_case = KEYHOP__S1__S1__BODY_DOWNLINK_NAS;
	msg.downlink_nas = &body;
	return enb_send(m, enb_find(m, ue->enb_id), &msg);
}

void nas_transport_rx_initial(struct mme *m, struct s1_peer *p, const Keyhop__S1__S1 *s1)
{
	const Keyhop__S1__InitialUeMessage *body = s1->initial_ue_message;
	struct ue *ue = ue_add(m, p->enb, body->enb_ue_id);

	if (!ue) {
		node_refuse(&m->node, LOG_MME, KH_E_NO_RESOURCES, p->name, "limits.ues reached");
		return;
	}
	uint32_t id = ue->id;
	(void)nas_dispatch(m, ue, body->nas.data, body->nas.len);
	/* Refused before any state was left: the context was never in use. */
	ue = ue_find(m, id);
	if (ue && ue->fsm.now == UE_NEW) {
		(void)context_release_command(m, ue, KH_E_BAD_NAS_PDU);
		ue_free(m, ue);
	}
}

void nas_transport_rx_uplink(struct mme *m, struct s1_peer *p, const Keyhop__S1__S1 *s1)
{
	const Keyhop__S1__UplinkNas *body = s1->uplink_nas;
	struct ue *ue = ue_find(m, body->mme_ue_id);

	if (!ue || ue->enb_id != p->enb->id) {
		node_refuse(&m->node, LOG_MME, ue ? KH_E_NOT_OWNER : KH_E_UE_NOT_FOUND, p->name,
			    "uplink_nas for mme_ue_id=%u", body->mme_ue_id);
		/* One that is known elsewhere may have come there with a 12 that is still to come. */
		if (!ue)
			s1_answer_error(m, p, KH_E_UE_NOT_FOUND, body->mme_ue_id, s1->body_case);
		return;
	}
	(void)nas_dispatch(m, ue, body->nas.data, body->nas.len);
}
