/* A key scheme at the eNodeB: a row here and a file of its own. */
#ifndef KEYHOP_ENBD_SCHEME_H
#define KEYHOP_ENBD_SCHEME_H

#include "config.h"
#include "enb.h"

struct enb_scheme {
	const char *name;
	/* Source: the key material of a 7 to `target`; from now on it counts as used. `out` borrows from the UE. */
	int (*source_material)(struct ue *ue, uint32_t target, Keyhop__Common__KeyMaterial *out);
	/* Source: what would source_material() say? Nothing changes. */
	int (*source_ready)(struct ue *ue, uint32_t target);
	/* Target, step 7a: the KeNB of this cell out of the key material of a 7. */
	int (*target_key)(struct enb *e, uint32_t source, const Keyhop__X2__HandoverRequest *req,
			  struct kenb *out);
};

extern const struct config_word enb_scheme_words[];
const struct enb_scheme *enb_scheme(int32_t value);

extern const struct enb_scheme enb_scheme_mme_assisted;

#endif
