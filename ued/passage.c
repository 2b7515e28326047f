/* What a ued knows of a message beyond what stands in it, for log and trace. */
#include <stdio.h>

#include "passage.h"
#include "ued.h"

static const struct ue *ue_of(struct ue_node *u, const struct passage *p,
			      const struct node_event *ev)
{
	const uint64_t *identity = message_field(p->row, p->msg, FIELD_U64, "ue_identity");

	if (ev->ue.s[0])
		return ue_find(u, ev->ue.s);
	return identity ? ue_find_identity(u, *identity) : NULL;
}

/* NAS is with the MME, RRC with a cell. */
void passage_tell(void *node, const struct passage *p, struct node_event *ev)
{
	struct ue_node *u = node;
	const struct ue *ue = ue_of(u, p, ev);
	const struct cell *cell = ue ? ue->cell : cell_resolve(u, p->peer);

	if (ue) {
		ev->ue = ue->imsi;
		ev->mme_ue_id = ue->mme_ue_id;
	}
	if (cell)
		ev->enb = cell->id;
	if (p->row->iface == IFACE_NAS)
		snprintf(ev->peer, sizeof ev->peer, "mme");
	else if (cell)
		snprintf(ev->peer, sizeof ev->peer, "%s", cell->name);
}
