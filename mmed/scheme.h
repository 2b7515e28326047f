/* A key scheme at the MME: a row here and a file of its own. */
#ifndef KEYHOP_MMED_SCHEME_H
#define KEYHOP_MMED_SCHEME_H

#include "config.h"
#include "mme.h"

/* What one list is made of; the scheme fills it. Holds a key: wipe it. */
struct key_batch {
	uint64_t generation;
	struct h_key h_key;
	char h_key_fp[FINGERPRINT_LEN];
};
KEY_LOCAL_DECLARE(key_batch)

struct mme_scheme {
	const char *name;
	/* Steps 3a to 3c: entries for the `n` targets into m->room. */
	int (*prepare)(struct mme *m, struct ue *ue, struct enb *const *targets, size_t n,
		       struct key_batch *out);
	/* Step 5: what the UE needs to follow. */
	int (*deliver)(struct mme *m, struct ue *ue, const struct key_batch *batch);
};

extern const struct config_word mme_scheme_words[];
const struct mme_scheme *mme_scheme(int32_t value);

/* Do the options of the scheme (struct mme_options) go together? KH_E_CONFIG with `why`. */
int mme_scheme_check(const void *options, char *why, size_t why_len) KH_MUST_CHECK;
/* A wrap that is for study says so in the log. */
void mme_scheme_warn(const struct mme *m);
/* They have changed: new lists are made by them at once, new MME-eNB_keys go to all eNodeBs that want one. */
void mme_scheme_changed(void *mme);

extern const struct mme_scheme mme_scheme_mme_assisted;

#endif
