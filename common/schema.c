/* What can be said to a daemon and what it says: methods, notifications, events, causes, metrics, options, out of their
 * tables. */
#include "schema.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "capture.h"
#include "daemon.h"
#include "event_topics.h"
#include "fault.h"
#include "metrics_text.h"
#include "trace.h"

struct json_t *event_topics_json(void)
{
	json_t *out = json_array();

#define TOPIC(topic, step, daemons, help) \
	json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s}", "topic", topic, "step", step, \
					     "daemons", daemons, "help", help));
	EVENT_TOPICS(TOPIC)
#undef TOPIC
	return out;
}

static json_t *causes_json(void)
{
	json_t *out = json_array();

#define CAUSE(id, number, name, code, text) \
	json_array_append_new(out, json_pack("{s:s, s:i, s:i, s:s}", "cause", name, "number", \
					     number, "code", code, "text", text));
	KH_ERRORS(CAUSE)
#undef CAUSE
	return out;
}

static const char *const config_types[] = {
	[CONFIG_STRING] = "text",	 [CONFIG_FILE] = "file",
	[CONFIG_BOOL] = "true or false", [CONFIG_U32] = "number",
	[CONFIG_PORT] = "port",		 [CONFIG_DURATION] = "duration",
	[CONFIG_SIZE] = "size",		 [CONFIG_CDB] = "dB",
	[CONFIG_ENUM] = "word",		 [CONFIG_ALG_LIST] = "list of words",
	[CONFIG_LIST] = "list",
};

static void add_options(json_t *out, const struct config_row *rows, const char *prefix)
{
	char key[128], below[132];

	for (; rows->key; rows++) {
		snprintf(key, sizeof key, "%s%s", prefix, rows->key);
		json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:b, s:b, s:s}", "key", key,
						     "type", config_types[rows->type], "default",
						     rows->def ? rows->def : "", "required",
						     rows->required, "reloadable", rows->reloadable,
						     "help", rows->help ? rows->help : ""));
		if (!rows->rows)
			continue;
		snprintf(below, sizeof below, "%s[].", key);
		add_options(out, rows->rows, below);
	}
}

json_t *schema_options(const struct config_row *rows)
{
	json_t *out = json_array();

	add_options(out, rows, "");
	return out;
}

static const char *const param_types[] = {"string", "int", "number", "bool", "object", "array"};

static json_t *params_json(const struct ctl_param *p)
{
	json_t *out = json_array();

	for (; p->name; p++)
		json_array_append_new(out,
				      json_pack("{s:s, s:s, s:b, s:s, s:I, s:I}", "name", p->name,
						"type", param_types[p->type], "required",
						p->required, "help", p->help, "min",
						(json_int_t)p->min, "max", (json_int_t)p->max));
	return out;
}

static void add_methods(json_t *out, const struct ctl_method *m)
{
	for (; m->name; m++)
		json_array_append_new(out, json_pack("{s:s, s:s, s:b, s:o}", "name", m->name,
						     "help", m->help, "reads_only", m->reads_only,
						     "params", params_json(m->params)));
}

static json_t *notifications_json(void)
{
	json_t *out = json_array();

	for (const struct ctl_notification *n = ctl_notifications; n->name; n++)
		json_array_append_new(out, json_pack("{s:s, s:s, s:o}", "name", n->name, "help",
						     n->help, "params", params_json(n->params)));
	return out;
}

json_t *schema_json(const struct daemon *d)
{
	json_t *methods = json_array();

	add_methods(methods, ctl_own_methods);
	add_methods(methods, node_methods);
	add_methods(methods, capture_methods);
	add_methods(methods, trace_methods);
	add_methods(methods, fault_methods);
	add_methods(methods, d->methods);
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "daemon", d->name, "summary",
			 d->summary, "methods", methods, "notifications", notifications_json(),
			 "options", schema_options(d->rows), "events", event_topics_json(),
			 "causes", causes_json(), "metrics", metric_families_json(d));
}

json_t *schema_find(const struct daemon *d, const char *name)
{
	static const char *const kinds[][3] = {
		{"methods", "name", "method"}, {"notifications", "name", "notification"},
		{"events", "topic", "event"},  {"options", "key", "option"},
		{"causes", "cause", "cause"},  {"metrics", "name", "metric"}};
	json_t *all = schema_json(d), *row, *found = NULL;
	size_t i;

	for (size_t k = 0; !found && k < sizeof kinds / sizeof kinds[0]; k++)
		json_array_foreach(json_object_get(all, kinds[k][0]), i, row)
		{
			if (strcmp(json_string_value(json_object_get(row, kinds[k][1])), name) != 0)
				continue;
			found = json_pack("{s:s}", "kind", kinds[k][2]);
			/* A cause is called cause itself. */
			json_object_update_missing(found, row);
			break;
		}
	json_decref(all);
	return found;
}
