#include "options.h"

#include "scheme.h"

#define OPT(member) offsetof(struct enb_options, member)
#define NEIGHBOUR(member) offsetof(struct neighbour_option, member)

static const struct config_row neighbour_rows[] = {
	{.key = "id", .type = CONFIG_U32, .offset = NEIGHBOUR(id), .required = true, .min = 1,
	 .max = ENB_ID_MAX, .help = "eNB_ID"},
	{.key = "address", .type = CONFIG_STRING, .offset = NEIGHBOUR(address), .required = true,
	 .help = "address of its X2"},
	{.key = "port", .type = CONFIG_PORT, .offset = NEIGHBOUR(port), .def = "36522",
	 .help = "port of its X2"},
	{.key = "name", .type = CONFIG_STRING, .offset = NEIGHBOUR(name), .help = "node name"},
	{0},
};

const struct config_row enb_rows[] = {
	NODE_OPTION_ROWS,
	{.key = "node.id", .type = CONFIG_U32, .offset = OPT(id), .required = true, .min = 1,
	 .max = ENB_ID_MAX, .help = "eNB_ID, 1..2^28-1"},
	{.key = "mme.address", .type = CONFIG_STRING, .offset = OPT(mme_address), .required = true,
	 .help = "address of the MME's S1"},
	{.key = "mme.port", .type = CONFIG_PORT, .offset = OPT(mme_port), .def = "36512",
	 .help = "port of the MME's S1"},
	{.key = "mme.name", .type = CONFIG_STRING, .offset = OPT(mme_name),
	 .help = "name that the MME's certificate must carry; any MME without it"},
	{.key = "x2.listen", .type = CONFIG_STRING, .offset = OPT(x2_listen), .required = true,
	 .help = "address for X2"},
	{.key = "x2.port", .type = CONFIG_PORT, .offset = OPT(x2_port), .def = "36522",
	 .help = "port for X2; 0 picks one"},
	{.key = "x2.neighbours", .type = CONFIG_LIST, .offset = OPT(neighbours),
	 .rows = neighbour_rows, .item_size = sizeof(struct neighbour_option), .max_items = 256,
	 .help = "eNodeBs that UEs may be handed over to"},
	{.key = "uu.listen", .type = CONFIG_STRING, .offset = OPT(uu_listen), .required = true,
	 .help = "address for Uu"},
	{.key = "uu.port", .type = CONFIG_PORT, .offset = OPT(uu_port), .def = "36532",
	 .help = "port for Uu; 0 picks one"},
	{.key = "scheme", .type = CONFIG_ENUM, .offset = OPT(scheme), .def = "mme-assisted",
	 .words = enb_scheme_words, .help = "how the key of the next cell is made"},
	{.key = "as.ciphering", .type = CONFIG_ALG_LIST, .offset = OPT(eea), .def = "eea2",
	 .words = node_eea_words, .help = "EEA algorithms of RRC and user data, best first"},
	{.key = "as.integrity", .type = CONFIG_ALG_LIST, .offset = OPT(eia), .def = "eia2",
	 .words = node_eia_words, .help = "EIA algorithms of RRC, best first"},
	{.key = "a3.offset", .type = CONFIG_CDB, .offset = OPT(a3_offset_cdb), .def = "3",
	 .min = -1500, .max = 1500, .help = "event A3: how much better a neighbour must be, dB"},
	{.key = "a3.hysteresis", .type = CONFIG_CDB, .offset = OPT(a3_hysteresis_cdb), .def = "1",
	 .min = 0, .max = 1500, .help = "event A3: hysteresis, dB"},
	{.key = "a3.time_to_trigger", .type = CONFIG_DURATION, .offset = OPT(a3_time_to_trigger_ms),
	 .def = "40ms", .min = 0, .max = 5120, .help = "event A3: how long it must hold"},
	{.key = "handover.prepare_timeout", .type = CONFIG_DURATION, .offset = OPT(prepare_timeout_ms),
	 .def = "1s", .min = 10, .max = 60000, .help = "from message 7 to 8"},
	{.key = "handover.complete_timeout", .type = CONFIG_DURATION,
	 .offset = OPT(complete_timeout_ms), .def = "3s", .min = 10, .max = 60000,
	 .help = "source: from message 9 to 11; target: from message 8 to 10"},
	{.key = "handover.list_wait", .type = CONFIG_DURATION, .offset = OPT(list_wait_ms), .def = "2s",
	 .min = 0, .max = 60000, .help = "how long a decision waits for a usable list"},
	{.key = "setup_timeout", .type = CONFIG_DURATION, .offset = OPT(setup_timeout_ms), .def = "10s",
	 .min = 100, .max = 600000, .help = "longest RRC connection setup with attach"},
	{.key = "limits.ues", .type = CONFIG_U32, .offset = OPT(max_ues), .def = "20000", .min = 1,
	 .max = 65000, .help = "most UEs in this cell"},
	{0},
};
