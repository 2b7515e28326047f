#include "sent_list.h"

#include <stdlib.h>

void sent_list_keep(struct ue *ue, struct sent_list *list)
{
	sent_list_drop(ue);
	ue->sent = list;
}

void sent_list_drop(struct ue *ue)
{
	list_renewal_cancel(ue);
	free(ue->sent);
	ue->sent = NULL;
}

size_t sent_list_ids(const struct ue *ue, uint32_t *ids)
{
	size_t n = ue->sent ? ue->sent->n : 0;

	for (size_t i = 0; i < n; i++)
		ids[i] = ue->sent->entry[i].enb_id;
	return n;
}
