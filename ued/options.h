/* Options of ued. */
#ifndef KEYHOP_UED_OPTIONS_H
#define KEYHOP_UED_OPTIONS_H

#include "air.h"
#include "node.h"

#define UED_CELLS "cells"

struct ued_options {
	struct node_options node; /* first */
	struct config_list cells; /* UED_CELLS, of struct peer_option */
	char *subscribers, *usim;
	int32_t scheme;
	struct config_algs eea, eia;
	uint32_t attach_cell;
	uint32_t attach_timeout_ms, rejected_ms, detach_timeout_ms;
	uint32_t confirm_timeout_ms, confirm_tries;
	bool reattach;
	uint32_t ping_timeout_ms;
	uint32_t max_ues;
	struct air_quality air;
};

extern const struct config_row ued_rows[];

#endif
