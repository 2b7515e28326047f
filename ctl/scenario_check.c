/* What the rows of a scenario cannot say: what a step needs, and names that mean something. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "event_topics.h"
#include "fault.h"
#include "nearest.h"
#include "run_internal.h"

#define WORD_LEN 64

struct check {
	const struct run *r;
	const struct config_tree *tree;
	char *why;
	size_t at; /* step */
};

/* "file:line:column: text" about `key` of the step, or about the step where it lacks that. */
static int wrong(const struct check *c, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int wrong(const struct check *c, const char *key, const char *fmt, ...)
{
	char path[WORD_LEN];
	va_list ap;

	snprintf(path, sizeof path, "steps.%zu.%s", c->at, key);
	va_start(ap, fmt);
	int err = config_wrong(scenario_rows, c->tree, path, c->why, fmt, ap);
	va_end(ap);
	return err;
}

static const struct step *step_at(const struct check *c)
{
	return (const struct step *)c->r->scenario.steps.items + c->at;
}

static int not_known(const struct check *c, const char *key, const char *what, const char *word,
		     const char *best)
{
	char hint[NEAREST_HINT_LEN];

	return wrong(c, key, "no %s \"%s\"%s", what, word, nearest_hint(best, hint));
}

static int check_fault(const struct check *c)
{
	static const char *const words[] = {
#define FAULT_WORD(id, name, help) name,
		FAULT_KINDS(FAULT_WORD)
#undef FAULT_WORD
	};
	const struct step *s = step_at(c);
	struct nearest near;

	if (s->direction && strcmp(s->direction, "tx") != 0 && strcmp(s->direction, "rx") != 0)
		return wrong(c, "direction", "\"direction\" wants tx or rx, not \"%s\"",
			     s->direction);
	nearest_init(&near, s->fault);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(words[i], s->fault) == 0)
			return 0;
		nearest_try(&near, words[i]);
	}
	return not_known(c, "fault", "fault", s->fault, near.best);
}

static int check_topic(const struct check *c)
{
	static const char *const topics[] = {
#define TOPIC(topic, step, daemons, help) topic,
		EVENT_TOPICS(TOPIC)
#undef TOPIC
	};
	const char *word = step_at(c)->topic;
	struct nearest near;

	nearest_init(&near, word);
	for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
		if (strcmp(topics[i], word) == 0)
			return 0;
		nearest_try(&near, topics[i]);
	}
	return not_known(c, "topic", "topic", word, near.best);
}

static int check_call(const struct check *c)
{
	const char *text = step_at(c)->params;
	json_error_t error;
	json_t *params = json_loads(text ? text : "{}", JSON_REJECT_DUPLICATES, &error);
	bool parsed = params != NULL, good = json_is_object(params);

	json_decref(params);
	if (good)
		return 0;
	return wrong(c, "params", "\"params\" wants a JSON object%s%s", parsed ? "" : ": ",
		     parsed ? "" : error.text);
}

static int check_ping_pong(const struct check *c)
{
	if (run_path_len(step_at(c)->path) == 2)
		return 0;
	return wrong(c, "path", "ping-pong wants a path of two cells");
}

/* What a kind of step cannot do without, and what else is to be said of it. */
static const struct need {
	enum step_kind kind;
	const char *key;
	size_t offset; /* of a text */
	int (*check)(const struct check *c);
} needs[] = {
	{STEP_MOVE, "path", offsetof(struct step, path), NULL},
	{STEP_PING_PONG, "path", offsetof(struct step, path), check_ping_pong},
	{STEP_MEASURE, "to", offsetof(struct step, to), NULL},
	{STEP_TRACE, "file", offsetof(struct step, file), NULL},
	{STEP_EXPECT, "topic", offsetof(struct step, topic), check_topic},
	{STEP_STATE, "state", offsetof(struct step, state), NULL},
	{STEP_FAULT, "node", offsetof(struct step, node), NULL},
	{STEP_FAULT, "message", offsetof(struct step, message), NULL},
	{STEP_FAULT, "fault", offsetof(struct step, fault), check_fault},
	{STEP_CALL, "node", offsetof(struct step, node), NULL},
	{STEP_CALL, "method", offsetof(struct step, method), check_call},
};

static int check_needs(const struct check *c)
{
	const struct step *s = step_at(c);
	int err = 0;

	for (size_t i = 0; i < sizeof needs / sizeof needs[0] && !err; i++) {
		const char *text =
			*(char *const *)(const void *)((const char *)s + needs[i].offset);
		if ((enum step_kind)s->kind != needs[i].kind)
			continue;
		if (!text || !text[strspn(text, " ,")])
			return wrong(c, needs[i].key, "%s wants \"%s\"", step_word(needs[i].kind),
				     needs[i].key);
		err = needs[i].check ? needs[i].check(c) : 0;
	}
	return err;
}

/* A node by its name, a cell by its number, too. */
static bool is_node(const struct check *c, const char *word, bool cell)
{
	struct fleet *f = (struct fleet *)(uintptr_t)&c->r->fleet;
	const struct fleet_node *node = fleet_find(f, word);
	char *end;
	unsigned long id = strtoul(word, &end, 10);

	if (node)
		return !cell || node->enb_id;
	return cell && *word && !*end && id <= UINT32_MAX && fleet_enb(f, (uint32_t)id);
}

static int check_word(const struct check *c, const char *key, const char *word, bool cell)
{
	struct nearest near;

	if (is_node(c, word, cell))
		return 0;
	nearest_init(&near, word);
	for (size_t i = 0; i < c->r->fleet.n_nodes; i++)
		if (!cell || c->r->fleet.nodes[i]->enb_id)
			nearest_try(&near, c->r->fleet.nodes[i]->name);
	return not_known(c, key, cell ? "cell" : "node", word, near.best);
}

/* The words of `text`; NULL has none. */
static int check_names(const struct check *c, const char *key, const char *text, bool cell)
{
	char word[WORD_LEN];
	int err = 0;

	for (const char *p = text ? text + strspn(text, " ,") : ""; *p && !err;
	     p += strspn(p, " ,")) {
		size_t len = strcspn(p, " ,");
		snprintf(word, sizeof word, "%.*s", (int)len, p);
		err = check_word(c, key, word, cell);
		p += len;
	}
	return err;
}

static int check_step_nodes(const struct check *c)
{
	const struct step *s = step_at(c);
	int err = check_names(c, "node", s->node, false);

	if (!err)
		err = check_names(c, "cell", s->cell, true);
	if (!err)
		err = check_names(c, "path", s->path, true);
	return err ? err : check_names(c, "to", s->to, true);
}

int run_check_steps(const struct run *r, const struct config_tree *tree, char why[CONFIG_WHY_LEN])
{
	struct check c = {.r = r, .tree = tree, .why = why};
	int err = 0;

	for (; c.at < r->scenario.steps.n && !err; c.at++)
		err = check_needs(&c);
	return err;
}

int run_check_nodes(const struct run *r, const struct config_tree *tree, char why[CONFIG_WHY_LEN])
{
	struct check c = {.r = r, .tree = tree, .why = why};
	int err = 0;

	for (; c.at < r->scenario.steps.n && !err; c.at++)
		err = check_step_nodes(&c);
	return err;
}
