/* The engine: rows say what the tree of a file may hold and where each value goes. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "mem.h"
#include "nearest.h"

struct load {
	struct config_mark whole; /* for what is missing, and for defaults */
	char *why;
};

static int fill(const struct load *l, const struct config_row *rows, char *base,
		const struct config_node *node, bool whole_file);
static void clear_rows(const struct config_row *rows, char *base);

const struct config_row *config_row_named(const struct config_row *rows, const char *key)
{
	for (const struct config_row *row = rows; row->key != NULL; row++) {
		if (strcmp(row->key, key) == 0)
			return row;
	}
	return NULL;
}

bool config_is_section(const struct config_row *rows, const char *path)
{
	size_t len = strlen(path);

	for (const struct config_row *row = rows; row->key != NULL; row++) {
		if (strncmp(row->key, path, len) == 0 && row->key[len] == '.')
			return true;
	}
	return false;
}

/* Nearest word that may stand below `section` ("" or "tls."), copied to `out`; NULL when none is near. */
static const char *nearest_below(const struct config_row *rows, const char *section,
				 const char *word, char out[CONFIG_PATH_LEN])
{
	size_t skip = strlen(section);
	struct nearest n;

	nearest_init(&n, word);
	for (const struct config_row *row = rows; row->key != NULL; row++) {
		char part[CONFIG_PATH_LEN];

		if (strncmp(row->key, section, skip) != 0)
			continue;
		snprintf(part, sizeof part, "%.*s", (int)strcspn(row->key + skip, "."),
			 row->key + skip);
		if (nearest_try(&n, part))
			memcpy(out, part, sizeof part);
	}
	return out[0] != '\0' ? out : NULL;
}

static int refuse_key(const struct load *l, const struct config_row *rows, const char *section,
		      const struct config_node *child)
{
	char near[CONFIG_PATH_LEN] = "", shown[CONFIG_SHOWN_LEN], hint[NEAREST_HINT_LEN];
	const char *nearest = nearest_below(rows, section, child->key, near);

	return config_error(l->why, &child->key_at, "unknown key \"%s\"%s",
			    config_shown(child->key, shown), nearest_hint(nearest, hint));
}

/* The word of an enum that was perhaps meant, or NULL. */
static const char *nearest_word(const struct config_row *row, const struct config_node *node)
{
	struct nearest near;

	if (row->type != CONFIG_ENUM || node->kind != CONFIG_NODE_SCALAR)
		return NULL;
	nearest_init(&near, node->text);
	for (const struct config_word *w = row->words; w->word; w++)
		nearest_try(&near, w->word);
	return near.best;
}

static int refuse_value(const struct load *l, const struct config_row *row,
			const struct config_node *node)
{
	static const char *const kinds[] = {"text", "a mapping", "a list"};
	char want[CONFIG_WHY_LEN], shown[CONFIG_SHOWN_LEN], hint[NEAREST_HINT_LEN];
	const char *nearest = nearest_word(row, node);

	if (nearest)
		return config_error(l->why, &node->at, "\"%s\" cannot be \"%s\"%s", row->key,
				    config_shown(node->text, shown), nearest_hint(nearest, hint));
	config_value_want(row, want, sizeof want);
	if (node->kind != CONFIG_NODE_SCALAR)
		return config_error(l->why, &node->at, "\"%s\" wants %s, not %s", row->key, want,
				    kinds[node->kind]);
	return config_error(l->why, &node->at, "\"%s\" wants %s, not \"%s\"", row->key, want,
			    config_shown(node->text, shown));
}

static int refuse_duplicates(const struct load *l, const struct config_node *map,
			     const struct config_node *child)
{
	for (const struct config_node *c = map->first; c != child; c = c->next) {
		if (strcmp(c->key, child->key) == 0)
			return config_error(l->why, &child->key_at, "duplicate key \"%s\"",
					    child->key);
	}
	return 0;
}

static int fill_words(const struct load *l, const struct config_row *row, void *field,
		      const struct config_node *node)
{
	struct config_algs algs = {.n = 0};

	if (node->n == 0)
		return refuse_value(l, row, node);
	for (const struct config_node *c = node->first; c != NULL; c = c->next) {
		if (c->kind != CONFIG_NODE_SCALAR || !config_value_add_word(row, &algs, c->text))
			return refuse_value(l, row, c);
	}
	*(struct config_algs *)field = algs;
	return 0;
}

static int fill_list(const struct load *l, const struct config_row *row, void *field,
		     const struct config_node *node)
{
	size_t max = row->max_items != 0 ? row->max_items : CONFIG_ITEMS_MAX;
	struct config_list *list = field;
	const struct config_node *c = node->first;
	int rc = 0;

	if (node->kind != CONFIG_NODE_SEQ)
		return refuse_value(l, row, node);
	if (node->n > max)
		return config_error(l->why, &node->at, "\"%s\" has more than %zu items", row->key,
				    max);
	list->items = node->n > 0 ? x_calloc(node->n, row->item_size) : NULL;
	list->n = node->n;
	for (size_t i = 0; rc == 0 && c != NULL; i++, c = c->next) {
		if (c->kind != CONFIG_NODE_MAP)
			return config_error(l->why, &c->at, "an item of \"%s\" wants a mapping",
					    row->key);
		rc = fill(l, row->rows, (char *)list->items + i * row->item_size, c, false);
	}
	return rc;
}

