/* Strict YAML configuration, read through a table of rows: one row an option, with type, range, default and
 * help. An unknown, duplicate or mistyped key is an error with file:line:column and the nearest known name.
 * Anchors, aliases, tags and several documents are refused; what a value is, the row says (01 stays "01"). */
#ifndef KEYHOP_CONFIG_H
#define KEYHOP_CONFIG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

enum config_type {
	CONFIG_STRING, /* char *, allocated */
	CONFIG_FILE, /* char *, allocated; relative to the folder of the configuration file, one of `words`, or credential:NAME */
	CONFIG_BOOL, /* bool: true or false */
	CONFIG_U32, /* uint32_t, decimal or 0x hex, min..max */
	CONFIG_PORT, /* uint16_t, 0..65535 */
	CONFIG_DURATION, /* uint32_t milliseconds: 200ms, 5s, 10m, 2h; min..max in ms */
	CONFIG_SIZE, /* uint32_t octets: 64KiB, 1MiB, 100 */
	CONFIG_CDB, /* int32_t hundredths: "3", "-1.5", "0.25"; min..max in hundredths */
	CONFIG_ENUM, /* int32_t: value of the word in `words` */
	CONFIG_ALG_LIST, /* struct config_algs: list of words in `words`, each once */
	CONFIG_LIST, /* struct config_list of records described by `rows` */
};

/* What may happen in the folder of a CONFIG_FILE once the daemon serves; confine.c holds it to that. */
enum config_access {
	CONFIG_READS, /* certificates, lists: they are read again */
	CONFIG_WRITES, /* databases, captures: made, written, renamed, removed */
	CONFIG_REMOVES, /* sockets: removed at the end */
	CONFIG_OPENED, /* logs: opened at the start, and never again */
	CONFIG_TREE = 0x10, /* flag: the value is the folder itself */
};

struct config_word {
	const char *word;
	int32_t value;
};

#define CONFIG_ALGS_MAX 4
struct config_algs {
	uint8_t id[CONFIG_ALGS_MAX];
	size_t n;
};

struct config_list {
	void *items; /* `n` records of `item_size` octets */
	size_t n;
};

struct config_row {
	const char *key; /* "tls.ca": nesting by dots */
	enum config_type type;
	size_t offset; /* in the options struct, or in the record of a list */
	int64_t min, max;
	const char *def; /* as it would be typed; NULL: none */
	bool required;
	bool reloadable;
	const struct config_word
		*words; /* ends with {NULL, 0}; of a CONFIG_FILE: what is no file */
	const struct config_row *rows; /* of a CONFIG_LIST; ends with {NULL} */
	size_t item_size;
	size_t max_items; /* of a CONFIG_LIST; 0 is 65536 */
	enum config_access access; /* of a CONFIG_FILE */
	const char *help;
};

#define CONFIG_WHY_LEN 300

struct config_override {
	const char *path; /* "log.level" */
	const char *value;
};

/* Where a configuration comes from. A later file overrides an earlier one, key by key, and replaces its lists; the
 * overrides come last (`-o path=value`; items of lists as neighbours.0.port, lists and items as YAML: [{id: 1}]). All is
 * borrowed. */
struct config_source {
	const char *const *files;
	size_t n_files; /* 0: defaults only */
	const struct config_override *overrides;
	size_t n_overrides;
};

struct config_tree; /* what was read, and where it stands */

/* Fills `options` (zeroed by the caller) from `from`. KH_E_CONFIG with `why` = "file:line:column: text", ready to
 * print. On an error call config_clear() all the same. `tree`, unless NULL, gets what was read, for config_dump() and
 * config_where(): config_tree_free(); NULL on an error. */
int config_load(const struct config_row *rows, void *options, const struct config_source *from,
		struct config_tree **tree, char why[CONFIG_WHY_LEN]) KH_MUST_CHECK;
void config_tree_free(struct config_tree *tree);
/* Frees what config_load() allocated inside `options`. */
void config_clear(const struct config_row *rows, void *options);
/* A file that the service manager hands to this service alone: its mode says less than its folder. */
bool config_is_credential(const char *path);
/* Prints one option's value as it would be typed to `out`; lists are "[n]". */
void config_print(const struct config_row *row, const void *options, char *out, size_t len);
/* Do both options structs say the same for this row? Lists are compared item by item. */
bool config_equal(const struct config_row *row, const void *a, const void *b);
/* Prints every option, and those of the items of lists, with its value and where that came from: a line of a file, -o, or
 * the default. `options` are those that were loaded. */
void config_dump(const struct config_row *rows, const void *options, const struct config_tree *tree,
		 FILE *out);
/* "file:line:column" of a value by its path ("nodes.2.name"), or of what is there of it, for errors about values that
 * the rows cannot judge. False, and nothing in `out`, when the path begins with no key of the rows. */
bool config_where(const struct config_row *rows, const struct config_tree *tree, const char *path,
		  char *out, size_t len);
/* Puts that, if there is any, and a text into `why`. KH_E_CONFIG. */
int config_wrong(const struct config_row *rows, const struct config_tree *tree, const char *path,
		 char why[CONFIG_WHY_LEN], const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));
/* The row of a key, NULL when there is none. */
const struct config_row *config_row_named(const struct config_row *rows, const char *key);
/* The known key nearest to `word`, NULL when none is near (edit distance at most 3 and below half its length). */
const char *config_nearest(const struct config_row *rows, const char *word);

#endif
