/* The one way to take keys out of a process: `keylog: FILE`, off by default, mode 0600. One line a key, as the
 * node comes to hold it: `name node=NODE [ue=IMSI] [enb=ID] [gen=N] [kid=N] [alg=N] hex`. */
#ifndef KEYHOP_KEYLOG_H
#define KEYHOP_KEYLOG_H

#include <stdbool.h>

#include "err.h"
#include "keys.h"

struct keylog;

/* Which of the optional words a line has. */
struct keylog_tags {
	const char *ue; /* IMSI; NULL or "" leaves it out */
	uint32_t enb; /* 0 leaves it out */
	uint32_t kid; /* 0 leaves it out */
	uint64_t gen;
	bool has_gen;
	bool has_alg;
	uint8_t alg;
};

/* Appends to `path`, which is made with mode 0600; refused with KH_E_CONFIG when others may read it or it
 * cannot be opened (errno set). Warns in the log. `node` is borrowed. */
int keylog_open(struct keylog **out, const char *path, const char *node) KH_MUST_CHECK;
void keylog_close(struct keylog *k);
/* One line, written at once with a single write(). A NULL keylog does nothing. */
void keylog_write(struct keylog *k, enum key_kind kind, const void *key, size_t len,
		  const struct keylog_tags *tags);

#endif
