/* The tree of a configuration file, the overrides that are put into it, and the words of its errors. */
#include "config_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nearest.h"

struct config_node *config_node_new(enum config_node_kind kind, const struct config_mark *at)
{
	struct config_node *node = x_calloc(1, sizeof *node);

	node->kind = kind;
	node->at = node->key_at = *at;
	return node;
}

/* Recursion is bounded by CONFIG_NESTING_MAX and the dots of an override's path. */
void config_node_free(struct config_node *node)
{
	if (node == NULL)
		return;
	for (struct config_node *child = node->first, *next; child != NULL; child = next) {
		next = child->next;
		config_node_free(child);
	}
	free(node->key);
	free(node->text);
	free(node);
}

void config_node_add(struct config_node *parent, struct config_node *child)
{
	if (parent->last != NULL)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->n++;
}

void config_node_set_text(struct config_node *node, const char *text)
{
	free(node->text);
	node->text = x_strdup(text);
}

size_t config_mark_text(const struct config_mark *at, char *out, size_t len)
{
	if (at->line > 0)
		snprintf(out, len, "%.120s:%zu:%zu", at->origin, at->line, at->column);
	else
		snprintf(out, len, "%.120s", at->origin);
	return strlen(out);
}

int config_error(char why[CONFIG_WHY_LEN], const struct config_mark *at, const char *fmt, ...)
{
	va_list ap;
	size_t used = config_mark_text(at, why, CONFIG_WHY_LEN);

	used += (size_t)snprintf(why + used, CONFIG_WHY_LEN - used, ": ");
	va_start(ap, fmt);
	vsnprintf(why + used, CONFIG_WHY_LEN - used, fmt, ap);
	va_end(ap);
	return KH_E_CONFIG;
}

const char *config_shown(const char *text, char out[CONFIG_SHOWN_LEN])
{
	size_t i;

	for (i = 0; text[i] != '\0' && i < CONFIG_SHOWN_LEN - 4; i++) {
		unsigned char c = (unsigned char)text[i];

		out[i] = c < ' ' || c >= 0x7f ? '?' : text[i];
	}
	snprintf(out + i, 4, "%s", text[i] != '\0' ? "..." : "");
	return out;
}

const char *config_nearest(const struct config_row *rows, const char *word)
{
	struct nearest n;

	nearest_init(&n, word);
	for (const struct config_row *row = rows; row->key != NULL; row++)
		nearest_try(&n, row->key);
	return n.best;
}

/* NULL, too, when `node` is no map. */
static struct config_node *child_named(const struct config_node *node, const char *key, size_t len)
{
	struct config_node *child = node->kind == CONFIG_NODE_MAP ? node->first : NULL;

	while (child != NULL && (strncmp(child->key, key, len) != 0 || child->key[len] != '\0'))
		child = child->next;
	return child;
}

const struct config_node *config_node_at(const struct config_node *map, const char *key)
{
	while (map != NULL) {
		size_t len = strcspn(key, ".");

		map = child_named(map, key, len);
		if (key[len] == '\0')
			break;
		key += len + 1;
	}
	return map;
}

/* --- overrides --- */

struct target {
	const struct config_override *o;
	struct config_mark at;
	char *why;
};

/* The child of that name, made when it is not there. */
static struct config_node *child_get(struct config_node *map, const char *key, size_t len,
				     const struct config_mark *at)
{
	struct config_node *child = child_named(map, key, len);

	if (child != NULL)
		return child;
	child = config_node_new(CONFIG_NODE_SCALAR, at);
	child->unset = true;
	child->key = x_calloc(1, len + 1);
	memcpy(child->key, key, len);
	config_node_add(map, child);
	return child;
}

/* `log:` without a value becomes a mapping when something is put below it. */
static bool become_map(struct config_node *node)
{
	if (node->kind == CONFIG_NODE_SCALAR && node->unset)
		node->kind = CONFIG_NODE_MAP;
	return node->kind == CONFIG_NODE_MAP;
}

/* Walks down the dots of a row's key; NULL with an error when the file has something else on the way. */
static struct config_node *descend(const struct target *t, struct config_node *map, const char *key)
{
	struct config_node *node = map;

	for (;;) {
		size_t len = strcspn(key, ".");

		if (!become_map(node)) {
			if (node->key == NULL)
				config_error(t->why, &node->at,
					     "an item of a list wants a mapping");
			else
				config_error(t->why, &node->at, "\"%s\" wants a mapping",
					     node->key);
			return NULL;
		}
		node = child_get(node, key, len, &t->at);
		if (key[len] == '\0')
			return node;
		key += len + 1;
	}
}

