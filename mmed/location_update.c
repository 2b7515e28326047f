/* Message 12: the UE has moved. The eNodeB says so, the UE's own evidence proves it; 13 and 5 follow. */
#include "nas_msg.h"
#include "ue_fsm.h"

/* The UE's NAS PDU must name the eNodeB and a generation that was issued and not used before. */
static int check_evidence(struct mme *m, struct ue *ue, const Keyhop__S1__LocationUpdate *body,
			  uint64_t *generation)
{
	enum nas_header type;
	uint32_t next = ue->nas.rx_next;
	Keyhop__Nas__Nas *nas;
	int err = nas_msg_open(&m->node, &ue->nas, ROLE_UE, body->evidence.data, body->evidence.len,
			       ue_name(ue), &nas, &type);

	if (err)
		return err;
	if (type != NAS_CIPHERED || nas->body_case != KEYHOP__NAS__NAS__BODY_LOCATION_EVIDENCE)
		return KH_E_BAD_EVIDENCE;
	/* Whoever lies about the eNodeB does not use the evidence up: it is the one of where the UE is, too. */
	if (nas->location_evidence->target_enb_id != body->serving_enb_id) {
		ue->nas.rx_next = next;
		return KH_E_BAD_EVIDENCE;
	}
	*generation = nas->location_evidence->generation;
	return *generation > ue->gen_floor && *generation <= ue->gen_issued ? 0
									    : KH_E_STALE_GENERATION;
}

static bool source_sends(const struct mme *m)
{
	return m->opt.location_update == KEYHOP__S1__LOCATION_UPDATE_BY__LOCATION_UPDATE_SOURCE;
}

/* Only the eNodeB that the UE says it is at may report it; or else only the one that it came from. */
static int check_sender(const struct mme *m, const struct ue *ue, const struct enb *serving,
			const struct enb *from)
{
	if (serving == from)
		return 0;
	if (!source_sends(m) || !serving || ue->enb_id != from->id)
		return KH_E_NOT_OWNER;
	return serving->revoked ? KH_E_CERTIFICATE_REVOKED : 0;
}

int location_update_rx(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__S1__LocationUpdate *body = in->s1->location_update;
	struct enb *serving = enb_find(m, body->serving_enb_id);
	struct node_event e = ue_event(ue, "location_update.received", "12");
	uint64_t generation = 0;
	int err = check_sender(m, ue, serving, in->from);

	/* It comes again, and the evidence is to be new then. */
	if (!err && store_room(m->store) == STORE_FULL)
		err = KH_E_STORE_FULL;
	if (!err)
		err = check_evidence(m, ue, body, &generation);
	if (err) {
		node_refuse(&m->node, LOG_HO, err, in->from->name,
			    "ue=%s location update to enb=%u", ue_name(ue), body->serving_enb_id);
		/* An old source has nothing of the UE any more. If it came back there an error indication would
		 * hit what is new; the eNodeB that serves it sends 12 itself before long. */
		return source_sends(m) && serving != in->from ? 0 : err;
	}
	e.source = ue->enb_id;
	e.enb = serving->id;
	e.gen = generation;
	ue->gen_floor = generation;
	ue_move(m, ue, serving, 0);
	node_count(&m->node, METRIC_HANDOVERS_COMPLETED);
	events_emit(m->node.events, &e);
	log_info(LOG_HO, "step=12 ue=%s moved enb=%u gen=%llu", ue_name(ue), serving->id,
		 (unsigned long long)generation);
	if (key_list_issue(m, ue, in->from, body->enb_id, body->n_enb_id, 12) == 0)
		m->node.metrics.hkeys[HKEY_LOCATION_UPDATE]++;
	return 0;
}

/* A new H_key on command: asks for what a message 3 would, with the neighbours the operator names. */
int hkey_issue_by_operator(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	int err = key_list_issue(m, ue, enb_find(m, ue->enb_id), in->ids, in->n_ids, 3);

	if (!err)
		m->node.metrics.hkeys[HKEY_OPERATOR]++;
	return err;
}
