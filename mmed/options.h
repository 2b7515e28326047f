/* Options of mmed. */
#ifndef KEYHOP_MMED_OPTIONS_H
#define KEYHOP_MMED_OPTIONS_H

#include "node.h"

#define S1_LISTENERS_MAX 15

struct listener_option {
	char *address;
	uint16_t port;
	int32_t transport;
};

struct mme_options {
	struct node_options node; /* first */
	char *s1_listen;
	uint16_t s1_port;
	int32_t s1_transport;
	struct config_list s1_listeners; /* of struct listener_option */
	int32_t scheme;
	int32_t wrap;
	int32_t h_key_bits, enb_key_bits;
	int32_t kenb_input;
	int32_t location_update;
	uint32_t enb_key_lifetime_ms, enb_key_grace_ms, enb_key_wraps;
	uint32_t neighbour_limit;
	uint32_t attach_timeout_ms, detach_timeout_ms, release_timeout_ms, setup_timeout_ms;
	uint32_t liveness_interval_ms, liveness_misses;
	struct config_algs eea, eia;
	char *subscribers;
	char *store, *store_key;
	bool ue_label;
	uint32_t max_enbs, max_ues, max_attaches, max_subscribers;
};

extern const struct config_row mme_rows[];

#endif
