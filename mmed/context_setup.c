/* Initial context setup: the first KeNB (TS 33.401 A.3) goes to the serving eNodeB, with ATTACH ACCEPT. */
#include "kdf.h"
#include "nas_msg.h"
#include "ue_fsm.h"

/* The UE proved who it is: now, and not before, it takes the place of an older context of its IMSI. */
static void supersede(struct mme *m, struct ue *ue)
{
	struct ue *old = ue_find_imsi(m, ue->imsi.s);

	if (old) {
		HASH_DELETE(hh_imsi, m->ues_by_imsi, old);
		old->hh_imsi.tbl = NULL;
		if (old->fsm.now != UE_RELEASING)
			ue_step(m, old, EV_SUPERSEDED,
				&(struct ue_input){.cause = KH_E_SUPERSEDED});
	}
	ue_index_imsi(m, ue);
}

static int send_request(struct mme *m, struct ue *ue, struct kenb *kenb,
			const struct nas_pdu *accept)
{
	Keyhop__Common__SecurityCapabilities caps = KEYHOP__COMMON__SECURITY_CAPABILITIES__INIT;
	Keyhop__S1__InitialContextSetupRequest body =
		KEYHOP__S1__INITIAL_CONTEXT_SETUP_REQUEST__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	caps.eea = ue->eea_caps;
	caps.eia = ue->eia_caps;
	body.mme_ue_id = ue->id;
	body.enb_ue_id = ue->enb_ue_id;
	body.kenb.data = kenb->b;
	body.kenb.len = kenb->len;
	body.capabilities = &caps;
	if (m->opt.ue_label)
		body.ue_label = ue->imsi.s;
	body.nas.data = (uint8_t *)(uintptr_t)accept->pdu;
	body.nas.len = accept->len;
	msg.body_case = KEYHOP__S1__S1__BODY_INITIAL_CONTEXT_SETUP_REQUEST;
	msg.initial_context_setup_request = &body;
	return enb_send(m, enb_find(m, ue->enb_id), &msg);
}

int context_setup_start(struct mme *m, struct ue *ue)
{
	KEY_LOCAL(kenb) struct kenb kenb = {0};
	KEY_LOCAL(nas_pdu) struct nas_pdu accept;
	Keyhop__Nas__AttachAccept body = KEYHOP__NAS__ATTACH_ACCEPT__INIT;
	struct keylog_tags tags = {.ue = ue->imsi.s, .enb = ue->enb_id, .has_gen = true};
	struct node_event e = ue_event(ue, "kenb.initial", NULL);

	supersede(m, ue);
	/* The uplink COUNT of SECURITY MODE COMPLETE, the message that brought us here: 0. */
	int err = kdf_kenb_initial(m->node.crypto, &ue->kasme, 0, &kenb);
	if (err)
		return err;
	e.enb = ue->enb_id;
	node_key_event(&m->node, &e, KEY_KENB, kenb.b, kenb.len, &tags);
	body.mme_ue_id = ue->id;
	NAS_MSG(nas, ATTACH_ACCEPT, attach_accept, &body);
	err = nas_msg_seal(&m->node, &ue->nas, NAS_CIPHERED, &nas, ue_name(ue), &accept);
	return err ? err : send_request(m, ue, &kenb, &accept);
}

int context_setup_rx_response(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	(void)m;
	(void)in;
	ue_attach_end(ue);
	return 0;
}

int context_setup_rx_failure(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	int err = err_from_cause(in->s1->initial_context_setup_failure->cause);

	node_refuse(&m->node, LOG_MME, err, in->from->name, "ue=%s initial context setup",
		    ue_name(ue));
	(void)context_release_command(m, ue, err);
	return 0;
}
