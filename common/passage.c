#include "passage.h"

#include <stdio.h>

#include "daemon.h"

static uint32_t number_in(const struct passage *p, const char *name)
{
	const uint32_t *at = message_field(p->row, p->msg, FIELD_U32, name);

	return at ? *at : 0;
}

/* What the message itself says of these. */
static void take_fields(const struct passage *p, struct node_event *e)
{
	char *const *imsi = message_field(p->row, p->msg, FIELD_IMSI, NULL);
	const uint64_t *gen = message_field(p->row, p->msg, FIELD_U64, "generation");

	if (imsi_parse(&e->ue, p->peer) && imsi && imsi_parse(&e->ue, *imsi))
		e->ue.s[0] = '\0';
	e->mme_ue_id = number_in(p, "mme_ue_id");
	e->kid = number_in(p, "key_id");
	/* Who sets up an association says who it is. */
	if (!p->tx)
		e->enb = number_in(p, "enb_id");
	if (gen) {
		e->gen = *gen;
		e->has_gen = true;
	}
}

void passage_about(struct node *n, const struct passage *p, struct node_event *about)
{
	snprintf(about->peer, sizeof about->peer, "%s", p->peer);
	take_fields(p, about);
	if (n->daemon && n->daemon->tell)
		n->daemon->tell(n, p, about);
}