/* `fresh` takes the place and the key of `node`. */
static void replace(struct config_node *node, struct config_node *fresh)
{
	struct config_node old = *node;

	*node = *fresh;
	node->key = old.key;
	node->key_at = node->at;
	node->next = old.next;
	old.key = fresh->key;
	old.next = NULL;
	*fresh = old;
	config_node_free(fresh);
}

static int put_text(const struct target *t, struct config_node *node)
{
	struct config_node *fresh = config_node_new(CONFIG_NODE_SCALAR, &t->at);

	fresh->unset = *t->o->value == '\0';
	fresh->typed = true;
	config_node_set_text(fresh, t->o->value);
	replace(node, fresh);
	return 0;
}

/* A list, or a whole item of one; nothing is what it is in a file. */
static int put_yaml(const struct target *t, struct config_node *node)
{
	struct config_node *fresh;

	if (*t->o->value == '\0')
		return put_text(t, node);
	int rc = config_yaml_text(t->o->value, &t->at, &fresh, t->why);
	if (rc == 0)
		replace(node, fresh);
	return rc;
}

/* The item at the index that `rest` begins with ("0.port", or "0"); moves `rest` to what follows. */
static struct config_node *item_at(const struct target *t, const struct config_row *row,
				   const struct config_node *list, const char **rest)
{
	struct config_node *item = list->first;
	char *end;
	unsigned long index = strtoul(*rest, &end, 10);

	if (**rest < '0' || **rest > '9' || (end[0] != '.' && end[0] != '\0')) {
		config_error(t->why, &t->at, "\"%s\" is a list: name an item, as in %s.0.%s",
			     row->key, row->key, row->rows[0].key);
		return NULL;
	}
	if (list->kind != CONFIG_NODE_SEQ || index >= list->n) {
		config_error(t->why, &t->at, "\"%s\" has only %zu items", row->key, list->n);
		return NULL;
	}
	*rest = end + (end[0] == '.');
	while (index-- > 0)
		item = item->next;
	return item;
}

static int put_at(const struct target *t, const struct config_row *rows, struct config_node *map,
		  const char *path)
{
	char shown[CONFIG_SHOWN_LEN], hint[NEAREST_HINT_LEN];

	for (const struct config_row *row = rows; row->key != NULL; row++) {
		size_t len = strlen(row->key);
		const char *rest = path + len + 1;
		struct config_node *node;

		if (strncmp(path, row->key, len) != 0 ||
		    (path[len] != '\0' && (path[len] != '.' || row->type != CONFIG_LIST)))
			continue;
		node = descend(t, map, row->key);
		if (node == NULL)
			return KH_E_CONFIG;
		if (path[len] == '\0')
			return row->type == CONFIG_LIST ? put_yaml(t, node) : put_text(t, node);
		node = item_at(t, row, node, &rest);
		if (node == NULL)
			return KH_E_CONFIG;
		return *rest == '\0' ? put_yaml(t, node) : put_at(t, row->rows, node, rest);
	}
	return config_error(t->why, &t->at, "unknown key \"%s\"%s", config_shown(path, shown),
			    nearest_hint(config_nearest(rows, path), hint));
}

int config_override_apply(const struct config_row *rows, struct config_node *root,
			  const struct config_override *o, const char *origin,
			  char why[CONFIG_WHY_LEN])
{
	struct target t = {.o = o, .at = {.origin = origin, .folder = ""}, .why = why};

	return put_at(&t, rows, root, o->path);
}

/* --- several files --- */

static int refuse_twice(const struct config_node *map, char why[CONFIG_WHY_LEN])
{
	for (const struct config_node *c = map->first; c != NULL; c = c->next) {
		if (child_named(map, c->key, strlen(c->key)) != c)
			return config_error(why, &c->key_at, "duplicate key \"%s\"", c->key);
	}
	return 0;
}

static int merge_child(struct config_node *base, struct config_node *c, char why[CONFIG_WHY_LEN])
{
	struct config_node *there = child_named(base, c->key, strlen(c->key));
	struct config_mark key_at = c->key_at;

	c->next = NULL;
	if (there == NULL) {
		config_node_add(base, c);
	} else if (there->kind == CONFIG_NODE_MAP && become_map(c)) {
		return config_tree_merge(there, c, why);
	} else {
		replace(there, c);
		there->key_at = key_at;
	}
	return 0;
}

int config_tree_merge(struct config_node *base, struct config_node *over, char why[CONFIG_WHY_LEN])
{
	int rc = refuse_twice(over, why);

	while (rc == 0 && over->first != NULL) {
		struct config_node *c = over->first;

		over->first = c->next;
		rc = merge_child(base, c, why);
	}
	config_node_free(over);
	return rc;
}
