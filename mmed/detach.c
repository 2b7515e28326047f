/* Detach (TS 24.301 5.5.2), by the UE, by the operator, or because the UE attached anew. */
#include "nas_msg.h"
#include "ue_fsm.h"

#define TRIES 5 /* TS 24.301 5.5.2.3.4 b: five expiries of T3422 */

static void make_known(struct mme *m, const struct ue *ue, int cause)
{
	struct node_event e = ue_event(ue, "ue.detached", NULL);

	e.err = cause;
	node_count(&m->node, METRIC_DETACHES);
	events_emit(m->node.events, &e);
	log_info(LOG_NAS, "ue=%s detached%s%s", ue_name(ue), cause ? " cause=" : "",
		 cause ? err_name(cause) : "");
}

int detach_rx_request(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Nas__DetachAccept body = KEYHOP__NAS__DETACH_ACCEPT__INIT;

	(void)in;
	make_known(m, ue, 0);
	NAS_MSG(nas, DETACH_ACCEPT, detach_accept, &body);
	int err = nas_send(m, ue, NAS_CIPHERED, &nas, 0);
	return err ? err : context_release_command(m, ue, KH_E_DETACHED);
}

/* Answers a detach by the operator. */
int detach_rx_accept(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	(void)in;
	make_known(m, ue, 0);
	return context_release_command(m, ue, KH_E_DETACHED);
}

/* One that cannot leave is one that is lost: the timer sends the next. */
static int send_request(struct mme *m, struct ue *ue)
{
	Keyhop__Nas__DetachRequest body = KEYHOP__NAS__DETACH_REQUEST__INIT;

	ue->detaches++;
	body.cause = KEYHOP__COMMON__CAUSE__CAUSE_DETACHED;
	NAS_MSG(nas, DETACH_REQUEST, detach_request, &body);
	int err = nas_send(m, ue, NAS_CIPHERED, &nas, 0);
	return err == KH_E_LINK_LOST ? 0 : err;
}

int detach_by_operator(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	(void)in;
	ue->detaches = 0;
	return send_request(m, ue);
}

/* No DETACH ACCEPT: the UE moved, or does not hear. After the last try it is detached without its help. */
int detach_again(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&m->node, LOG_NAS, in->cause, ue_name(ue), "DETACH REQUEST, try %u of %d",
		    ue->detaches, TRIES);
	if (ue->detaches < TRIES && !send_request(m, ue))
		return 0;
	make_known(m, ue, in->cause);
	(void)context_release_command(m, ue, KH_E_DETACHED);
	return in->cause;
}

int detach_superseded(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	ue_attach_end(ue);
	make_known(m, ue, in->cause);
	return context_release_command(m, ue, in->cause);
}
