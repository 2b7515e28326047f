/* Control methods of enbd. */
#ifndef KEYHOP_ENBD_CTL_CMDS_H
#define KEYHOP_ENBD_CTL_CMDS_H

#include "ctl.h"

struct enb;
struct ue;

extern const struct ctl_method enb_methods[];

/* The UE an operator names, or NULL after the answer that there is none. */
struct ue *ctl_find_ue(struct enb *e, struct ctl_request *req, const json_t *params);

/* ctl_links.c: the MME, probes, and what this cell is set to. */
ctl_handler_fn ctl_mme_status, ctl_mme_connect, ctl_mme_disconnect, ctl_neighbour_probe,
	ctl_location_update, ctl_policy_get, ctl_policy_set, ctl_scheme_get;
extern const struct ctl_param ctl_policy_params[];

#endif
