/* NAS PDUs, relayed unread. A downlink PDU that S1 marks with a generation is message 5: once it is handed to the
 * UE on the ordered radio link, the list of that generation may be used. */
#include "rrc_msg.h"
#include "ue_fsm.h"

int nas_relay_rx_uplink(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	Keyhop__S1__UplinkNas body = KEYHOP__S1__UPLINK_NAS__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	if (!ue->mme_ue_id)
		return KH_E_BAD_STATE;
	body.mme_ue_id = ue->mme_ue_id;
	body.nas = in->rrc->ul_information_transfer->nas;
	msg.body_case = KEYHOP__S1__S1__BODY_UPLINK_NAS;
	msg.uplink_nas = &body;
	return s1_send(e, &msg);
}

/* The UE keeps two generations. While one is in use in a handover a second newer one would push it out before 9 has
 * come: it is withheld, and the list it belongs to stays unusable. */
static bool is_withheld(struct ue *ue, uint64_t generation)
{
	if (!ue->ho || !ue->ho->sent || generation <= ue->ho->generation)
		return false;
	if (!ue->ho->newer) {
		ue->ho->newer = true;
		return false;
	}
	log_info(LOG_KEY, "ue=%s step=5 gen=%llu withheld in handover of gen=%llu", ue_name(ue),
		 (unsigned long long)generation, (unsigned long long)ue->ho->generation);
	return true;
}

int nas_relay_rx_downlink(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__S1__DownlinkNas *nas = in->s1->downlink_nas;
	Keyhop__Rrc__DlInformationTransfer body = KEYHOP__RRC__DL_INFORMATION_TRANSFER__INIT;

	if (nas->hkey_generation && is_withheld(ue, nas->hkey_generation))
		return 0;
	body.nas = nas->nas;
	RRC_MSG(msg, DL_INFORMATION_TRANSFER, dl_information_transfer, &body);
	int err = ue_send(ue, &msg);
	if (err || !nas->hkey_generation)
		return err;
	if (nas->hkey_generation > ue->delivered_gen)
		ue->delivered_gen = nas->hkey_generation;
	struct node_event ev = ue_event(ue, "hkey.relayed", "5");
	ev.gen = nas->hkey_generation;
	events_emit(e->node.events, &ev);
	neighbour_list_delivered(ue);
	return 0;
}
