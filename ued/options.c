#include "options.h"

#include "scheme.h"

#define OPT(member) offsetof(struct ued_options, member)
#define CELL(member) offsetof(struct cell_option, member)

static const struct config_row cell_rows[] = {
	{.key = "id", .type = CONFIG_U32, .offset = CELL(id), .required = true, .min = 1,
	 .max = ENB_ID_MAX, .help = "eNB_ID"},
	{.key = "address", .type = CONFIG_STRING, .offset = CELL(address), .required = true,
	 .help = "address of its Uu"},
	{.key = "port", .type = CONFIG_PORT, .offset = CELL(port), .def = "36532",
	 .help = "port of its Uu"},
	{.key = "name", .type = CONFIG_STRING, .offset = CELL(name), .help = "node name"},
	{0},
};

const struct config_row ued_rows[] = {
	NODE_OPTION_ROWS,
	{.key = "cells", .type = CONFIG_LIST, .offset = OPT(cells), .required = true,
	 .rows = cell_rows, .item_size = sizeof(struct cell_option), .max_items = 1024,
	 .help = "eNodeBs in reach"},
	{.key = "subscribers", .type = CONFIG_FILE, .offset = OPT(subscribers),
	 .help = "CSV of IMSI,K,OPc[,SQN]: the UEs of this process; mode 0600"},
	{.key = "scheme", .type = CONFIG_ENUM, .offset = OPT(scheme), .def = "mme-assisted",
	 .words = ue_scheme_words, .help = "how the key of the next cell is made"},
	{.key = "capabilities.eea", .type = CONFIG_ALG_LIST, .offset = OPT(eea), .def = "eea2",
	 .words = node_eea_words, .help = "EEA algorithms the UEs can do"},
	{.key = "capabilities.eia", .type = CONFIG_ALG_LIST, .offset = OPT(eia), .def = "eia2",
	 .words = node_eia_words, .help = "EIA algorithms the UEs can do"},
	{.key = "attach.cell", .type = CONFIG_U32, .offset = OPT(attach_cell), .def = "0",
	 .max = ENB_ID_MAX, .help = "eNB_ID that all UEs attach to at start; 0: none"},
	{.key = "attach.timeout", .type = CONFIG_DURATION, .offset = OPT(attach_timeout_ms),
	 .def = "10s", .min = 100, .max = 600000, .help = "longest attach"},
	{.key = "handover.confirm_timeout", .type = CONFIG_DURATION,
	 .offset = OPT(confirm_timeout_ms), .def = "1s", .min = 10, .max = 60000,
	 .help = "from message 10 to the target's acknowledgement (T304)"},
	{.key = "traffic.timeout", .type = CONFIG_DURATION, .offset = OPT(ping_timeout_ms), .def = "2s",
	 .min = 10, .max = 60000, .help = "longest traffic.ping"},
	{.key = "limits.ues", .type = CONFIG_U32, .offset = OPT(max_ues), .def = "20000", .min = 1,
	 .max = 1000000, .help = "most UEs of this process"},
	{0},
};
