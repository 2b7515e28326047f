#include "words.h"

#include <string.h>

#include "client.h"
#include "duration.h"
#include "nearest.h"

/* clang-format off */
const struct option_row tool_options[] = {
	{'n', "node", "NODE", "the node; the first word without it"},
	{'s', "socket", "SOCKET", "path of a control socket, instead of a node's name"},
	{'o', "output", "table|json|ndjson|csv", "form of the result"},
	{'t', "timeout", "DURATION", "how long to wait for an answer: 5, 5s, 200ms or 2m (10s)"},
	{0, "via", "ssh:HOST[:/DIR]", "nodes of another machine, by OpenSSH; may stand several times"},
	{'V', "version", "", "prints the version"},
	{'h', "help", "", "prints a summary, or what a method or a verb takes"},
	{0, "dump-schema", "", ""}, /* for the manual page */
	{0},
};
/* clang-format on */

void option_name(const struct option_row *row, char *out, size_t len)
{
	char letter[] = {'-', row->letter, ',', ' ', '\0'};

	snprintf(out, len, "%s--%s", row->letter ? letter : "    ", row->name);
}

/* "-o FILE" stands in `usage`, behind a blank or a bracket. Where it ends, or NULL. */
static const char *find_flag(const char *usage, const char *flag)
{
	size_t len = strlen(flag);

	for (const char *at = usage; (at = strstr(at, flag)); at += len)
		if ((at == usage || strchr(" [|", at[-1])) && strchr(" ]|", at[len]))
			return at + len;
	return NULL;
}

bool verb_has_flag(const struct verb *v, const char *flag)
{
	return find_flag(v->usage, flag) != NULL;
}

bool verb_flag_takes_value(const struct verb *v, const char *flag)
{
	const char *end = find_flag(v->usage, flag);

	return end && end[0] == ' ' && end[1] && !strchr("[-|", end[1]);
}

/* ---- the tool's own ---- */

static const struct option_row *find_option(char *word, char **value)
{
	bool is_long = strncmp(word, "--", 2) == 0;
	size_t len = is_long ? strcspn(word + 2, "=") : 1;

	*value = NULL;
	for (const struct option_row *o = tool_options; o->name; o++) {
		if (is_long && strlen(o->name) == len && strncmp(word + 2, o->name, len) == 0) {
			*value = word[2 + len] ? word + 3 + len : NULL;
			return o;
		}
		if (is_long || !o->letter || word[0] != '-' || word[1] != o->letter)
			continue;
		*value = word[2] ? word + 2 : NULL;
		return o->value[0] || !word[2] ? o : NULL;
	}
	return NULL;
}

bool option_takes_value(const char *word)
{
	char copy[40], *value;

	if ((size_t)snprintf(copy, sizeof copy, "%s", word) >= sizeof copy)
		return false;
	const struct option_row *o = find_option(copy, &value);
	return o && o->value[0] && !value;
}

/* A verb's own flag is not ours, and a script has all its words but for the form of a result. */
static bool is_ours(const struct verb *verb, const struct option_row *o, const char *word,
		    const char *value)
{
	enum output_format form;
	char flag[40];

	if (!verb)
		return true;
	if (verb->run == complete_verb) /* they are another line's */
		return false;
	if (verb->is_script)
		return o->letter == 'o' && value && output_parse(value, &form) == 0;
	snprintf(flag, sizeof flag, "%.*s", word[1] == '-' ? (int)strcspn(word, "=") : 2, word);
	return !verb_has_flag(verb, flag);
}

static int say_wrong(const struct option_row *o, const char *value)
{
	fprintf(stderr, "keyhop: --%s wants %s%s%s%s\n", o->name, o->value, value ? ", not \"" : "",
		value ? value : "", value ? "\"" : "");
	return EXIT_USAGE;
}

static int take_option(struct command *cmd, const struct option_row *o, char *value)
{
	if (o->value[0] && !value)
		return say_wrong(o, NULL);
	if (strcmp(o->name, "socket") == 0)
		return (size_t)snprintf(cmd->socket, sizeof cmd->socket, "%s", value) <
				       sizeof cmd->socket
			       ? -1
			       : say_wrong(o, value);
	if (strcmp(o->name, "output") == 0)
		return output_parse(value, &cmd->output) ? say_wrong(o, value) : -1;
	if (strcmp(o->name, "timeout") == 0)
		return duration_parse(value, &cmd->timeout_ms) ? say_wrong(o, value) : -1;
	if (strcmp(o->name, "node") == 0) {
		cmd->node = value;
	} else if (strcmp(o->name, "via") == 0) {
		if (cmd->n_via == VIAS_MAX)
			return say_wrong(o, value);
		cmd->via[cmd->n_via++] = value;
	} else {
		cmd->only = o->name;
	}
	return -1;
}

