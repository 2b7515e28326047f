/* Between contexts.c (what survives a restart) and contexts_enb.c (the eNodeBs of it). */
#ifndef KEYHOP_CONTEXTS_H
#define KEYHOP_CONTEXTS_H

#include "mme.h"

struct contexts {
	struct sqlite3_stmt *put_ue, *delete_ue, *put_enb, *put_certificate, *put_sqn;
	uint32_t *gone; /* MME-UE-ids of rows to be deleted */
	size_t n_gone, gone_cap;
	bool enbs_to_store;
};

/* "the row of `what` `id` is damaged", and the way out. KH_E_CONFIG. */
int contexts_refuse_row(const struct mme *m, const char *what, uint32_t id, char *why,
			size_t why_len);

void contexts_prepare_enbs(struct mme *m);
/* Those that were touched. */
void contexts_write_enbs(struct mme *m);
/* What was written is on the disk. */
void contexts_enbs_stored(struct mme *m);
/* KH_E_CONFIG with `why` when a row does not open. */
int contexts_load_enbs(struct mme *m, char *why, size_t why_len) KH_MUST_CHECK;

#endif
