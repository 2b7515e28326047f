/* What the MME knows of a message beyond what stands in it, for log and trace. */
#include "mme.h"
#include "passage.h"

static const struct ue *ue_of(struct mme *m, const struct node_event *ev)
{
	if (ev->mme_ue_id)
		return ue_find(m, ev->mme_ue_id);
	return ev->ue.s[0] ? ue_find_imsi(m, ev->ue.s) : NULL;
}

void passage_tell(void *mme, const struct passage *p, struct node_event *ev)
{
	struct mme *m = mme;
	const struct ue *ue = ue_of(m, ev);
	const struct enb *e = p->row->iface == IFACE_S1 ? enb_resolve(m, p->peer) : NULL;

	if (ue) {
		ev->ue = ue->imsi;
		ev->mme_ue_id = ue->id;
		ev->enb = ue->enb_id;
	}
	if (e)
		ev->enb = e->id;
}