static int fill_value(const struct load *l, const struct config_row *row, char *base,
		      const struct config_node *node)
{
	void *field = base + row->offset;

	if (node->unset) {
		if (row->required)
			return config_error(l->why, &node->key_at, "\"%s\" has no value", row->key);
		return 0;
	}
	if (row->type == CONFIG_LIST)
		return fill_list(l, row, field, node);
	if (row->type == CONFIG_ALG_LIST && node->kind == CONFIG_NODE_SEQ)
		return fill_words(l, row, field, node);
	/* A list in one text, "A,B", is for the command line alone. */
	if (node->kind != CONFIG_NODE_SCALAR || (row->type == CONFIG_ALG_LIST && !node->typed))
		return refuse_value(l, row, node);
	if (!config_value_parse(row, field, node->text, node->at.folder))
		return refuse_value(l, row, node);
	return 0;
}

/* Reads what stands below `section` ("" or "tls."). */
static int fill_map(const struct load *l, const struct config_row *rows, char *base,
		    const struct config_node *map, const char *section)
{
	for (const struct config_node *c = map->first; c != NULL; c = c->next) {
		char path[CONFIG_PATH_LEN];
		int len = snprintf(path, sizeof path, "%s%s", section, c->key);
		bool fits = len < CONFIG_PATH_LEN - 1 && strchr(c->key, '.') == NULL;
		const struct config_row *row = fits ? config_row_named(rows, path) : NULL;
		int rc;

		if (row == NULL && !(fits && config_is_section(rows, path)))
			return refuse_key(l, rows, section, c);
		rc = refuse_duplicates(l, map, c);
		if (rc < 0)
			return rc;
		if (row != NULL) {
			rc = fill_value(l, row, base, c);
		} else if (c->kind == CONFIG_NODE_MAP) {
			memcpy(path + len, ".", 2);
			rc = fill_map(l, rows, base, c, path);
		} else if (!c->unset) {
			rc = config_error(l->why, &c->at, "\"%s\" wants a mapping", path);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int fill_defaults(const struct load *l, const struct config_row *rows, char *base)
{
	for (const struct config_row *row = rows; row->key != NULL; row++) {
		if (row->def == NULL)
			continue;
		if (!config_value_parse(row, base + row->offset, row->def, l->whole.folder))
			return config_error(l->why, &l->whole, "\"%s\" has a wrong default, \"%s\"",
					    row->key, row->def);
	}
	return 0;
}

/* A required row with a default cannot be missing. */
static int check_required(const struct load *l, const struct config_row *rows,
			  const struct config_node *node, bool whole_file)
{
	for (const struct config_row *row = rows; row->key != NULL; row++) {
		if (row->required && row->def == NULL && config_node_at(node, row->key) == NULL)
			return config_error(l->why, whole_file ? &l->whole : &node->at,
					    "missing \"%s\"", row->key);
	}
	return 0;
}

static int fill(const struct load *l, const struct config_row *rows, char *base,
		const struct config_node *node, bool whole_file)
{
	int rc = fill_defaults(l, rows, base);

	if (rc == 0)
		rc = fill_map(l, rows, base, node, "");
	if (rc == 0)
		rc = check_required(l, rows, node, whole_file);
	return rc;
}

int config_load(const struct config_row *rows, void *options, const struct config_source *from,
		struct config_tree **tree, char why[CONFIG_WHY_LEN])
{
	struct config_tree *t;
	int rc;

	why[0] = '\0';
	rc = config_tree_new(&t, rows, from, why);
	if (rc == 0) {
		struct load l = {.whole = t->root->at, .why = why};

		l.whole.origin = t->name;
		l.whole.line = 0;
		rc = fill(&l, rows, options, t->root, true);
	}
	if (rc < 0 || tree == NULL) {
		config_tree_free(t);
		t = NULL;
	}
	if (tree != NULL)
		*tree = t;
	return rc;
}

static void clear_list(const struct config_row *row, struct config_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		clear_rows(row->rows, (char *)list->items + i * row->item_size);
	free(list->items);
	*list = (struct config_list){.items = NULL};
}

static void clear_rows(const struct config_row *rows, char *base)
{
	for (const struct config_row *row = rows; row->key != NULL; row++) {
		void *field = base + row->offset;

		if (row->type == CONFIG_LIST)
			clear_list(row, field);
		if (!config_value_is_pointer(row))
			continue;
		free(*(char **)field);
		*(char **)field = NULL;
	}
}

void config_clear(const struct config_row *rows, void *options)
{
	clear_rows(rows, options);
}

void config_print(const struct config_row *row, const void *options, char *out, size_t len)
{
	config_value_print(row, (const char *)options + row->offset, out, len);
}
