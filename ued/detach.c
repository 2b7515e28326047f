/* Detach by this UE's operator or by the MME, and the release that ends it. */
#include "nas_msg.h"
#include "ue_fsm.h"

int detach_start(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Nas__DetachRequest body = KEYHOP__NAS__DETACH_REQUEST__INIT;

	NAS_MSG(nas, DETACH_REQUEST, detach_request, &body);
	int err = nas_send(ue, NAS_CIPHERED, &nas);
	if (err)
		return err;
	(void)u;
	ue->req = in->req;
	ue->wanted = false;
	return 0;
}

int detach_rx_request(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Nas__DetachAccept body = KEYHOP__NAS__DETACH_ACCEPT__INIT;

	(void)u;
	(void)in;
	ue->wanted = false;
	NAS_MSG(nas, DETACH_ACCEPT, detach_accept, &body);
	return nas_send(ue, NAS_CIPHERED, &nas);
}

int detach_rx_accept(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	(void)u;
	(void)ue;
	(void)in;
	return 0; /* the release follows */
}

int detach_timeout(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&u->node, LOG_NAS, in->cause, ue->imsi.s, "detach");
	return 0;
}

/* The connection ends: in order when a detach was under way, else with the eNodeB's cause. */
int context_release_rx(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	int cause = err_from_cause(in->rrc->rrc_connection_release->cause);
	struct node_event ev = ue_event(ue, "ue.released", NULL);

	ev.err = cause;
	if (cause == KH_E_CERTIFICATE_REVOKED && ue->cell)
		ue->cell->barred = true;
	node_count(&u->node, METRIC_DETACHES);
	events_emit(u->node.events, &ev);
	log_info(LOG_NAS, "ue=%s released cause=%s", ue->imsi.s, err_name(cause));
	return cause == KH_E_DETACHED ? 0 : cause;
}
