/* A topology file: the nodes of a lab and what lies between them. YAML, read as strictly as a configuration; the back
 * ends (scripts/lab_*.py) get it as JSON. */
#ifndef KEYHOP_CTL_TOPOLOGY_H
#define KEYHOP_CTL_TOPOLOGY_H

#include <jansson.h>

#include "config.h"

#define TOPOLOGY_NAME_MAX 12 /* octets of a node's name: it names a network interface, too */

enum topology_role { TOPOLOGY_MME, TOPOLOGY_ENB, TOPOLOGY_UE };

struct topology_node {
	char *name;
	int32_t role;
	uint32_t id, memory;
};

struct topology_neighbours {
	char *enb, *of;
};

struct topology_ues {
	char *node, *cells, *attach;
	uint32_t count;
};

struct topology_link {
	char *between;
	uint32_t delay_ms, jitter_ms;
	int32_t loss; /* hundredths of a per cent */
};

struct topology_option {
	char *node, *option, *value;
};

struct topology {
	char *name, *mcc, *mnc;
	int32_t transport, security;
	bool faults, keylog, capture;
	struct config_list nodes; /* of struct topology_node */
	struct config_list neighbours; /* of struct topology_neighbours */
	struct config_list ues; /* of struct topology_ues */
	struct config_list links; /* of struct topology_link */
	struct config_list options; /* of struct topology_option */
};

extern const struct config_row topology_rows[];

/* Reads and checks a file. KH_E_CONFIG with `why` = "file:line:column: text"; topology_clear() all the same. */
int topology_load(struct topology *t, const char *file, char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;
void topology_clear(struct topology *t);
/* Names that point at nothing, ids and names that come twice. Called by topology_load(). */
int topology_check(const struct topology *t, const struct config_tree *tree,
		   char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;
/* The whole of it, keys as in the file, durations in milliseconds; the caller's. */
json_t *topology_json(const struct topology *t);

#endif
