/* Options of enbd. */
#ifndef KEYHOP_ENBD_OPTIONS_H
#define KEYHOP_ENBD_OPTIONS_H

#include "node.h"

#define ENB_NEIGHBOURS "x2.neighbours"

struct enb_options {
	struct node_options node; /* first */
	uint32_t id;
	char *mme_address;
	uint16_t mme_port, mme_udp_port;
	int32_t mme_transport;
	char *mme_name;
	char *x2_listen;
	uint16_t x2_port;
	int32_t x2_transport;
	struct config_list neighbours; /* ENB_NEIGHBOURS, of struct peer_option */
	char *uu_listen;
	uint16_t uu_port;
	int32_t uu_transport;
	int32_t scheme;
	struct config_algs eea, eia;
	int32_t a3_offset_cdb, a3_hysteresis_cdb;
	uint32_t a3_time_to_trigger_ms;
	uint32_t prepare_timeout_ms, complete_timeout_ms, list_wait_ms, list_lifetime_ms;
	uint32_t association_timeout_ms, liveness_interval_ms, liveness_misses;
	uint32_t setup_timeout_ms;
	uint32_t max_ues;
};

extern const struct config_row enb_rows[];

#endif
