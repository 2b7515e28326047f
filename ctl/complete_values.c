/* Values that may stand on a command line: words out of the tables, and what the nodes have now. */
#include "complete.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "event_topics.h"
#include "fault.h"
#include "log.h"
#include "message.h"
#include "nodes.h"
#include "words.h"

#define TIMEOUT_MS 1000

void complete_offer_n(const struct completing *c, const char *word, size_t len)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-.,:/@+%";

	if (len && strspn(word, plain) >= len)
		printf("%s%.*s\n", c->prefix, (int)len, word);
}

void complete_offer(const struct completing *c, const char *word)
{
	complete_offer_n(c, word, strlen(word));
}

static void offer_node(void *arg, const char *name, const char *path)
{
	(void)path;
	complete_offer(arg, name);
}

void complete_nodes(const struct completing *c)
{
	(void)nodes_each(NULL, offer_node, (void *)(uintptr_t)c);
}

static void offer_enb(void *arg, const char *name, const char *path)
{
	struct client client;

	if (!client_open_quiet(&client, path, TIMEOUT_MS) && strcmp(client.role, "enbd") == 0)
		complete_offer(arg, name);
	client_close(&client);
}

void complete_enbs(const struct completing *c)
{
	(void)nodes_each(NULL, offer_enb, (void *)(uintptr_t)c);
}

static void offer_ues_of(const struct completing *c, struct client *client)
{
	int code;
	size_t i;
	json_t *item, *answer = client_call(client, "ue.list", json_object(), TIMEOUT_MS, &code);

	json_array_foreach(json_object_get(json_object_get(answer, "result"), "items"), i, item)
	{
		const char *ue = json_string_value(json_object_get(item, "ue"));
		if (ue)
			complete_offer(c, ue);
	}
	json_decref(answer);
}

static void offer_ues_of_ued(void *arg, const char *name, const char *path)
{
	struct client client;

	(void)name;
	if (!client_open_quiet(&client, path, TIMEOUT_MS) && strcmp(client.role, "ued") == 0)
		offer_ues_of(arg, &client);
	client_close(&client);
}

/* The socket of the node that is named; -1 when there is none. */
static int path_of(const struct completing *c, char path[NODE_PATH_MAX])
{
	if (c->cmd.socket[0]) {
		snprintf(path, NODE_PATH_MAX, "%s", c->cmd.socket);
		return 0;
	}
	return c->node ? node_path(c->node, path, NODE_PATH_MAX) : -1;
}

void complete_ues(const struct completing *c)
{
	char path[NODE_PATH_MAX];
	struct client client;

	if (path_of(c, path)) {
		(void)nodes_each(NULL, offer_ues_of_ued, (void *)(uintptr_t)c);
		return;
	}
	if (!client_open_quiet(&client, path, TIMEOUT_MS))
		offer_ues_of(c, &client);
	client_close(&client);
}

/* Methods of all nodes together: those of each daemon once. */
static void add_schema(void *arg, const char *name, const char *path)
{
	struct completing *c = arg;
	json_t *more = client_schema(path);

	(void)name;
	if (!c->schema)
		c->schema = json_incref(more);
	else
		json_array_extend(json_object_get(c->schema, "methods"),
				  json_object_get(more, "methods"));
	json_decref(more);
}

json_t *complete_schema(struct completing *c)
{
	char path[NODE_PATH_MAX];

	if (c->schema)
		return c->schema;
	if (path_of(c, path) == 0)
		c->schema = client_schema(path);
	else if (c->node && strcmp(c->node, "all") == 0)
		(void)nodes_each(NULL, add_schema, c);
	return c->schema;
}

static void offer_topics(const struct completing *c)
{
	static const char *const topics[] = {
#define TOPIC(topic, step, daemons, help) topic,
		EVENT_TOPICS(TOPIC)
#undef TOPIC
	};

	for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
		size_t len = strcspn(topics[i], ".") + 1, k = 0;
		/* "handover." is what many begin with. */
		while (strncmp(topics[k], topics[i], len) != 0)
			k++;
		if (k == i && len < strlen(topics[i]))
			complete_offer_n(c, topics[i], len);
		complete_offer(c, topics[i]);
	}
}

static void offer_faults(const struct completing *c)
{
#define FAULT_WORD(id, name, help) complete_offer(c, name);
	FAULT_KINDS(FAULT_WORD)
#undef FAULT_WORD
}

static void offer_categories(const struct completing *c)
{
#define CATEGORY_WORD(id, name) complete_offer(c, name);
	LOG_CATEGORIES(CATEGORY_WORD)
#undef CATEGORY_WORD
}

static void offer_levels(const struct completing *c)
{
	for (int i = 0; i < LOG_LEVELS; i++)
		complete_offer(c, log_level_name((enum log_level)i));
}

static void offer_messages(const struct completing *c)
{
	char name[80];

	for (size_t i = 0; i < message_row_count; i++) {
		snprintf(name, sizeof name, "%s.%s", iface_name(message_rows[i].iface),
			 message_rows[i].name);
		complete_offer(c, name);
	}
}

static void offer_files(const struct completing *c)
{
	(void)c;
	puts(COMPLETE_FILES);
}

/* Words divided by "|", as usages have them. */
static void offer_words(const struct completing *c, const char *words)
{
	while (*words) {
		size_t len = strcspn(words, "|");
		complete_offer_n(c, words, len);
		words += len + (words[len] == '|');
	}
}

/* By the name of a flag or of a parameter, whoever has it. */
static const struct value_row {
	const char *name;
	void (*offer)(const struct completing *c);
	const char *words; /* instead */
} values[] = {
	{"ue", complete_ues, NULL},
	{"to", complete_enbs, NULL},
	{"target", complete_enbs, NULL},
	{"enb", complete_enbs, NULL},
	{"enbs", complete_enbs, NULL},
	{"cell", complete_enbs, NULL},
	{"path", complete_enbs, NULL},
	{"node", complete_nodes, NULL},
	{"n", complete_nodes, NULL},
	{"topic", offer_topics, NULL},
	{"topics", offer_topics, NULL},
	{"fault", offer_faults, NULL},
	{"message", offer_messages, NULL},
	{"category", offer_categories, NULL},
	{"level", offer_levels, NULL},
	{"file", offer_files, NULL},
	{"out", offer_files, NULL},
	{"junit", offer_files, NULL},
	{"run", offer_files, NULL},
	{"keylog", offer_files, NULL},
	{"tls-keylog", offer_files, NULL},
	{"socket", offer_files, NULL},
	{"s", offer_files, NULL},
	{"topology", offer_files, NULL},
	{"output", NULL, "table|json|ndjson|csv"},
	{"via", NULL, "ssh:"},
	{"direction", NULL, "tx|rx"},
	{"transport", NULL, "tcp|sctp|sctp-udp"},
	{"format", NULL, "text|mermaid|plantuml|html"},
	{"backend", NULL, "loopback|netns|vm"},
	{0},
};

void complete_value(const struct completing *c, const char *flag)
{
	const char *name = flag + strspn(flag, "-");
	/* -o and -t of a verb are files; those of the tool a form and a time. */
	bool of_verb = c->verb && flag[0] == '-' && verb_has_flag(c->verb, flag);

	if (strcmp(flag, "-o") == 0)
		name = of_verb ? "file" : "output";
	if (strcmp(flag, "-t") == 0 && of_verb)
		name = "file";
	for (const struct value_row *v = values; v->name; v++) {
		if (strcmp(v->name, name) != 0)
			continue;
		if (v->offer)
			v->offer(c);
		else
			offer_words(c, v->words);
	}
}
