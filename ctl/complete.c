/* keyhop complete WORD...: the shells ask what may come next. Words come from the tables and from the schema of the node
 * that is named, values from the nodes themselves. */
#include "complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "params.h"
#include "words.h"

#define WORDS_MAX 256

static void offer_all(const struct completing *c, const char *const *words)
{
	for (; *words; words++)
		complete_offer(c, *words);
}

static void offer_flag(void *arg, const char *flag)
{
	complete_offer(arg, flag);
}

/* ---- methods ---- */

/* First words of methods, or the second words that go with `noun`. */
static void offer_methods(const struct completing *c, const char *noun)
{
	json_t *m, *seen = json_object();
	size_t i;

	json_array_foreach(json_object_get(c->schema, "methods"), i, m)
	{
		const char *name = json_string_value(json_object_get(m, "name"));
		size_t len = strcspn(name, ".");
		bool fits = noun && strlen(noun) == len && strncmp(name, noun, len) == 0;
		const char *word = noun ? name + len + 1 : name;
		size_t n = noun ? strlen(name) - len - 1 : len;
		if ((noun && (!fits || !name[len])) || json_object_getn(seen, word, n))
			continue;
		json_object_setn_new(seen, word, n, json_true());
		complete_offer_n(c, word, n);
	}
	json_decref(seen);
}

/* The method that the words name, and how many of them do; NULL for none. */
static json_t *method_of(struct completing *c, int *used)
{
	char name[128];
	json_t *method;

	if (c->argc < 1 || !complete_schema(c))
		return NULL;
	snprintf(name, sizeof name, "%s.%s", c->argv[0], c->argc > 1 ? c->argv[1] : "");
	*used = 2;
	method = schema_method(c->schema, name);
	if (method)
		return method;
	*used = 1;
	return schema_method(c->schema, c->argv[0]);
}

static const json_t *param_of(const json_t *method, const char *flag)
{
	return strncmp(flag, "--", 2) == 0 ? params_find(method, flag + 2) : NULL;
}

static bool is_switch(const json_t *param)
{
	return strcmp(json_string_value(json_object_get(param, "type")), "bool") == 0;
}

/* The parameters that the words give: by flag, or required ones in order. New object of their names. */
static json_t *given(const json_t *method, int argc, char **argv)
{
	json_t *out = json_object(), *p;
	size_t i;
	char flag[64];

	for (int at = 0; at < argc; at++) {
		snprintf(flag, sizeof flag, "%.*s", (int)strcspn(argv[at], "="), argv[at]);
		const json_t *known = param_of(method, flag);
		if (known) {
			json_object_set_new(out, json_string_value(json_object_get(known, "name")),
					    json_true());
			at += !is_switch(known) && !strchr(argv[at], '=');
			continue;
		}
		json_array_foreach(json_object_get(method, "params"), i, p)
		{
			const char *name = json_string_value(json_object_get(p, "name"));
			if (!json_is_true(json_object_get(p, "required")) ||
			    json_object_get(out, name))
				continue;
			json_object_set_new(out, name, json_true());
			break;
		}
	}
	return out;
}

/* Flags that were not given yet, and what the first required one may be without its flag. */
static void offer_params(const struct completing *c, const json_t *method, int used)
{
	json_t *have = given(method, c->argc - used, c->argv + used), *p;
	bool first = true;
	char flag[80];
	size_t i;

	json_array_foreach(json_object_get(method, "params"), i, p)
	{
		const char *name = json_string_value(json_object_get(p, "name"));
		if (json_object_get(have, name))
			continue;
		snprintf(flag, sizeof flag, "--%s", name);
		complete_offer(c, flag);
		if (first && json_is_true(json_object_get(p, "required"))) {
			complete_value(c, name);
			first = false;
		}
	}
	json_decref(have);
}

static void offer_of_node(struct completing *c)
{
	static const char *const more[] = {"help", "watch", NULL};
	bool helps = c->argc > 0 && strcmp(c->argv[0], "help") == 0;
	int used = 0;

	if (!complete_schema(c))
		return;
	const json_t *method = method_of(c, &used);
	if (c->argc - helps == 0)
		offer_methods(c, NULL);
	if (c->argc == 0)
		offer_all(c, more);
	if (c->argc - helps == 1)
		offer_methods(c, c->argv[helps]);
	if (method && c->argc >= used)
		offer_params(c, method, used);
}

/* ---- verbs ---- */

static void offer_wait(struct completing *c)
{
	static const char *const first[] = {"all", "ue", NULL}, *const ready[] = {"ready", NULL};
	static const char *const states[] = {"attached", "detached", "at", NULL};
	bool ue = c->argc > 0 && strcmp(c->argv[0], "ue") == 0;

	if (c->argc == 0) {
		offer_all(c, first);
		complete_nodes(c);
	} else if (c->argc == 1) {
		offer_all(c, ready);
		if (ue)
			complete_ues(c);
	} else if (ue && c->argc == 2) {
		offer_all(c, states);
	} else if (ue && c->argc == 3 && strcmp(c->argv[2], "at") == 0) {
		complete_enbs(c);
	}
}

static void offer_verbs(struct completing *c)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (v->run != complete_verb)
			complete_offer(c, v->name);
}

