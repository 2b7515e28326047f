/* Step 5: a new H_key. The two newest generations are kept, older ones are wiped; none at or below the floor. */
#include <string.h>

#include "nas_msg.h"
#include "ue_fsm.h"

int hkey_delivery_rx(struct ue_node *u, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__Nas__HKeyDelivery *body = in->nas->h_key_delivery;
	struct hkey_slot *newest = &ue->hkeys[0];
	struct keylog_tags tags = {.ue = ue->imsi.s, .gen = body->generation, .has_gen = true};
	struct node_event ev = ue_event(ue, "hkey.received", "5");

	/* Over a null cipher the serving eNodeB has read it. */
	if (ue->nas.eea == EEA0) {
		node_refuse(&u->node, LOG_KEY, KH_E_NULL_CIPHERING, ue->imsi.s, "H_key dropped");
		return KH_E_NULL_CIPHERING;
	}
	if (body->generation <= newest->generation || body->generation <= ue->gen_floor ||
	    (body->h_key.len != 16 && body->h_key.len != 32)) {
		node_refuse(&u->node, LOG_KEY, KH_E_STALE_GENERATION, ue->imsi.s, "H_key gen=%llu",
			    (unsigned long long)body->generation);
		return KH_E_STALE_GENERATION;
	}
	ue->hkeys[1] = *newest;
	KEY_WIPE(newest);
	newest->generation = body->generation;
	newest->input = (enum kenb_input)body->kenb_input;
	newest->h_key.len = (uint8_t)body->h_key.len;
	memcpy(newest->h_key.b, body->h_key.data, body->h_key.len);
	ev.gen = body->generation;
	node_count(&u->node, METRIC_HKEYS_RECEIVED);
	node_key_event(&u->node, &ev, KEY_H_KEY, newest->h_key.b, newest->h_key.len, &tags);
	log_info(LOG_KEY, "step=5 ue=%s gen=%llu fp=%s", ue->imsi.s, (unsigned long long)ev.gen,
		 ev.fp);
	return 0;
}
