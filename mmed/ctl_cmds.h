/* Control methods of mmed. */
#ifndef KEYHOP_MMED_CTL_CMDS_H
#define KEYHOP_MMED_CTL_CMDS_H

#include "ctl.h"

extern const struct ctl_method mme_methods[];

#endif
