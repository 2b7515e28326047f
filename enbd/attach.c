/* RRC connection for an attach: request and setup on SRB0, then the first NAS PDU. */
#include "handlers.h"
#include "link.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

static void reject(struct enb *e, struct uu_link *uu, uint64_t identity, int err)
{
	Keyhop__Rrc__RrcConnectionReject body = KEYHOP__RRC__RRC_CONNECTION_REJECT__INIT;

	node_refuse(&e->node, LOG_AIR, err, uu->name, "RRC connection");
	body.ue_identity = identity;
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	RRC_MSG(msg, RRC_CONNECTION_REJECT, rrc_connection_reject, &body);
	(void)uu_send(uu, 0, &msg);
}

void attach_admit(struct enb *e, struct uu_link *uu, const Keyhop__Rrc__Rrc *rrc)
{
	uint64_t identity = rrc->rrc_connection_request->ue_identity;
	struct ue *ue = s1_is_up(e) ? ue_add(e) : NULL;

	if (ue)
		(void)ue_step(ue, EV_RRC_REQUEST, &(struct ue_input){.rrc = rrc, .uu = uu});
	else
		reject(e, uu, identity, s1_is_up(e) ? KH_E_NO_RESOURCES : KH_E_LINK_LOST);
}

int attach_rx_connection_request(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Rrc__RrcConnectionSetup body = KEYHOP__RRC__RRC_CONNECTION_SETUP__INIT;

	(void)e;
	ue_bind_uu(ue, in->uu);
	body.ue_identity = in->rrc->rrc_connection_request->ue_identity;
	body.c_rnti = ue->c_rnti;
	RRC_MSG(msg, RRC_CONNECTION_SETUP, rrc_connection_setup, &body);
	return uu_send(in->uu, 0, &msg);
}

int attach_rx_setup_complete(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	Keyhop__S1__InitialUeMessage body = KEYHOP__S1__INITIAL_UE_MESSAGE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.enb_ue_id = ue->c_rnti;
	body.nas = in->rrc->rrc_connection_setup_complete->nas;
	msg.body_case = KEYHOP__S1__S1__BODY_INITIAL_UE_MESSAGE;
	msg.initial_ue_message = &body;
	return s1_send(e, &msg);
}

int attach_timeout(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&e->node, LOG_AIR, KH_E_TIMEOUT, ue_name(ue), "connection setup");
	context_release_tell_ue(ue, in->cause);
	return context_release_request(ue, in->cause);
}

/* The MME that knew this UE is gone, or has forgotten it: the UE shall attach again. */
int attach_lost(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	context_release_tell_ue(ue, in->cause);
	return 0;
}
