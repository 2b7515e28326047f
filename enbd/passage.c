/* What an eNodeB knows of a message beyond what stands in it, for log and trace. */
#include <stdio.h>

#include "enb.h"
#include "passage.h"

enum { HANDOVER_REQUEST = 7, HANDOVER_CANCEL = 24 };

/* Of an attempt that the source calls `ho_id`. These two come from the source, the others from the target. */
static const struct ue *ue_of_attempt(struct enb *e, const struct passage *p,
				      const struct neighbour *nb, uint32_t ho_id)
{
	bool from_source = p->row->number == HANDOVER_REQUEST || p->row->number == HANDOVER_CANCEL;
	struct ho *ho;

	if (from_source != p->tx)
		return nb ? ue_find_arrival(e, nb->id, ho_id) : NULL;
	HASH_FIND_INT(e->hos, &ho_id, ho);
	return ho ? ue_find(e, ho->c_rnti) : NULL;
}

static const struct ue *ue_of(struct enb *e, const struct passage *p, const struct neighbour *nb,
			      const struct node_event *ev)
{
	const uint32_t *ho_id = message_field(p->row, p->msg, FIELD_U32, "source_ho_id");

	if (ev->mme_ue_id)
		return ue_find_mme_id(e, ev->mme_ue_id);
	if (ev->ue.s[0])
		return ue_resolve(e, ev->ue.s);
	return ho_id ? ue_of_attempt(e, p, nb, *ho_id) : NULL;
}

void passage_tell(void *enb, const struct passage *p, struct node_event *ev)
{
	struct enb *e = enb;
	const struct neighbour *nb =
		p->row->iface == IFACE_X2 ? neighbour_resolve(e, p->peer) : NULL;
	const struct ue *ue = ue_of(e, p, nb, ev);

	if (ue) {
		ev->mme_ue_id = ue->mme_ue_id;
		/* A first context has its label in the message, and not yet here. */
		if (ue->label.s[0])
			ev->ue = ue->label;
	}
	if (nb)
		ev->enb = nb->id;
	if (p->row->iface == IFACE_S1 && e->s1.mme_name[0])
		snprintf(ev->peer, sizeof ev->peer, "%s", e->s1.mme_name);
}
