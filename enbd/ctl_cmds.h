/* Control methods of enbd. */
#ifndef KEYHOP_ENBD_CTL_CMDS_H
#define KEYHOP_ENBD_CTL_CMDS_H

#include "ctl.h"

extern const struct ctl_method enb_methods[];

#endif
