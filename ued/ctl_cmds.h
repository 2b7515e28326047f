/* Control methods of ued. */
#ifndef KEYHOP_UED_CTL_CMDS_H
#define KEYHOP_UED_CTL_CMDS_H

#include "ctl.h"

extern const struct ctl_method ued_methods[];

ctl_handler_fn move_start; /* move.c */
ctl_handler_fn air_set, air_get; /* ctl_air.c */

#endif
