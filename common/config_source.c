/* All files and overrides of a command line, as one tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "mem.h"

static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	size_t len = slash != NULL ? (size_t)(slash - file) + 1 : 0;
	char *folder = x_calloc(1, len + 1);

	if (len > 0)
		memcpy(folder, file, len);
	return folder;
}

/* Errors name a file as it was typed, unless that would leave no room for the text. */
static const char *origin_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return strlen(file) > 120 && slash != NULL ? slash + 1 : file;
}

static int add_file(struct config_tree *t, const char *file, char why[CONFIG_WHY_LEN])
{
	char *folder = t->folders[t->n_folders++] = folder_of(file);
	const struct config_mark from = {.origin = origin_of(file), .folder = folder};
	struct config_node *root;
	int rc = config_yaml_read(file, &from, &root, why);

	if (rc < 0)
		return rc;
	if (t->root != NULL)
		return config_tree_merge(t->root, root, why);
	t->root = root;
	return 0;
}

int config_tree_new(struct config_tree **out, const struct config_row *rows,
		    const struct config_source *from, char why[CONFIG_WHY_LEN])
{
	const struct config_mark nowhere = {.origin = "defaults", .folder = ""};
	struct config_tree *t = *out = x_calloc(1, sizeof *t);
	int rc = 0;

	t->name = from->n_files > 0 ? origin_of(from->files[0]) : nowhere.origin;
	t->origins = x_calloc(from->n_overrides + 1, sizeof *t->origins);
	t->folders = x_calloc(from->n_files + 1, sizeof *t->folders);
	for (size_t i = 0; rc == 0 && i < from->n_files; i++)
		rc = add_file(t, from->files[i], why);
	if (rc == 0 && t->root == NULL)
		t->root = config_node_new(CONFIG_NODE_MAP, &nowhere);
	for (size_t i = 0; rc == 0 && i < from->n_overrides; i++) {
		snprintf(t->origins[i], sizeof t->origins[i], "-o %s", from->overrides[i].path);
		rc = config_override_apply(rows, t->root, &from->overrides[i], t->origins[i], why);
	}
	return rc;
}

void config_tree_free(struct config_tree *t)
{
	if (t == NULL)
		return;
	config_node_free(t->root);
	for (size_t i = 0; i < t->n_folders; i++)
		free(t->folders[i]);
	free(t->folders);
	free(t->origins);
	free(t);
}
