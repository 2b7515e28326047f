/* What the configuration says that every daemon has: the values. The rows are in node_rows.h. */
#ifndef KEYHOP_NODE_OPTIONS_H
#define KEYHOP_NODE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "log.h"
#include "net.h"

enum security { SECURITY_TLS, SECURITY_NONE };

/* First member of every options struct; the rows are NODE_OPTION_ROWS (node_rows.h). */
struct node_options {
	char *name;
	char *mcc, *mnc;
	int32_t security;
	int32_t transport;
	struct net_settings net;
	char *ca, *cert, *key, *crl;
	uint32_t expiry_warning_ms;
	char *tls_keylog, *keylog, *events;
	bool events_messages;
	int32_t log_level, log_format;
	int32_t log_categories[LOG_CATS];
	char *metrics_listen;
	uint16_t metrics_port;
	char *log_file;
	char *control_socket, *control_group;
	char *viewer_socket, *viewer_group;
	uint32_t event_ring;
	uint32_t decode_budget;
	uint32_t max_frames;
	bool faults;
	char *user;
	int32_t sandbox;
	char *capture, *capture_dir;
	uint32_t capture_max_size, capture_max_age_ms, capture_files;
};

extern const struct config_word node_security_words[], node_log_level_words[],
	node_log_category_words[], node_log_format_words[], node_eea_words[], node_eia_words[],
	node_sandbox_words[];

#define NODE_OPT(member) offsetof(struct node_options, member)

#endif
