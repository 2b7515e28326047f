/* The contribution's scheme: the MME makes and wraps the key of every potential target (steps 3a, 3b, 3c). */
#include <string.h>

#include "handlers.h"
#include "kdf.h"
#include "rng.h"
#include "scheme.h"
#include "ue_fsm.h"
#include "wrap.h"

/* Step 3a: a random H_key, fresh for this UE and this list, with a generation that was never used. */
static int pick_h_key(struct mme *m, struct ue *ue, struct key_batch *out)
{
	struct node_event e = ue_event(ue, "hkey.picked", "3a");
	int err = counter_next(&m->generations, &out->generation);

	if (err)
		return err;
	out->h_key.len = (uint8_t)(m->opt.h_key_bits / 8);
	rng_bytes(out->h_key.b, out->h_key.len);
	struct keylog_tags tags = {.ue = ue->imsi.s, .gen = out->generation, .has_gen = true};
	e.gen = out->generation;
	node_key_event(&m->node, &e, KEY_H_KEY, out->h_key.b, out->h_key.len, &tags);
	memcpy(out->h_key_fp, e.fp, sizeof out->h_key_fp);
	node_count(&m->node, METRIC_HKEYS_ISSUED);
	log_info(LOG_KEY, "step=3a ue=%s gen=%llu fp=%s", ue_name(ue),
		 (unsigned long long)out->generation, e.fp);
	return 0;
}

/* Step 3c. */
static int wrap_for(struct mme *m, struct ue *ue, struct enb *target, const struct key_batch *batch,
		    const struct kenb *kenb, size_t i)
{
	const struct wrap_binding binding = {
		.mme_ue_id = ue->id,
		.generation = batch->generation,
		.source_enb_id = ue->enb_id,
		.target_enb_id = target->id,
	};
	Keyhop__S1__WrappedKey *entry = &m->room.entry[i];
	size_t len;
	int err = key_provision_use(m, target);

	if (err)
		return err;
	err = wrap_seal(m->node.crypto, (enum wrap_type)target->key.wrap, &target->key,
			target->nonce++, &binding, kenb, m->room.wrapped[i], &len);

	if (err)
		return err;
	keyhop__s1__wrapped_key__init(entry);
	entry->enb_id = target->id;
	entry->key_id = target->key.id;
	entry->wrapped.data = m->room.wrapped[i];
	entry->wrapped.len = len;
	m->room.at[i] = entry;
	struct node_event e = ue_event(ue, "kenb.wrapped", "3c");
	e.enb = target->id;
	e.kid = target->key.id;
	e.gen = batch->generation;
	events_emit(m->node.events, &e);
	node_count(&m->node, METRIC_KEYS_WRAPPED);
	m->node.metrics.wrapped[target->key.wrap]++;
	return 0;
}

/* Step 3b, then 3c. */
static int derive_and_wrap(struct mme *m, struct ue *ue, struct enb *target,
			   const struct key_batch *batch, size_t i)
{
	KEY_LOCAL(kenb) struct kenb kenb = {0};
	struct node_event e = ue_event(ue, "kenb.derived", "3b");
	struct keylog_tags tags = {
		.ue = ue->imsi.s, .enb = target->id, .gen = batch->generation, .has_gen = true};
	int err = kdf_kenb(m->node.crypto, &batch->h_key, (enum kenb_input)m->opt.kenb_input,
			   &m->node.plmn, target->id, &kenb);

	if (err)
		return err;
	e.enb = target->id;
	e.source = ue->enb_id;
	e.gen = batch->generation;
	node_key_event(&m->node, &e, KEY_KENB, kenb.b, kenb.len, &tags);
	memcpy(m->room.kenb_fp[i], e.fp, sizeof e.fp);
	node_count(&m->node, METRIC_KENBS_DERIVED);
	return wrap_for(m, ue, target, batch, &kenb, i);
}

static int prepare(struct mme *m, struct ue *ue, struct enb *const *targets, size_t n,
		   struct key_batch *out)
{
	/* The serving eNodeB carries message 5: over a null cipher it would read H_key. */
	if (ue->nas.eea == EEA0)
		return KH_E_NULL_CIPHERING;
	int err = pick_h_key(m, ue, out);
	for (size_t i = 0; i < n && !err; i++)
		err = derive_and_wrap(m, ue, targets[i], out, i);
	return err;
}

static int deliver(struct mme *m, struct ue *ue, const struct key_batch *batch)
{
	return hkey_delivery_send(m, ue, batch->generation, &batch->h_key);
}

const struct mme_scheme mme_scheme_mme_assisted = {
	.name = "mme-assisted", .prepare = prepare, .deliver = deliver};
