/* The contribution's scheme: the source hands on what it cannot read, the target unwraps it (step 7a). */
#include "handlers.h"
#include "scheme.h"
#include "ue_fsm.h"
#include "wrap.h"

static int source_ready(struct ue *ue, uint32_t target)
{
	struct key_entry *entry;

	return key_list_entry(ue, target, &entry);
}

static int source_material(struct ue *ue, uint32_t target, Keyhop__Common__KeyMaterial *out)
{
	struct key_entry *entry;
	int err = key_list_entry(ue, target, &entry);

	if (err)
		return err;
	entry->burnt = true;
	out->generation = ue->list->generation;
	out->key_id = entry->key_id;
	out->wrapped.data = entry->wrapped;
	out->wrapped.len = entry->len;
	return 0;
}

static int target_key(struct enb *e, uint32_t source, const Keyhop__X2__HandoverRequest *req,
		      struct kenb *out)
{
	const Keyhop__Common__KeyMaterial *m = req->key;
	const struct mme_enb_key *key = key_by_id(e, m->key_id);
	const struct wrap_binding binding = {
		.mme_ue_id = req->mme_ue_id,
		.generation = m->generation,
		.source_enb_id = source,
		.target_enb_id = e->opt.id,
	};

	if (!key)
		return KH_E_UNKNOWN_KEY_ID;
	int err = floor_check(e, req->mme_ue_id, m->generation);
	if (err)
		return err;
	err = wrap_open(e->node.crypto, (enum wrap_type)key->wrap, key, &binding, m->wrapped.data,
			m->wrapped.len, out);
	(err ? e->node.metrics.not_unwrapped : e->node.metrics.unwrapped)[key->wrap]++;
	if (!err)
		floor_raise(e, req->mme_ue_id, m->generation, m->key_id);
	return err;
}

const struct enb_scheme enb_scheme_mme_assisted = {
	.name = "mme-assisted",
	.source_material = source_material,
	.source_ready = source_ready,
	.target_key = target_key,
};
