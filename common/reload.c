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
	char before[512], after[512];
	size_t size = row->reloadable ? field_size(row->type) : 0;

	config_print(row, options, before, sizeof before);
	config_print(row, fresh, after, sizeof after);
	if (strcmp(before, after) == 0)
		return;
	json_array_append_new(size ? applied : restart, json_string(row->key));
	if (size && !only_look)
		memcpy((char *)options + row->offset, (const char *)fresh + row->offset, size);
}

/* What was good to start from, a pipe or a terminal, has nothing to say now, or would keep the daemon waiting. */
static int read_again(const struct node *n, void *fresh, char why[CONFIG_WHY_LEN])
{
	const char *file = n->config_file;
	const char *reason = file ? file_refusal(file, FILE_ANY_SIZE) : NULL;

	if (!reason)
		return config_load(n->daemon->rows, fresh, file, n->overrides, n->n_overrides, why);
	snprintf(why, CONFIG_WHY_LEN, "%s: %s", file, reason);
	return KH_E_CONFIG;
}

/* Reads the file again; {applied, needs_restart}. */
static int compare(struct node *n, bool only_look, json_t **out, char why[CONFIG_WHY_LEN])
{
	const struct daemon *d = n->daemon;
	void *fresh = x_calloc(1, d->context_size - d->options_offset);
	void *options = (uint8_t *)n + d->options_offset;
	json_t *applied = json_array(), *restart = json_array();
	int err = read_again(n, fresh, why);

	if (!err && d->check_options)
		err = d->check_options(fresh, why, CONFIG_WHY_LEN);
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

int reload(struct node *n, json_t **out, char why[CONFIG_WHY_LEN])
{
	struct node_event e = {.topic = "config.reloaded"};
	int err = compare(n, false, out, why);

	if (err) {
		node_refuse(n, LOG_CFG, err, NULL, "reload: %s", why);
		return err;
	}
	node_apply_log_levels(n);
	if (n->daemon->reloaded)
		n->daemon->reloaded(n);
	log_info(LOG_CFG, "configuration read again: %zu applied, %zu need a restart",
		 json_array_size(json_object_get(*out, "applied")),
		 json_array_size(json_object_get(*out, "needs_restart")));
	events_emit(n->events, &e);
	return 0;
}
