/* UE context release, asked for by the eNodeB or commanded by the MME. */
#include "ue_fsm.h"

#define TRIES 3

int context_release_command(struct mme *m, struct ue *ue, int cause)
{
	Keyhop__S1__UeContextReleaseCommand body = KEYHOP__S1__UE_CONTEXT_RELEASE_COMMAND__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	ue->releases++;
	ue->release_cause = cause;
	body.mme_ue_id = ue->id;
	body.enb_ue_id = ue->enb_ue_id;
	body.cause = (Keyhop__Common__Cause)err_to_cause(cause);
	msg.body_case = KEYHOP__S1__S1__BODY_UE_CONTEXT_RELEASE_COMMAND;
	msg.ue_context_release_command = &body;
	int err = enb_send(m, enb_find(m, ue->enb_id), &msg);
	/* An eNodeB that is away is told again when it is back soon. */
	return err == KH_E_LINK_LOST ? 0 : err;
}

int context_release_rx_request(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	int cause = err_from_cause(in->s1->ue_context_release_request->cause);

	log_info(LOG_MME, "ue=%s release asked for by peer=%s cause=%s", ue_name(ue),
		 in->from->name, err_name(cause));
	ue_attach_end(ue);
	return context_release_command(m, ue, cause);
}

int context_release_rx_complete(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	struct node_event e = ue_event(ue, "ue.released", NULL);

	(void)in;
	events_emit(m->node.events, &e);
	return 0;
}

int context_release_enb_lost(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	struct node_event e = ue_event(ue, "ue.lost", NULL);

	e.err = in->cause;
	e.enb = ue->enb_id;
	events_emit(m->node.events, &e);
	log_info(LOG_MME, "ue=%s context dropped cause=%s", ue_name(ue), err_name(in->cause));
	return 0;
}

/* The eNodeB does not say that it released the UE: it is told again, as it would keep what nobody knows of any more. In
 * the end the context goes all the same. */
int context_release_again(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&m->node, LOG_MME, in->cause, ue_name(ue),
		    "no ue_context_release_complete, try %u of %d", ue->releases, TRIES);
	if (ue->releases >= TRIES)
		return in->cause;
	(void)context_release_command(m, ue, ue->release_cause);
	return 0;
}
