/* What a topology file may hold, one row a key. */
#include "topology.h"

#include <string.h>

#define TOP(member) offsetof(struct topology, member)
#define NODE(member) offsetof(struct topology_node, member)
#define NEIGHBOURS(member) offsetof(struct topology_neighbours, member)
#define UES(member) offsetof(struct topology_ues, member)
#define LINK(member) offsetof(struct topology_link, member)
#define OPTION(member) offsetof(struct topology_option, member)

static const struct config_word role_words[] = {
	{"mme", TOPOLOGY_MME}, {"enb", TOPOLOGY_ENB}, {"ue", TOPOLOGY_UE}, {0}};
static const struct config_word transport_words[] = {
	{"auto", 0}, {"tcp", 1}, {"sctp", 2}, {"sctp-udp", 3}, {0}};
static const struct config_word security_words[] = {{"tls", 0}, {"none", 1}, {0}};

#define TEXT(name, at, must, text) \
	{ \
		.key = name, .type = CONFIG_STRING, .offset = (at), .required = (must), \
		.help = text \
	}

static const struct config_row node_rows[] = {
	TEXT("name", NODE(name), true, "up to 12 small letters, digits and -, a letter first"),
	{.key = "role",
	 .type = CONFIG_ENUM,
	 .offset = NODE(role),
	 .required = true,
	 .words = role_words,
	 .help = "mme, enb or ue"},
	{.key = "id",
	 .type = CONFIG_U32,
	 .offset = NODE(id),
	 .def = "0",
	 .max = 0x0fffffff,
	 .help = "enb: eNB_ID, from 1; 0: the number that the name ends with"},
	{.key = "memory",
	 .type = CONFIG_SIZE,
	 .offset = NODE(memory),
	 .def = "128MiB",
	 .min = 96 << 20,
	 .max = 2047 << 20,
	 .help = "vm: memory of the guest"},
	{0},
};

static const struct config_row neighbours_rows[] = {
	TEXT("enb", NEIGHBOURS(enb), true, "an eNodeB"),
	TEXT("of", NEIGHBOURS(of), false, "the eNodeBs it may hand over to: enb2 enb3"),
	{0},
};

static const struct config_row ues_rows[] = {
	TEXT("node", UES(node), true, "a node with the role ue"),
	{.key = "count",
	 .type = CONFIG_U32,
	 .offset = UES(count),
	 .def = "1",
	 .min = 1,
	 .max = 1000000,
	 .help = "UEs that this process plays"},
	TEXT("cells", UES(cells), false, "the eNodeBs in their reach; all without it"),
	TEXT("attach", UES(attach), false, "the cell they attach to at start; none without it"),
	{0},
};

static const struct config_row link_rows[] = {
	TEXT("between", LINK(between), true, "two nodes: enb1 mme"),
	{.key = "delay",
	 .type = CONFIG_DURATION,
	 .offset = LINK(delay_ms),
	 .def = "0ms",
	 .max = 60000,
	 .help = "one way"},
	{.key = "jitter",
	 .type = CONFIG_DURATION,
	 .offset = LINK(jitter_ms),
	 .def = "0ms",
	 .max = 60000,
	 .help = "added to the delay, from 0 to this"},
	{.key = "loss",
	 .type = CONFIG_CDB,
	 .offset = LINK(loss),
	 .def = "0",
	 .min = 0,
	 .max = 10000,
	 .help = "per cent of the frames, each way: 0.5"},
	{0},
};

static const struct config_row option_rows[] = {
	TEXT("node", OPTION(node), true, "a node, or a role: all nodes of it"),
	TEXT("option", OPTION(option), true, "as in its configuration: handover.list_wait"),
	TEXT("value", OPTION(value), true, "as it would be typed there"),
	{0},
};

#define LIST(name, member, what, record, must, text) \
	{ \
		.key = name, .type = CONFIG_LIST, .offset = TOP(member), .required = (must), \
		.rows = what, .item_size = sizeof(struct record), .max_items = 1000, .help = text \
	}
