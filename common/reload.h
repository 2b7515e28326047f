#ifndef KEYHOP_RELOAD_H
#define KEYHOP_RELOAD_H

#include <jansson.h>

#include "node.h"

/* Reads the configuration again. *out = {applied: [keys], needs_restart: [keys]}. KH_E_CONFIG with `why`; nothing has
 * changed then. */
int reload(struct node *n, json_t **out, char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;

/* The same without applying anything: {outcome, would_apply, needs_restart}. */
int reload_check(struct node *n, json_t **out, char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;

#endif
