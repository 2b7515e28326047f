/* When a node is ready: all that it needs for a handover is up. */
#ifndef KEYHOP_CTL_READY_H
#define KEYHOP_CTL_READY_H

#include <stdbool.h>

#include <jansson.h>

/* Out of the answer of `status`: an eNodeB has its MME and its configured neighbours, a ued all its cells. */
bool status_is_ready(const json_t *status);

#endif
