/* 9 is out, and neither 11 nor the UE came: the target is asked. It answers 11 if the UE has arrived, or that it
 * holds nothing of the attempt; the UE is then still here, under its old keys. */
#include "ue_fsm.h"

int ho_recall(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const struct neighbour *nb = neighbour_find(e, ue->ho->target);

	log_info(LOG_HO, "ue=%s asks enb=%u whether it has arrived", ue_name(ue), ue->ho->target);
	if (!nb || !nb->peer)
		return ho_recall_timeout(e, ue, in);
	ho_send_cancel(ue, in->cause);
	return 0;
}

int ho_recall_rx_ack(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	(void)in;
	ho_end(ue, KH_E_TIMEOUT);
	(void)neighbour_list_send(ue);
	return 0;
}

/* The target does not answer either. If the UE is still here it attaches again; if it is there it does not hear
 * this, and the MME refuses our release as not-owner. */
int ho_recall_timeout(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	ho_end(ue, KH_E_TIMEOUT);
	context_release_tell_ue(ue, in->cause);
	if (ue_find_mme_id(e, ue->mme_ue_id) == ue)
		(void)context_release_request(ue, KH_E_TIMEOUT);
	return KH_E_TIMEOUT;
}
