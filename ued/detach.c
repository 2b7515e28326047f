/* Detach by this UE's operator or by the MME, and the release that ends it. */
#include "clock.h"
#include "nas_msg.h"
#include "ue_fsm.h"

#define TRIES 5 /* TS 24.301 5.5.2.2.6 c: five expiries of T3421 */
#define BARRED_US (300 * (int64_t)1000000) /* TS 36.304 5.3.1 */

static int send_request(struct ue *ue)
{
	Keyhop__Nas__DetachRequest body = KEYHOP__NAS__DETACH_REQUEST__INIT;

	ue->detaches++;
	NAS_MSG(nas, DETACH_REQUEST, detach_request, &body);
	return nas_send(ue, NAS_CIPHERED, &nas);
}

int detach_start(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	(void)u;
	ue->detaches = 0;
	int err = send_request(ue);
	if (err)
		return err;
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
	ue->detaches = 0;
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

/* No DETACH ACCEPT, or no release after it: once more, then without the network. */
int detach_timeout(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&u->node, LOG_NAS, in->cause, ue->imsi.s, "DETACH REQUEST, try %u of %d",
		    ue->detaches, TRIES);
	return ue->detaches < TRIES ? send_request(ue) : in->cause;
}

/* The connection ends: in order when a detach was under way, else with the eNodeB's cause. */
int context_release_rx(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	int cause = err_from_cause(in->rrc->rrc_connection_release->cause);
	struct node_event ev = ue_event(ue, "ue.released", NULL);

	ev.err = cause;
	if (cause == KH_E_CERTIFICATE_REVOKED && ue->cell)
		ue->cell->barred_until_us = clock_mono_us() + BARRED_US;
	node_count(&u->node, METRIC_DETACHES);
	events_emit(u->node.events, &ev);
	log_info(LOG_NAS, "ue=%s released cause=%s", ue->imsi.s, err_name(cause));
	return cause == KH_E_DETACHED ? 0 : cause;
}
