/* Control methods of enbd. */
#ifndef KEYHOP_ENBD_CTL_CMDS_H
#define KEYHOP_ENBD_CTL_CMDS_H

#include "ctl.h"

extern const struct ctl_method enb_methods[];

/* ctl_links.c: the MME, probes, and what this cell is set to. */
ctl_handler_fn ctl_mme_status, ctl_mme_connect, ctl_mme_disconnect, ctl_neighbour_probe,
	ctl_location_update, ctl_policy_get, ctl_policy_set, ctl_scheme_get;
extern const struct ctl_param ctl_policy_params[];

#endif
