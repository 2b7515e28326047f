/* RRC connection re-establishment (TS 36.331 5.3.7) at the source: the UE came back before 11, under its old keys. */
#include "clock.h"
#include "handlers.h"
#include "link.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

static void reject(struct enb *e, struct uu_link *uu, uint64_t identity, int err)
{
	Keyhop__Rrc__ReestablishmentReject body = KEYHOP__RRC__REESTABLISHMENT_REJECT__INIT;

	node_refuse(&e->node, LOG_AIR, err, uu->name, "re-establishment");
	body.ue_identity = identity;
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	RRC_MSG(msg, REESTABLISHMENT_REJECT, reestablishment_reject, &body);
	(void)uu_send(uu, 0, &msg);
}

static int check_mac(struct enb *e, const struct ue *ue, uint32_t target, uint16_t short_mac)
{
	uint16_t wanted;
	int err = pdcp_short_mac(e->node.crypto, &ue->pdcp, e->opt.id, target, ue->c_rnti, &wanted);

	if (err)
		return err;
	return wanted == short_mac ? 0 : KH_E_BAD_PDCP_MAC;
}

/* The short MAC-I is over the cell where the UE is now: the target of the handover that failed or, without one, this
 * cell. That one is the same each time: it is good only for what changes nothing, for a UE that is here already. */
static int check(struct enb *e, const struct uu_link *uu, const struct ue *ue,
		 const Keyhop__Rrc__ReestablishmentRequest *req)
{
	uint16_t short_mac = (uint16_t)req->short_mac_i;

	if (!ue)
		return KH_E_UE_NOT_FOUND;
	if (ue->uu == uu && ue_is_served(ue) && check_mac(e, ue, e->opt.id, short_mac) == 0)
		return 0;
	return ue->left_for ? check_mac(e, ue, ue->left_for, short_mac) : KH_E_BAD_STATE;
}

void reestablishment_rx(struct enb *e, struct uu_link *uu, const Keyhop__Rrc__Rrc *rrc)
{
	const Keyhop__Rrc__ReestablishmentRequest *req = rrc->reestablishment_request;
	struct ue *ue = ue_find(e, req->c_rnti);
	int err = check(e, uu, ue, req);

	if (err)
		reject(e, uu, req->ue_identity, err);
	else
		(void)ue_step(ue, EV_REEST_REQUEST, &(struct ue_input){.rrc = rrc, .uu = uu});
}

int reestablishment_rx_request(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__Rrc__ReestablishmentRequest *req = in->rrc->reestablishment_request;
	Keyhop__Rrc__Reestablishment body = KEYHOP__RRC__REESTABLISHMENT__INIT;
	int cause = req->cause ? err_from_cause(req->cause) : KH_E_CANCELLED;

	ue_bind_uu(ue, in->uu);
	body.ue_identity = req->ue_identity;
	RRC_MSG(msg, REESTABLISHMENT, reestablishment, &body);
	int err = ue_send(ue, &msg);
	if (err)
		return err;
	node_count(&e->node, METRIC_REESTABLISHMENTS);
	if (ue->ho) {
		ho_send_cancel(ue, cause);
		ho_end(ue, cause);
	}
	/* Now, as what the UE says last may be lost. A request that is only repeated finds the list whole. */
	ue->returned_us = clock_mono_us();
	(void)neighbour_list_renew(ue);
	return 0;
}

int reestablishment_rx_complete(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	struct node_event ev = ue_event(ue, "ue.reestablished", NULL);

	(void)in;
	/* Its short MAC-I would be the same again: a recording is good for nothing now. */
	ue->left_for = 0;
	ev.enb = e->opt.id;
	events_emit(e->node.events, &ev);
	/* What was handed to it while it was away it has not heard. */
	if (!ue->list || ue->list->taken_us < ue->returned_us)
		(void)neighbour_list_send(ue);
	return 0;
}
