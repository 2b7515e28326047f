/* Step 5: H_key to the UE in a ciphered NAS message. S1 marks the PDU with the generation, so that the eNodeB
 * knows when the list of that generation may be used. */
#include <string.h>

#include "nas_msg.h"
#include "ue_fsm.h"

int hkey_delivery_send(struct mme *m, struct ue *ue, uint64_t generation, const struct h_key *h_key)
{
	KEY_LOCAL(h_key) struct h_key copy = *h_key;
	Keyhop__Nas__HKeyDelivery body = KEYHOP__NAS__HKEY_DELIVERY__INIT;
	struct node_event e = ue_event(ue, "hkey.sent", "5");

	body.generation = generation;
	body.h_key.data = copy.b;
	body.h_key.len = copy.len;
	body.kenb_input = (Keyhop__Nas__KenbInput)m->opt.kenb_input;
	NAS_MSG(nas, H_KEY_DELIVERY, h_key_delivery, &body);
	int err = nas_send(m, ue, NAS_CIPHERED, &nas, generation);
	if (err)
		return err;
	e.gen = generation;
	events_emit(m->node.events, &e);
	return 0;
}
