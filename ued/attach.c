/* Attach: RRC connection, ATTACH REQUEST, and its end. */
#include <string.h>

#include "clock.h"
#include "eps_alg.h"
#include "nas_msg.h"
#include "rng.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

#define RETRY_BASE_MS 100
#define RETRY_SHIFT_MAX 5
#define LOYAL_ATTEMPTS 8 /* in the same cell, before others are tried */
#define CELLS_TRIED 64

uint32_t attach_backoff_ms(const void *owner)
{
	const struct ue *ue = owner;
	unsigned shift = ue->attempts < RETRY_SHIFT_MAX ? ue->attempts : RETRY_SHIFT_MAX;

	if (!ue->wanted || !ue->node->opt.reattach)
		return 0;
	/* TS 24.301 5.3.7b: at random between half of T3247 and all of it. */
	if (ue->rejected)
		return ue->node->opt.rejected_ms / 2 + rng_below(ue->node->opt.rejected_ms / 2);
	return RETRY_BASE_MS / 2 + rng_below(RETRY_BASE_MS << shift);
}

static bool is_usable(const struct cell *c)
{
	return c && c->up && clock_mono_us() >= c->barred_until_us;
}

/* Another one each time, as one that is up may have no way to the MME. */
static struct cell *any_cell(const struct ue *ue)
{
	struct cell *usable[CELLS_TRIED];
	size_t n = 0;

	for (struct cell *c = ue->node->cells; c && n < CELLS_TRIED; c = c->hh.next)
		if (is_usable(c))
			usable[n++] = c;
	return n ? usable[ue->attempts % n] : NULL;
}

/* The cell it tried last, or the configured one; when that is down, or did not help for long, any that is up. At first
 * the configured one may take its time to come up. */
static struct cell *choose_cell(const struct ue *ue)
{
	struct ue_node *u = ue->node;
	struct cell *c = cell_find(u, ue->last_cell ? ue->last_cell : u->opt.attach_cell);
	bool loyal = ue->attempts < LOYAL_ATTEMPTS;

	if (loyal && (is_usable(c) || !ue->last_cell))
		return is_usable(c) ? c : NULL;
	return any_cell(ue);
}

int attach_again(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	struct ue_input again = {.cell = choose_cell(ue)};

	(void)in;
	if (ue->attempts < UINT8_MAX)
		ue->attempts++;
	return again.cell ? attach_start(u, ue, &again) : KH_E_TARGET_UNREACHABLE;
}

int attach_start(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	(void)u;
	Keyhop__Rrc__RrcConnectionRequest body = KEYHOP__RRC__RRC_CONNECTION_REQUEST__INIT;

	ue->rejected = false;
	ue->req = in->req;
	ue->cell = in->cell;
	ue->last_cell = in->cell->id;
	if (!in->cell->up)
		return KH_E_TARGET_UNREACHABLE;
	ue_new_identity(ue);
	body.ue_identity = ue->identity;
	RRC_MSG(msg, RRC_CONNECTION_REQUEST, rrc_connection_request, &body);
	return ue_send_srb0(ue, &msg);
}

int attach_rx_setup(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	KEY_LOCAL(nas_pdu) struct nas_pdu pdu;
	Keyhop__Common__SecurityCapabilities caps = KEYHOP__COMMON__SECURITY_CAPABILITIES__INIT;
	Keyhop__Nas__AttachRequest attach = KEYHOP__NAS__ATTACH_REQUEST__INIT;
	Keyhop__Rrc__RrcConnectionSetupComplete body =
		KEYHOP__RRC__RRC_CONNECTION_SETUP_COMPLETE__INIT;

	ue_drop_identity(ue);
	ue_bind(ue, ue->cell, (uint16_t)in->rrc->rrc_connection_setup->c_rnti);
	caps.eea = eps_alg_bits(u->opt.eea.id, u->opt.eea.n);
	caps.eia = eps_alg_bits(u->opt.eia.id, u->opt.eia.n);
	attach.imsi = ue->imsi.s;
	attach.capabilities = &caps;
	NAS_MSG(nas, ATTACH_REQUEST, attach_request, &attach);
	int err = nas_msg_seal(&u->node, NULL, NAS_PLAIN, &nas, ue->imsi.s, &pdu);
	if (err)
		return err;
	body.nas.data = pdu.pdu;
	body.nas.len = pdu.len;
	RRC_MSG(msg, RRC_CONNECTION_SETUP_COMPLETE, rrc_connection_setup_complete, &body);
	return ue_send(ue, &msg);
}

static int fail(struct ue_node *u, struct ue *ue, int err)
{
	struct node_event ev = ue_event(ue, "attach.failed", NULL);

	ev.err = err;
	events_emit(u->node.events, &ev);
	node_refuse(&u->node, LOG_NAS, err, ue->imsi.s, "attach failed");
	return err;
}

int attach_rx_reject_rrc(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	return fail(u, ue, in->cause);
}

int attach_rx_reject(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	int err = err_from_cause(in->nas->attach_reject->cause);

	/* Soon there may be room again. Any other reason holds for longer, but not for ever: no key vouches for it. */
	ue->rejected = err != KH_E_BUSY && err != KH_E_ENB_SHARE && err != KH_E_STORE_FULL;
	return fail(u, ue, err);
}

int attach_timeout(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	return fail(u, ue, in->cause);
}

int attach_lost(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	return fail(u, ue, in->cause);
}

int attach_rx_accept(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	Keyhop__Nas__AttachComplete body = KEYHOP__NAS__ATTACH_COMPLETE__INIT;
	struct node_event ev;

	ue->mme_ue_id = in->nas->attach_accept->mme_ue_id;
	ue->wanted = true;
	ue->attempts = 0;
	ue->cell->barred_until_us = 0;
	NAS_MSG(nas, ATTACH_COMPLETE, attach_complete, &body);
	int err = nas_send(ue, NAS_CIPHERED, &nas);
	if (err)
		return err;
	ev = ue_event(ue, "ue.attached", NULL);
	ev.enb = ue->cell->id;
	events_emit(u->node.events, &ev);
	node_count(&u->node, METRIC_ATTACHES);
	log_info(LOG_NAS, "ue=%s attached cell=%s mme_ue_id=%u", ue->imsi.s, ue->cell->name,
		 ue->mme_ue_id);
	return 0;
}