static void offer_shells(struct completing *c)
{
	static const char *const shells[] = {"bash", "zsh", "fish", NULL};

	offer_all(c, shells);
}

static void offer_lab(struct completing *c)
{
	if (c->argc == 0)
		lab_print_words();
	else
		complete_nodes(c);
}

static void offer_nodes_to_watch(struct completing *c)
{
	complete_nodes(c);
}

static void offer_files(struct completing *c)
{
	complete_value(c, "file");
}

/* The words of verbs, beside their flags. */
static const struct verb_words {
	int (*run)(int argc, char **argv, enum output_format form);
	void (*offer)(struct completing *c);
} words_of[] = {
	{wait_verb, offer_wait},
	{help_verb, offer_verbs},
	{completion_verb, offer_shells},
	{lab_verb, offer_lab},
	{run_verb, offer_files},
	{seq_verb, offer_files},
	{decrypt_verb, offer_files},
	{merge_verb, offer_files},
	{watch_verb, offer_nodes_to_watch},
	{schema_verb, offer_nodes_to_watch},
};

static void offer_of_verb(struct completing *c)
{
	for (size_t i = 0; i < sizeof words_of / sizeof words_of[0]; i++)
		if (words_of[i].run == c->verb->run)
			words_of[i].offer(c);
	/* What to wait for is not hidden among flags. */
	if (c->verb->run != wait_verb || c->argc > 2 || c->typed[0] == '-')
		verb_each_flag(c->verb, offer_flag, c);
}

/* ---- the line ---- */

/* The tool's own options are taken out; what is left is the verb, or the node, and their words. False for a line that
 * is wrong already. */
static bool understand(struct completing *c, int argc, char **argv, char *room[WORDS_MAX])
{
	static char tool[] = "keyhop";
	int n = argc + 1;

	*c = (struct completing){.prefix = ""};
	room[0] = tool;
	memcpy(room + 1, argv, (size_t)argc * sizeof *argv);
	if (options_take(&c->cmd, &n, room) >= 0)
		return false;
	c->argc = n - 1;
	c->argv = room + 1;
	bool named = c->cmd.node || c->cmd.socket[0];
	c->node = c->cmd.node;
	c->verb = c->argc && !named ? verb_find(c->argv[0]) : NULL;
	if (c->argc && !named) {
		c->node = c->verb ? NULL : c->argv[0];
		c->argc--;
		c->argv++;
	}
	if (!c->verb && c->argc && strcmp(c->argv[0], "watch") == 0) {
		c->verb = verb_find("watch");
		c->argc--;
		c->argv++;
	}
	return true;
}

static bool wants_value(struct completing *c, const char *flag)
{
	int used;

	if (flag[0] != '-')
		return false;
	if (c->verb && verb_has_flag(c->verb, flag))
		return verb_flag_takes_value(c->verb, flag);
	if (option_takes_value(flag))
		return true;
	const json_t *param = c->verb ? NULL : param_of(method_of(c, &used), flag);
	return param && !is_switch(param);
}

static void offer_next(struct completing *c)
{
	static const char *const all[] = {"all", NULL};

	if (c->verb) {
		offer_of_verb(c);
	} else if (c->node || c->cmd.socket[0]) {
		offer_of_node(c);
	} else {
		offer_verbs(c);
		complete_nodes(c);
		offer_all(c, all);
	}
	for (const struct option_row *o = tool_options; c->typed[0] == '-' && o->help; o++) {
		char flag[40];
		snprintf(flag, sizeof flag, "--%s", o->name);
		if (o->help[0] && !(c->verb && verb_has_flag(c->verb, flag)))
			complete_offer(c, flag);
	}
}

/* What stands after `argc` whole words, when `typed` is there of it; the shell filters. */
static void complete(int argc, char **argv, const char *typed)
{
	struct completing c;
	char *room[WORDS_MAX + 1];
	size_t flag_len = strncmp(typed, "--", 2) == 0 ? strcspn(typed, "=") : 0;
	char flag[sizeof c.prefix - 1];

	if (argc && understand(&c, argc - 1, argv, room) && wants_value(&c, argv[argc - 1])) {
		complete_value(&c, argv[argc - 1]);
		json_decref(c.schema);
		return;
	}
	if (argc)
		json_decref(c.schema);
	if (!understand(&c, argc, argv, room))
		return;
	c.typed = typed;
	if (flag_len && typed[flag_len] && flag_len < sizeof flag) {
		snprintf(flag, sizeof flag, "%.*s", (int)flag_len, typed);
		snprintf(c.prefix, sizeof c.prefix, "%s=", flag);
		complete_value(&c, flag);
	} else {
		offer_next(&c);
	}
	json_decref(c.schema);
}

/* The last word is the one being typed. bash makes three of --flag=value. */
int complete_verb(int argc, char **argv, enum output_format form)
{
	char *whole[WORDS_MAX], nothing[] = "";
	int n = 0;
	char *typed = argc > 0 ? argv[argc - 1] : nothing;

	(void)form;
	for (int i = 0; i + 1 < argc && n < WORDS_MAX - 2; i++)
		if (strcmp(argv[i], "=") != 0)
			whole[n++] = argv[i];
	complete(n, whole, strcmp(typed, "=") == 0 ? nothing : typed);
	return EXIT_DONE;
}
