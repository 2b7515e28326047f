/* Where a value came from: --dump-config, and errors about values that only their reader can judge. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "mem.h"

/* The node of a dotted key, or NULL. */
static const struct config_node *find(const struct config_node *map, const char *key)
{
	size_t len = strcspn(key, ".");

	if (!map || map->kind != CONFIG_NODE_MAP)
		return NULL;
	for (const struct config_node *c = map->first; c; c = c->next) {
		if (strlen(c->key) != len || strncmp(c->key, key, len) != 0)
			continue;
		return key[len] ? find(c, key + len + 1) : c;
	}
	return NULL;
}

static void print_origin(FILE *out, const struct config_node *at)
{
	if (!at)
		fputs("default", out);
	else if (at->at.line)
		fprintf(out, "%s:%zu", at->at.origin, at->at.line);
	else
		fputs(at->at.origin, out);
}

int config_dump(const struct config_row *rows, const void *options, const char *file,
		const struct config_override *overrides, size_t n, FILE *out,
		char why[CONFIG_WHY_LEN])
{
	char(*origins)[CONFIG_PATH_LEN] = x_calloc(n + 1, sizeof *origins);
	struct config_node *root = NULL;
	char value[512];
	int rc = config_yaml_read(file, file, &root, why);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		snprintf(origins[i], sizeof origins[i], "-o %s", overrides[i].path);
		rc = config_override_apply(rows, root, &overrides[i], origins[i], why);
	}
	for (const struct config_row *row = rows; rc == 0 && row->key; row++) {
		config_print(row, options, value, sizeof value);
		fprintf(out, "%-28s %-28s # ", row->key, value);
		print_origin(out, find(root, row->key));
		fputc('\n', out);
	}
	config_node_free(root);
	free(origins);
	return rc;
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

void config_where(const char *file, const char *path, char *out, size_t len)
{
	char why[CONFIG_WHY_LEN];
	struct config_node *root = NULL;

	if (config_yaml_read(file, file, &root, why)) {
		snprintf(out, len, "%s", file);
		return;
	}
	const struct config_node *at = walk(root, path);
	snprintf(out, len, "%s:%zu:%zu", file, at->at.line, at->at.column);
	config_node_free(root);
}
