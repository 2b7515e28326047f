/* Where a value came from: --dump-config, and errors about values that only their reader can judge. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"

#define VALUE_LEN 512

static void print_origin(FILE *out, const struct config_node *at)
{
	if (!at || at->unset)
		fputs("default", out);
	else if (at->at.line)
		fprintf(out, "%s:%zu", at->at.origin, at->at.line);
	else
		fputs(at->at.origin, out);
}

static void dump_rows(const struct config_row *rows, const void *options,
		      const struct config_node *map, const char *prefix, FILE *out);

static void dump_items(const struct config_row *row, const struct config_list *list,
		       const struct config_node *seq, const char *key, FILE *out)
{
	const struct config_node *item = seq ? seq->first : NULL;
	char prefix[CONFIG_PATH_LEN + 32];

	for (size_t i = 0; i < list->n && item; i++, item = item->next) {
		snprintf(prefix, sizeof prefix, "%.*s.%zu.", CONFIG_PATH_LEN, key, i);
		dump_rows(row->rows, (const char *)list->items + i * row->item_size, item, prefix,
			  out);
	}
}

static void dump_rows(const struct config_row *rows, const void *options,
		      const struct config_node *map, const char *prefix, FILE *out)
{
	char value[VALUE_LEN], key[2 * CONFIG_PATH_LEN + 32];

	for (const struct config_row *row = rows; row->key; row++) {
		const struct config_node *at = config_node_at(map, row->key);
		snprintf(key, sizeof key, "%s%s", prefix, row->key);
		config_print(row, options, value, sizeof value);
		fprintf(out, "%-28s %-28s # ", key, value);
		print_origin(out, at);
		fputc('\n', out);
		if (row->type == CONFIG_LIST)
			dump_items(
				row,
				(const struct config_list *)(const void *)((const char *)options +
									   row->offset),
				at, key, out);
	}
}

void config_dump(const struct config_row *rows, const void *options, const struct config_tree *tree,
		 FILE *out)
{
	dump_rows(rows, options, tree->root, "", out);
}

/* The node of a path in which numbers are items of lists, or the last one on the way. */
static const struct config_node *walk(const struct config_node *node, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, ".");
		unsigned long index = strtoul(path, NULL, 10);
		const struct config_node *c = node->first;

		while (c && (node->kind == CONFIG_NODE_SEQ
				     ? index-- > 0
				     : strlen(c->key) != len || strncmp(c->key, path, len) != 0))
			c = c->next;
		if (!c)
			break;
		node = c;
		path += len + (path[len] != '\0');
	}
	return node;
}

/* Is it a key, a section, or an item of a list? */
static bool is_known(const struct config_row *rows, const char *path)
{
	for (const struct config_row *row = rows; row->key; row++) {
		size_t len = strlen(row->key);
		if (strncmp(row->key, path, len) == 0 &&
		    (!path[len] || (path[len] == '.' && row->type == CONFIG_LIST)))
			return true;
	}
	return config_is_section(rows, path);
}

bool config_where(const struct config_row *rows, const struct config_tree *tree, const char *path,
		  char *out, size_t len)
{
	const struct config_node *at = walk(tree->root, path);

	if (!is_known(rows, path))
		return false;
	/* What nobody wrote stands nowhere: that is the whole file. */
	if (at == tree->root)
		snprintf(out, len, "%s", tree->name);
	else
		config_mark_text(&at->at, out, len);
	return true;
}

int config_wrong(const struct config_row *rows, const struct config_tree *tree, const char *path,
		 char why[CONFIG_WHY_LEN], const char *fmt, va_list ap)
{
	size_t used = 0;

	if (config_where(rows, tree, path, why, CONFIG_WHY_LEN / 2))
		used = strlen(strcat(why, ": "));
	vsnprintf(why + used, CONFIG_WHY_LEN - used, fmt, ap);
	return KH_E_CONFIG;
}
