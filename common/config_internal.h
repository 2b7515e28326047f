/* Shared by config.c (rows), config_source.c (all files and overrides), config_tree.c (tree and overrides), config_yaml.c
 * (reading), config_value.c and config_print.c (values). */
#ifndef KEYHOP_CONFIG_INTERNAL_H
#define KEYHOP_CONFIG_INTERNAL_H

#include "config.h"

#define CONFIG_FILE_MAX (1U << 20)
#define CONFIG_NESTING_MAX 8
#define CONFIG_ITEMS_MAX 65536
#define CONFIG_KEYS_MAX 1024 /* of one mapping: each is compared with all before it */
#define CONFIG_PATH_LEN 128 /* dotted path of a key */

/* Where something stands: a file's name, or "-o path"; line 0: the whole of it. */
struct config_mark {
	const char *origin; /* borrowed */
	const char *folder; /* relative names of files begin there: "" or "conf/"; borrowed */
	size_t line, column;
};

enum config_node_kind { CONFIG_NODE_SCALAR, CONFIG_NODE_MAP, CONFIG_NODE_SEQ };

/* One node of the tree. A parent owns its children, a list in the order of the file. */
struct config_node {
	enum config_node_kind kind;
	char *key; /* in a map, else NULL */
	struct config_mark key_at, at;
	char *text; /* of a scalar */
	bool unset; /* a plain scalar without text */
	bool typed; /* one text from the command line */
	struct config_node *first, *last, *next;
	size_t n;
};

struct config_node *config_node_new(enum config_node_kind kind, const struct config_mark *at);
void config_node_free(struct config_node *node);
void config_node_add(struct config_node *parent, struct config_node *child);
void config_node_set_text(struct config_node *node, const char *text);

/* Reads a file into a tree. `from` has origin and folder for the marks. */
int config_yaml_read(const char *file, const struct config_mark *from, struct config_node **root,
		     char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;
/* The same of a text, in which there may be any value. */
int config_yaml_text(const char *text, const struct config_mark *from, struct config_node **root,
		     char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;
/* Puts an override's value into the tree, where it replaces that of the file. */
int config_override_apply(const struct config_row *rows, struct config_node *root,
			  const struct config_override *o, const char *origin,
			  char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;
/* What is in `over`, which is freed, counts: maps are merged, all else is replaced. */
int config_tree_merge(struct config_node *base, struct config_node *over,
		      char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;

/* What all files and overrides of a source say, as one tree. */
struct config_tree {
	const char *name; /* what errors call the whole of it: the first file */
	struct config_node *root;
	char (*origins)[CONFIG_PATH_LEN]; /* of the overrides */
	char **folders; /* of the files */
	size_t n_folders;
};
/* Call config_tree_free() whatever came of it. */
int config_tree_new(struct config_tree **out, const struct config_row *rows,
		    const struct config_source *from, char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;

/* Do keys of the rows begin with `path` and a dot? */
bool config_is_section(const struct config_row *rows, const char *path);
/* "origin", or "origin:line:column". */
size_t config_mark_text(const struct config_mark *at, char *out, size_t len);

/* The node of a dotted key below `map` (NULL: none), or NULL. */
const struct config_node *config_node_at(const struct config_node *map, const char *key);

/* Writes "origin:line:column: text" to `why` and gives KH_E_CONFIG. */
int config_error(char why[CONFIG_WHY_LEN], const struct config_mark *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define CONFIG_SHOWN_LEN 48
/* What was typed, fit for a terminal: cut, and without control characters. */
const char *config_shown(const char *text, char out[CONFIG_SHOWN_LEN]);

/* Values. `folder` is put before relative names of files ("" or "conf/"). False: not a value of this row. */
bool config_value_parse(const struct config_row *row, void *field, const char *text,
			const char *folder) KH_MUST_CHECK;
/* Adds one word to a CONFIG_ALG_LIST. */
bool config_value_add_word(const struct config_row *row, struct config_algs *algs,
			   const char *text) KH_MUST_CHECK;
/* What the row wants: "a number 0..65535". */
void config_value_want(const struct config_row *row, char *out, size_t len);
void config_value_print(const struct config_row *row, const void *field, char *out, size_t len);
/* True: the field is a char * that config_clear() frees. */
bool config_value_is_pointer(const struct config_row *row);

struct config_range {
	int64_t min, max;
};
struct config_range config_value_range(const struct config_row *row);

/* Units, smallest first (printing takes the last that divides), ended by {NULL, 0}. */
struct config_unit {
	const char *name;
	int64_t factor;
};
extern const struct config_unit config_durations[], config_sizes[];

#endif
