/* A key scheme at the UE: a row here and a file of its own. */
#ifndef KEYHOP_UED_SCHEME_H
#define KEYHOP_UED_SCHEME_H

#include "config.h"
#include "ued.h"

struct ue_scheme {
	const char *name;
	/* Step 9a: the KeNB for the target that a 9 names. Nothing is used up yet. */
	int (*derive)(struct ue *ue, const Keyhop__Rrc__HandoverCommand *cmd, struct kenb *out);
	/* The key was installed: what made it may not be used again. */
	void (*installed)(struct ue *ue, const Keyhop__Rrc__HandoverCommand *cmd);
};

extern const struct config_word ue_scheme_words[];
const struct ue_scheme *ue_scheme(int32_t value);

extern const struct ue_scheme ue_scheme_mme_assisted;

#endif
