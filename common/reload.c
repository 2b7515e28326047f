/* config.reload and SIGHUP: reads the configuration again, applies what can change while the daemon runs, and says
 * what needs a restart. A file that is wrong changes nothing. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "file.h"
#include "mem.h"
#include "trust.h"

#define TEXT_LEN 1024 /* with the names of changed options, in the log */

/* Octets of a reloadable field; 0: its type cannot be changed in place. */
static size_t field_size(enum config_type type)
{
	switch (type) {
	case CONFIG_BOOL:
		return sizeof(bool);
	case CONFIG_U32:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_CDB:
	case CONFIG_ENUM:
		return sizeof(uint32_t);
	case CONFIG_PORT:
		return sizeof(uint16_t);
	case CONFIG_STRING:
	case CONFIG_FILE:
	case CONFIG_ALG_LIST:
	case CONFIG_LIST:
		break;
	}
	return 0;
}

static void take(const struct config_row *row, void *options, const void *fresh, json_t *applied,
		 json_t *restart, bool only_look)
{
	size_t size = row->reloadable ? field_size(row->type) : 0;

	if (config_equal(row, options, fresh))
		return;
	json_array_append_new(size ? applied : restart, json_string(row->key));
	if (size && !only_look)
		memcpy((char *)options + row->offset, (const char *)fresh + row->offset, size);
}

/* What was good to start from, a pipe or a terminal, has nothing to say now, or would keep the daemon waiting. */
static int read_again(const struct node *n, void *fresh, char why[CONFIG_WHY_LEN])
{
	struct config_tree *tree;

	for (size_t i = 0; i < n->config.n_files; i++) {
		const char *reason = file_refusal(n->config.files[i], FILE_ANY_SIZE);
		if (!reason)
			continue;
		snprintf(why, CONFIG_WHY_LEN, "%s: %s", n->config.files[i], reason);
		return KH_E_CONFIG;
	}
	int err = config_load(n->daemon->rows, fresh, &n->config, &tree, why);
	if (!err)
		err = daemon_check(n->daemon, fresh, tree, why, CONFIG_WHY_LEN);
	config_tree_free(tree);
	return err;
}

/* Reads the file again; {applied, needs_restart}. */
static int compare(struct node *n, bool only_look, json_t **out, char why[CONFIG_WHY_LEN])
{
	const struct daemon *d = n->daemon;
	void *fresh = x_calloc(1, d->context_size - d->options_offset);
	void *options = (uint8_t *)n + d->options_offset;
	json_t *applied = json_array(), *restart = json_array();
	int err = read_again(n, fresh, why);

	if (!err)
		err = (only_look ? trust_check : trust_reload)(n, applied, why, CONFIG_WHY_LEN);
	for (const struct config_row *row = d->rows; !err && row->key; row++)
		take(row, options, fresh, applied, restart, only_look);
	config_clear(d->rows, fresh);
	free(fresh);
	*out = json_pack("{s:s, s:o, s:o}", "outcome", "completed",
			 only_look ? "would_apply" : "applied", applied, "needs_restart", restart);
	if (!err)
		return 0;
	json_decref(*out);
	*out = NULL;
	return err;
}

int reload_check(struct node *n, json_t **out, char why[CONFIG_WHY_LEN])
{
	return compare(n, true, out, why);
}

/* Appends "a3.offset, log.level"; what has no room is cut. */
static void name_all(const json_t *keys, char *out, size_t len)
{
	const char *separator = "";

	for (size_t i = 0; i < json_array_size(keys); i++) {
		size_t used = strlen(out);
		snprintf(out + used, len - used, "%s%s", separator,
			 json_string_value(json_array_get(keys, i)));
		separator = ", ";
	}
}

/* "applied=1 needs_restart=2 a3.offset; metrics.port, user": the numbers first, as the names may not have room. */
static void describe(const json_t *changes, char *out, size_t len)
{
	const json_t *applied = json_object_get(changes, "applied");
	const json_t *restart = json_object_get(changes, "needs_restart");

	snprintf(out, len, "applied=%zu needs_restart=%zu ", json_array_size(applied),
		 json_array_size(restart));
	name_all(applied, out, len);
	if (json_array_size(restart)) {
		size_t used = strlen(out);
		snprintf(out + used, len - used, "; ");
		name_all(restart, out, len);
	}
}

int reload(struct node *n, json_t **out, char why[CONFIG_WHY_LEN])
{
	struct node_event e = {.topic = "config.reloaded"};
	char text[TEXT_LEN];
	int err = compare(n, false, out, why);

	if (err) {
		node_refuse(n, LOG_CFG, err, NULL, "reload: %s", why);
		return err;
	}
	node_apply_log_levels(n);
	if (n->daemon->reloaded)
		n->daemon->reloaded(n);
	describe(*out, text, sizeof text);
	log_info(LOG_CFG, "configuration read again: %s", text);
	describe(*out, e.detail, sizeof e.detail);
	events_emit(n->events, &e);
	return 0;
}
