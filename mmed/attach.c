/* Attach (TS 24.301 5.5.1): from ATTACH REQUEST to ATTACH COMPLETE. */
#include <string.h>

#include "eps_alg.h"
#include "mem.h"
#include "nas_msg.h"
#include "ue_fsm.h"

static int refuse(struct mme *m, struct ue *ue, int err)
{
	Keyhop__Nas__AttachReject body = KEYHOP__NAS__ATTACH_REJECT__INIT;

	node_refuse(&m->node, LOG_NAS, err, ue_name(ue), "attach rejected");
	body.cause = (Keyhop__Common__Cause)err_to_cause(err);
	NAS_MSG(nas, ATTACH_REJECT, attach_reject, &body);
	(void)nas_send(m, ue, NAS_PLAIN, &nas, 0);
	(void)context_release_command(m, ue, err);
	return err;
}

static int check_capabilities(const struct mme *m, const struct ue *ue)
{
	if (eps_alg_choose(m->opt.eea.id, m->opt.eea.n, ue->eea_caps, 0) < 0 ||
	    eps_alg_choose(m->opt.eia.id, m->opt.eia.n, ue->eia_caps, 1) < 0)
		return KH_E_NO_COMMON_ALGORITHM;
	return 0;
}

/* In overload new attaches are shed first; who is attached notices nothing. An eNodeB may have as many under way as
 * are free after it: alone it gets half of them, and however many are greedy, the next one finds as much as each. */
static int check_load(const struct mme *m, const struct enb *e)
{
	if (m->attaches >= m->opt.max_attaches)
		return KH_E_BUSY;
	return e->attaches < m->opt.max_attaches - m->attaches ? 0 : KH_E_ENB_SHARE;
}

int attach_rx_request(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__Nas__AttachRequest *req = in->nas->attach_request;
	struct subscriber_entry *sub;

	if (imsi_parse(&ue->imsi, req->imsi))
		return refuse(m, ue, KH_E_BAD_FIELD);
	ue->eea_caps = (uint8_t)req->capabilities->eea;
	ue->eia_caps = (uint8_t)req->capabilities->eia;
	HASH_FIND_STR(m->subscribers, ue->imsi.s, sub);
	int err = sub ? check_capabilities(m, ue) : KH_E_UNKNOWN_SUBSCRIBER;
	/* Who is attached notices nothing of a disk that fills up. */
	if (!err && store_room(m->store) != STORE_ROOM)
		err = KH_E_STORE_FULL;
	struct enb *e = enb_find(m, ue->enb_id);
	if (!err)
		err = check_load(m, e);
	if (err)
		return refuse(m, ue, err);
	ue->attach = x_calloc(1, sizeof *ue->attach);
	m->attaches++;
	e->attaches++;
	ue->attach->subscriber = sub;
	return authentication_start(m, ue);
}

int attach_rx_complete(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	struct node_event e = ue_event(ue, "ue.attached", NULL);

	(void)in;
	e.enb = ue->enb_id;
	node_count(&m->node, METRIC_ATTACHES);
	events_emit(m->node.events, &e);
	log_info(LOG_NAS, "ue=%s attached enb=%u mme_ue_id=%u eea=%u eia=%u", ue_name(ue),
		 ue->enb_id, ue->id, ue->nas.eea, ue->nas.eia);
	return 0;
}

int attach_timeout(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	node_refuse(&m->node, LOG_NAS, KH_E_TIMEOUT, ue_name(ue), "attach");
	ue_attach_end(ue);
	return context_release_command(m, ue, in->cause);
}
