/* Control methods that every daemon has, and its control sockets. */
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "ctl.h"
#include "daemon.h"
#include "fault.h"
#include "loop.h"
#include "node.h"
#include "reload.h"
#include "schema.h"
#include "trace.h"

static void ctl_metrics_get(void *ctx, struct ctl_request *req, const json_t *params)
{
	const struct node *n = ctx;

	(void)params;
	ctl_reply(req, metrics_json(&n->metrics));
}

static void ctl_log_get(void *ctx, struct ctl_request *req, const json_t *params)
{
	json_t *levels = json_object();

	(void)ctx;
	(void)params;
	for (unsigned i = 0; i < LOG_CATS; i++)
		json_object_set_new(levels, log_cat_name((enum log_cat)i),
				    json_string(log_level_name(log_get_category((enum log_cat)i))));
	ctl_reply(req, levels);
}

static const struct ctl_param log_set_params[] = {
	{"level", CTL_STRING, true, 0, 0, "error, warn, info, debug or trace"},
	{"category", CTL_STRING, false, 0, 0, "one category; all without it"},
	{0},
};

static void ctl_log_set(void *ctx, struct ctl_request *req, const json_t *params)
{
	int level = log_level_parse(ctl_string(params, "level", ""));
	const char *category = ctl_string(params, "category", NULL);
	int cat = category ? log_cat_parse(category) : 0;

	if (level < 0 || cat < 0) {
		ctl_fail(req, KH_E_USAGE,
			 level < 0 ? "levels: error warn info debug trace"
				   : "see log.get for the categories");
		return;
	}
	if (category)
		log_set_category((enum log_cat)cat, (enum log_level)level);
	else
		log_set_level((enum log_level)level);
	ctl_log_get(ctx, req, params);
}

static json_t *options_json(const struct config_row *rows, const void *options);

/* As it would be typed; a list as one of its items. */
static json_t *option_json(const struct config_row *row, const void *options)
{
	const struct config_list *list = (const void *)((const char *)options + row->offset);
	char value[512];

	if (row->type != CONFIG_LIST) {
		config_print(row, options, value, sizeof value);
		return json_string(value);
	}
	json_t *items = json_array();
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(items, options_json(row->rows, (const char *)list->items +
									     i * row->item_size));
	return items;
}

static json_t *options_json(const struct config_row *rows, const void *options)
{
	json_t *out = json_object();

	for (const struct config_row *row = rows; row->key; row++)
		json_object_set_new(out, row->key, option_json(row, options));
	return out;
}

static void ctl_config_get(void *ctx, struct ctl_request *req, const json_t *params)
{
	const struct node *n = ctx;

	(void)params;
	ctl_reply(req, options_json(n->daemon->rows, n->options));
}

typedef int reload_fn(struct node *n, json_t **out, char why[CONFIG_WHY_LEN]);

static void answer_changes(struct node *n, struct ctl_request *req, reload_fn *fn)
{
	char why[CONFIG_WHY_LEN];
	json_t *changes = NULL;
	int err = fn(n, &changes, why);

	if (err)
		ctl_fail_with(req, err, NULL, "%s", why);
	else
		ctl_reply(req, changes);
}

static void ctl_config_reload(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)params;
	answer_changes(ctx, req, reload);
}

static void ctl_config_check(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)params;
	answer_changes(ctx, req, reload_check);
}

static void ctl_schema_get(void *ctx, struct ctl_request *req, const json_t *params)
{
	json_t *row = schema_find(((struct node *)ctx)->daemon, ctl_string(params, "name", ""));

	if (row)
		ctl_reply(req, row);
	else
		ctl_fail(req, KH_E_NOT_FOUND, "schema.list has them all");
}

static const struct ctl_param schema_get_params[] = {
	{"name", CTL_STRING, true, 0, 0, "as schema.list has it: handover.start, log.level"}, {0}};

static void ctl_status(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)params;
	ctl_reply(req, daemon_status(ctx));
}

static void ctl_shutdown(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct node *n = ctx;

	(void)params;
	ctl_done(req, 0, NULL);
	log_info(LOG_CTL, "shutdown asked for on the control socket");
	loop_stop(n->loop);
}

static void ctl_schema_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)params;
	ctl_reply(req, schema_json(((struct node *)ctx)->daemon));
}

static const struct ctl_param no_params[] = {{0}};

const struct ctl_method node_methods[] = {
	{"status", no_params, ctl_status, "what this node is and how it does", true},
	{"schema.list", no_params, ctl_schema_list,
	 "methods, notifications, options, events, causes and metrics of this daemon", true},
	{"schema.get", schema_get_params, ctl_schema_get,
	 "a method, notification, event, option, cause or metric", true},
	{"config.check", no_params, ctl_config_check,
	 "what config.reload would apply, and what needs a restart; applies nothing", true},
	{"config.get", no_params, ctl_config_get,
	 "every option with its value, of lists every item", true},
	{"config.reload", no_params, ctl_config_reload,
	 "read the file again: what was applied, what needs a restart", false},
	{"log.get", no_params, ctl_log_get, "log level of each category", true},
	{"log.set", log_set_params, ctl_log_set, "change the log level, of all or of one category",
	 false},
	{"metrics.get", no_params, ctl_metrics_get, "all counters, zeros too", true},
	{"shutdown", no_params, ctl_shutdown, "end the daemon in an orderly way", false},
	{0},
};

/* A group that is not there is a slip of the pen: --check finds it. */
int node_ctl_check(const struct node *n, char *why, size_t why_len)
{
	const struct node_options *o = n->options;
	const struct {
		const char *option, *group;
	} rows[] = {{"control.group", o->control_group}, {"control.viewer_group", o->viewer_group}};
	gid_t gid;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (!rows[i].group || ctl_group(rows[i].group, &gid))
			continue;
		snprintf(why, why_len, "%s: %s: no such group", rows[i].option, rows[i].group);
		return KH_E_CONFIG;
	}
	return 0;
}

int node_ctl_open(struct node *n, char *why, size_t why_len)
{
	const struct daemon *d = n->daemon;
	const struct node_options *o = n->options;
	const struct ctl_method *const tables[] = {node_methods,  capture_methods, trace_methods,
						   fault_methods, d->methods,	   NULL};
	const struct ctl_settings settings = {
		.loop = n->loop,
		.events = n->events,
		.operators = {o->control_socket, o->control_group},
		.viewers = {o->viewer_socket, o->viewer_group},
		.role = d->name,
		.node_name = n->name,
		.version = KEYHOP_VERSION,
		.tables = tables,
		.node = n,
	};

	return ctl_open(&n->ctl, &settings, why, why_len);
}
