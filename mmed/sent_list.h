/* The list that was last sent for a UE (4 or 13), as far as it is no secret: the keys of it are wiped. It says what a
 * new one is made of, and who was left out. Gone after a restart. */
#ifndef KEYHOP_MMED_SENT_LIST_H
#define KEYHOP_MMED_SENT_LIST_H

#include "mme.h"

struct sent_entry {
	uint32_t enb_id;
	uint32_t key_id; /* of the MME-eNB_key that wraps; 0: left out, as there was none */
	uint8_t wrap; /* enum wrap_type */
	char kenb_fp[FINGERPRINT_LEN]; /* of what was wrapped */
};

struct sent_list {
	uint64_t generation;
	int64_t sent_us; /* clock_mono_us */
	uint32_t to; /* the eNodeB it went to */
	unsigned answers; /* 3 or 12 */
	char h_key_fp[FINGERPRINT_LEN];
	size_t n;
	struct sent_entry entry[];
};

/* What was just sent takes the place of what was sent before; takes over `list`. */
void sent_list_keep(struct ue *ue, struct sent_list *list);
void sent_list_drop(struct ue *ue);
/* eNB_IDs of all entries, those left out, too; `ids` has room for NEIGHBOURS_MAX. 0: no list is known. */
size_t sent_list_ids(const struct ue *ue, uint32_t *ids);

/* list_renewal.c: `e` has a key now. Lists that were made without it are made anew, a few a turn of the loop. */
void list_renewal_start(struct mme *m, const struct enb *e);
/* The UE needs none any more. */
void list_renewal_cancel(struct ue *ue);
void list_renewal_stop(struct mme *m);

#endif