static int say_unknown(const char *word)
{
	char name[64];
	struct nearest near;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
	nearest_init(&near, name + strspn(name, "-"));
	for (const struct option_row *o = tool_options; o->name; o++)
		nearest_try(&near, o->name);
	fprintf(stderr, "keyhop: unknown option %s%s%s%s\nhint: keyhop --help\n", name,
		near.best ? ", did you mean --" : "", near.best ? near.best : "",
		near.best ? "?" : "");
	return EXIT_USAGE;
}

/* The value after a verb's flag is the verb's, whatever it looks like. */
static bool next_is_value(const struct verb *verb, const char *word)
{
	return verb && word[0] == '-' && !strchr(word, '=') && verb_flag_takes_value(verb, word);
}

/* The verb that stands at this place: the first word is one, or "watch" behind a node. */
static const struct verb *verb_at(const struct command *cmd, int place, const char *word)
{
	bool has_node = cmd->node || cmd->socket[0];

	if (place == 1 && !has_node)
		return verb_find(word);
	return place == (has_node ? 1 : 2) && strcmp(word, "watch") == 0 ? verb_find(word) : NULL;
}

int options_take(struct command *cmd, int *argc, char **argv)
{
	const struct verb *verb = NULL;
	int kept = 1, i = 1, code = -1;

	for (; i < *argc && code < 0 && strcmp(argv[i], "--") != 0; i++) {
		char *word = argv[i], *value;
		const struct option_row *o = find_option(word, &value);
		bool follows = o && o->value[0] && !value && i + 1 < *argc;
		bool helps = o && o->letter == 'h' && kept > 1; /* about what was said */
		if (o && !helps && is_ours(verb, o, word, follows ? argv[i + 1] : value)) {
			code = take_option(cmd, o, follows ? argv[++i] : value);
			continue;
		}
		if (kept == 1 && word[0] == '-')
			return say_unknown(word);
		if (!verb)
			verb = verb_at(cmd, kept, word);
		argv[kept++] = word;
		if (next_is_value(verb, word) && i + 1 < *argc)
			argv[kept++] = argv[++i];
	}
	if (kept == 1 && i < *argc) /* "--" in front of all words */
		i++;
	while (i < *argc)
		argv[kept++] = argv[i++];
	argv[kept] = NULL;
	*argc = kept;
	return code;
}

/* ---- those of a verb ---- */

/* The flags of a usage, one after the other: "--ue", "-o". False after the last one. */
static bool next_flag(const char **at, char *flag, size_t len)
{
	const char *p = *at;

	while ((p = strchr(p, '-')) && p != *at && !strchr(" [|", p[-1]))
		p += strspn(p, "-");
	if (!p)
		return false;
	size_t n = strcspn(p, " ]|");
	snprintf(flag, len, "%.*s", (int)n, p);
	*at = p + n;
	return true;
}

void verb_each_flag(const struct verb *v, verb_flag_fn *fn, void *arg)
{
	const char *at = v->usage;
	char flag[32];

	while (next_flag(&at, flag, sizeof flag))
		fn(arg, flag);
}

struct known {
	struct nearest near;
	char best[32];
};

static void try_flag(void *arg, const char *flag)
{
	struct known *k = arg;

	if (nearest_try(&k->near, flag + strspn(flag, "-")))
		snprintf(k->best, sizeof k->best, "%s", flag);
}

static int say_no_flag(const struct verb *v, const char *flag)
{
	struct known k = {.best = ""};

	nearest_init(&k.near, flag + strspn(flag, "-"));
	verb_each_flag(v, try_flag, &k);
	return verb_misuse(v->name, "%s: no such option%s%s%s", flag,
			   k.best[0] ? ", did you mean " : "", k.best, k.best[0] ? "?" : "");
}

const char *words_next(struct words *w)
{
	if (w->argc > 0 && !w->plain && strcmp(w->argv[0], "--") == 0) {
		w->plain = true;
		w->argc--;
		w->argv++;
	}
	if (w->argc <= 0)
		return NULL;
	char *word = *w->argv++;
	w->argc--;
	w->value = word;
	if (w->plain || word[0] != '-' || !word[1])
		return "";
	char *eq = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
	snprintf(w->flag, sizeof w->flag, "%.*s", eq ? (int)(eq - word) : (int)strlen(word), word);
	if (!verb_has_flag(w->verb, w->flag)) {
		w->code = say_no_flag(w->verb, w->flag);
		return NULL;
	}
	bool takes = verb_flag_takes_value(w->verb, w->flag);
	w->value = eq ? eq + 1 : NULL;
	if (takes && !eq && w->argc > 0 && strncmp(w->argv[0], "--", 2) != 0) {
		w->value = *w->argv++;
		w->argc--;
	}
	if (takes && w->value)
		return w->flag;
	if (takes)
		w->code = verb_misuse(w->verb->name, "%s: its value is missing", w->flag);
	else if (eq)
		w->code = verb_misuse(w->verb->name, "%s takes no value", w->flag);
	return w->code ? NULL : w->flag;
}
