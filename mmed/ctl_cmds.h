/* Control methods of mmed. */
#ifndef KEYHOP_MMED_CTL_CMDS_H
#define KEYHOP_MMED_CTL_CMDS_H

#include "ctl.h"
#include "keys.h"

struct mme;
struct ue;

extern const struct ctl_method mme_methods[];

/* ctl_subscribers.c */
ctl_handler_fn ctl_subscriber_list, ctl_subscriber_show, ctl_subscriber_add, ctl_subscriber_import,
	ctl_subscriber_remove;
extern const struct ctl_param ctl_subscriber_params[], ctl_import_params[], ctl_add_params[];

/* ctl_lists.c */
ctl_handler_fn ctl_hkey_issue, ctl_hkey_show, ctl_wraplist_show, ctl_wraplist_push;
extern const struct ctl_param ctl_hkey_params[], ctl_wraplist_params[];

/* ctl_scheme.c */
ctl_handler_fn ctl_scheme_get, ctl_scheme_set;
extern const struct ctl_param ctl_scheme_params[];

/* The UE an operator names by IMSI or MME-UE-id; NULL when it was answered that there is none. */
struct ue *ctl_find_ue(struct mme *m, struct ctl_request *req, const json_t *params);
json_t *ctl_fingerprint(struct mme *m, enum key_kind kind, const void *key, size_t len);

#endif
