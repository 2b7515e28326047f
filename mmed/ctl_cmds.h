/* Control methods of mmed. */
#ifndef KEYHOP_MMED_CTL_CMDS_H
#define KEYHOP_MMED_CTL_CMDS_H

#include "ctl.h"
#include "keys.h"

struct mme;

extern const struct ctl_method mme_methods[];

/* ctl_subscribers.c */
ctl_handler_fn ctl_subscriber_list, ctl_subscriber_show, ctl_subscriber_add, ctl_subscriber_import,
	ctl_subscriber_remove;
extern const struct ctl_param ctl_subscriber_params[], ctl_import_params[], ctl_add_params[];

json_t *ctl_fingerprint(struct mme *m, enum key_kind kind, const void *key, size_t len);

#endif
