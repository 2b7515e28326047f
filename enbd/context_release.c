/* The end of a UE context in this cell. */
#include "ue_fsm.h"
#include "rrc_msg.h"

int context_release_request(struct ue *ue, int cause)
{
	Keyhop__S1__UeContextReleaseRequest body = KEYHOP__S1__UE_CONTEXT_RELEASE_REQUEST__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	if (!ue->mme_ue_id)
		return 0;
	body.mme_ue_id = ue->mme_ue_id;
	body.cause = (Keyhop__Common__Cause)err_to_cause(cause);
	msg.body_case = KEYHOP__S1__S1__BODY_UE_CONTEXT_RELEASE_REQUEST;
	msg.ue_context_release_request = &body;
	return s1_send(ue->enb, &msg);
}

void context_release_confirm(struct enb *e, uint32_t mme_ue_id)
{
	Keyhop__S1__UeContextReleaseComplete body = KEYHOP__S1__UE_CONTEXT_RELEASE_COMPLETE__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.mme_ue_id = mme_ue_id;
	msg.body_case = KEYHOP__S1__S1__BODY_UE_CONTEXT_RELEASE_COMPLETE;
	msg.ue_context_release_complete = &body;
	(void)s1_send(e, &msg);
}

void context_release_tell_ue(struct ue *ue, int cause)
{
	Keyhop__Rrc__RrcConnectionRelease body = KEYHOP__RRC__RRC_CONNECTION_RELEASE__INIT;

	body.cause = (Keyhop__Common__Cause)err_to_cause(cause);
	RRC_MSG(msg, RRC_CONNECTION_RELEASE, rrc_connection_release, &body);
	if (ue->uu)
		(void)ue_send(ue, &msg);
}

static void announce(struct ue *ue, int cause)
{
	struct node_event ev = ue_event(ue, "ue.released", NULL);

	ev.err = cause;
	events_emit(ue->enb->node.events, &ev);
}

int context_release_rx_command(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	bool command =
		in->s1 && in->s1->body_case == KEYHOP__S1__S1__BODY_UE_CONTEXT_RELEASE_COMMAND;
	int cause = command ? err_from_cause(in->s1->ue_context_release_command->cause) : in->cause;

	context_release_tell_ue(ue, cause);
	if (command)
		context_release_confirm(e, ue->mme_ue_id);
	announce(ue, cause);
	return 0;
}

int context_release_by_operator(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	(void)context_release_request(ue, in->cause);
	context_release_tell_ue(ue, in->cause);
	announce(ue, in->cause);
	return 0;
}

int context_release_radio_lost(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	(void)context_release_request(ue, in->cause);
	announce(ue, in->cause);
	return 0;
}

int context_release_silent(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	(void)e;
	announce(ue, in->cause);
	return 0;
}