#define SWITCH(name, member, preset, text) \
	{ \
		.key = name, .type = CONFIG_BOOL, .offset = TOP(member), .def = preset, \
		.help = text \
	}

const struct config_row topology_rows[] = {
	TEXT("name", TOP(name), true, "of this topology"),
	{.key = "plmn.mcc",
	 .type = CONFIG_STRING,
	 .offset = TOP(mcc),
	 .def = "001",
	 .help = "3 digits"},
	{.key = "plmn.mnc",
	 .type = CONFIG_STRING,
	 .offset = TOP(mnc),
	 .def = "01",
	 .help = "2 or 3 digits"},
	{.key = "transport",
	 .type = CONFIG_ENUM,
	 .offset = TOP(transport),
	 .def = "auto",
	 .words = transport_words,
	 .help = "of S1, X2 and Uu; auto: the kernel's SCTP where the nodes have it, else tcp"},
	{.key = "security",
	 .type = CONFIG_ENUM,
	 .offset = TOP(security),
	 .def = "tls",
	 .words = security_words,
	 .help = "of S1 and X2"},
	SWITCH("faults", faults, "false", "allow fault.set at every node"),
	SWITCH("keylog", keylog, "true", "every node writes the keys it comes to hold"),
	SWITCH("capture", capture, "true", "netns, vm: all frames between nodes go to lan.pcap"),
	LIST("nodes", nodes, node_rows, topology_node, true, "one MME, eNodeBs, one ued or more"),
	LIST("neighbours", neighbours, neighbours_rows, topology_neighbours, false,
	     "who may hand over to whom; without any: everyone to everyone"),
	LIST("ues", ues, ues_rows, topology_ues, false, "one UE for a ued that is not named here"),
	LIST("links", links, link_rows, topology_link, false,
	     "impairments between two nodes; none without one"),
	LIST("options", options, option_rows, topology_option, false,
	     "options of the nodes' own configurations"),
	{0},
};

int topology_load(struct topology *t, const char *file, char why[CONFIG_WHY_LEN])
{
	const struct config_source from = {.files = &file, .n_files = 1};
	struct config_tree *tree;
	int err;

	memset(t, 0, sizeof *t);
	err = config_load(topology_rows, t, &from, &tree, why);
	if (!err)
		err = topology_check(t, tree, why);
	config_tree_free(tree);
	return err;
}

void topology_clear(struct topology *t)
{
	config_clear(topology_rows, t);
}

static json_t *rows_json(const struct config_row *rows, const char *base);

static json_t *list_json(const struct config_row *row, const struct config_list *list)
{
	json_t *out = json_array();

	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(
			out, rows_json(row->rows, (const char *)list->items + i * row->item_size));
	return out;
}

static json_t *value_json(const struct config_row *row, const char *base)
{
	const char *field = base + row->offset;
	char text[128];

	switch (row->type) {
	case CONFIG_LIST:
		return list_json(row, (const struct config_list *)(const void *)field);
	case CONFIG_BOOL:
		return json_boolean(*(const bool *)field);
	case CONFIG_STRING:
	case CONFIG_FILE:
		return *(char *const *)(const void *)field
			       ? json_string(*(char *const *)(const void *)field)
			       : json_null();
	case CONFIG_U32:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		return json_integer(*(const uint32_t *)(const void *)field);
	case CONFIG_CDB:
		return json_real(*(const int32_t *)(const void *)field / 100.0);
	case CONFIG_PORT:
	case CONFIG_ENUM:
	case CONFIG_ALG_LIST:
		break;
	}
	config_print(row, base, text, sizeof text);
	return json_string(text);
}

static json_t *rows_json(const struct config_row *rows, const char *base)
{
	json_t *out = json_object();

	for (const struct config_row *row = rows; row->key; row++)
		json_object_set_new(out, row->key, value_json(row, base));
	return out;
}

json_t *topology_json(const struct topology *t)
{
	return rows_json(topology_rows, (const char *)t);
}
