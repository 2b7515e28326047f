/* Single use at the target: per UE the highest generation accepted in a 7. An entry cannot be opened once its key
 * is gone, so floors live as long as the keys they were raised under. */
#include <stdlib.h>

#include "handlers.h"
#include "mem.h"

static struct floor *find(struct enb *e, uint32_t mme_ue_id)
{
	struct floor *f;

	HASH_FIND_INT(e->floors, &mme_ue_id, f);
	return f;
}

int floor_check(struct enb *e, uint32_t mme_ue_id, uint64_t generation)
{
	const struct floor *f = find(e, mme_ue_id);

	return f && generation <= f->generation ? KH_E_STALE_GENERATION : 0;
}

void floor_raise(struct enb *e, uint32_t mme_ue_id, uint64_t generation, uint32_t key_id)
{
	struct floor *f = find(e, mme_ue_id);

	if (!f) {
		f = x_calloc(1, sizeof *f);
		f->mme_ue_id = mme_ue_id;
		HASH_ADD_INT(e->floors, mme_ue_id, f);
	}
	f->generation = generation;
	f->key_id = key_id;
}

void floor_prune(struct enb *e)
{
	struct floor *f, *tmp;

	HASH_ITER (hh, e->floors, f, tmp) {
		if (key_by_id(e, f->key_id))
			continue;
		// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash
		HASH_DEL(e->floors, f);
		free(f);
	}
}
