/* Requests: checking them against the tables, and answering them. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_internal.h"
#include "log.h"
#include "mem.h"
#include "nearest.h"

static void send_answer(struct ctl_request *req, const char *member, json_t *value)
{
	struct ctl_client *cl = ctl_client_find(req->ctl, req->client);

	if (cl && req->id) {
		json_t *msg = json_pack("{s:s, s:O}", "jsonrpc", "2.0", "id", req->id);
		json_object_set_new(msg, member, value);
		ctl_client_write(cl, msg);
	} else {
		json_decref(value);
	}
	if (cl && cl->unanswered)
		cl->unanswered--;
	json_decref(req->id);
	free(req);
}

void ctl_reply(struct ctl_request *req, json_t *result)
{
	send_answer(req, "result", result ? result : json_object());
}

/* "unwrap-failed" becomes UNWRAP_FAILED. */
static void capitals(char *out, size_t len, const char *name)
{
	size_t i = 0;

	for (; name[i] && i + 1 < len; i++)
		out[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
	out[i] = '\0';
}

static bool is_retryable(int err)
{
	return err == KH_E_TIMEOUT || err == KH_E_BUSY || err == KH_E_LINK_LOST ||
	       err == KH_E_HANDOVER_IN_PROGRESS || err == KH_E_NO_WRAPPED_KEY ||
	       err == KH_E_LIST_NOT_DELIVERED;
}

static void fail_text(struct ctl_request *req, int err, json_t *data, const char *text)
{
	char name[64];

	capitals(name, sizeof name, err == KH_E_USAGE ? "invalid-params" : err_name(err));
	json_object_set_new(data, "name", json_string(name));
	json_object_set_new(data, "cause", json_string(err_name(err)));
	json_object_set_new(data, "retryable", json_boolean(is_retryable(err)));
	send_answer(
		req, "error",
		json_pack("{s:i, s:s, s:o}", "code", err_code(err), "message", text, "data", data));
}

void ctl_fail(struct ctl_request *req, int err, const char *hint)
{
	json_t *data = json_object();

	if (hint)
		json_object_set_new(data, "hint", json_string(hint));
	fail_text(req, err, data, err_text(err));
}

void ctl_fail_with(struct ctl_request *req, int err, json_t *data, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fail_text(req, err, data ? data : json_object(), text);
}

/* Errors of the protocol itself; `id` is borrowed, may be NULL. */
static void protocol_error(struct ctl_client *cl, const json_t *id, int code, const char *name,
			   const char *text, const char *hint)
{
	json_t *data = json_pack("{s:s}", "name", name);
	json_t *msg = json_pack("{s:s, s:{s:i, s:s, s:o}}", "jsonrpc", "2.0", "error", "code", code,
				"message", text, "data", data);

	if (hint)
		json_object_set_new(data, "hint", json_string(hint));
	json_object_set_new(msg, "id", id ? json_deep_copy(id) : json_null());
	ctl_client_write(cl, msg);
}

static bool type_fits(const struct ctl_param *p, const json_t *v)
{
	json_int_t i;

	switch (p->type) {
	case CTL_STRING:
		return json_is_string(v);
	case CTL_INT:
		i = json_integer_value(v);
		return json_is_integer(v) && i >= p->min &&
		       i <= (p->min || p->max ? p->max : (json_int_t)1 << 53);
	case CTL_NUMBER:
		return json_is_number(v);
	case CTL_BOOL:
		return json_is_boolean(v);
	case CTL_OBJECT:
		return json_is_object(v);
	case CTL_ARRAY:
		return json_is_array(v);
	}
	return false;
}

static const struct ctl_param *find_param(const struct ctl_method *m, const char *name)
{
	for (const struct ctl_param *p = m->params; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

/* NULL when all is well, else what is wrong. */
static const char *check_params(const struct ctl_method *m, json_t *params, char *text, size_t len)
{
	const char *name;
	json_t *value;

	json_object_foreach(params, name, value)
	{
		const struct ctl_param *p = find_param(m, name);
		if (!p)
			snprintf(text, len, "unknown parameter \"%.64s\"", name);
		else if (!type_fits(p, value))
			snprintf(text, len, "parameter \"%s\": wrong type or out of range", name);
		else
			continue;
		return text;
	}
	for (const struct ctl_param *p = m->params; p->name; p++) {
		if (!p->required || json_object_get(params, p->name))
			continue;
		snprintf(text, len, "parameter \"%s\" is missing", p->name);
		return text;
	}
	return NULL;
}

static const struct ctl_method *find_method(const struct ctl *c, const char *name,
					    const char **hint)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < c->n_methods; i++) {
		if (strcmp(c->methods[i]->name, name) == 0)
			return c->methods[i];
		nearest_try(&near, c->methods[i]->name);
	}
	*hint = near.best;
	return NULL;
}

/* Methods of the socket itself take the socket, those of the node the node. */
static bool is_own(const struct ctl_method *m)
{
	for (const struct ctl_method *own = ctl_own_methods; own->name; own++)
		if (own == m)
			return true;
	return false;
}

static void run(struct ctl_client *cl, const struct ctl_method *m, json_t *id, json_t *params)
{
	struct ctl *c = cl->ctl;
	struct ctl_request *req = x_calloc(1, sizeof *req);

	req->ctl = c;
	req->client = cl->id;
	req->id = json_incref(id);
	cl->unanswered++;
	if (!m->reads_only)
		log_info(LOG_CTL, "control client %llu calls %s", (unsigned long long)cl->id,
			 m->name);
	/* Subscriptions belong to the client, all else to the node. */
	if (strcmp(m->name, "events.subscribe") == 0)
		ctl_subscribe(cl, req, params);
	else if (strcmp(m->name, "events.unsubscribe") == 0)
		ctl_unsubscribe(cl, req);
	else
		m->handler(is_own(m) ? (void *)c : c->s.node, req, params);
}

static void take_request(struct ctl_client *cl, json_t *msg)
{
	json_t *id = json_object_get(msg, "id"), *params = json_object_get(msg, "params");
	const char *version = json_string_value(json_object_get(msg, "jsonrpc"));
	const char *name = json_string_value(json_object_get(msg, "method"));
	const char *hint = NULL, *wrong;
	char text[160];

	if (!version || strcmp(version, "2.0") != 0 || !name ||
	    (id && !json_is_string(id) && !json_is_integer(id)) ||
	    (params && !json_is_object(params))) {
		protocol_error(cl, NULL, -32600, "INVALID_REQUEST",
			       "wants jsonrpc \"2.0\", method, params as an object, id", NULL);
		return;
	}
	const struct ctl_method *m = find_method(cl->ctl, name, &hint);
	if (!m) {
		snprintf(text, sizeof text, "no method \"%.64s\"", name);
		protocol_error(cl, id, -32601, "METHOD_NOT_FOUND", text, hint);
		return;
	}
	params = params ? json_incref(params) : json_object();
	wrong = check_params(m, params, text, sizeof text);
	if (wrong)
		protocol_error(cl, id, -32602, "INVALID_PARAMS", wrong, NULL);
	else if (cl->unanswered >= CTL_REQUESTS_MAX)
		protocol_error(cl, id, err_code(KH_E_BUSY), "BUSY", "too many requests at once",
			       NULL);
	else
		run(cl, m, id, params);
	json_decref(params);
}

void ctl_request_line(struct ctl_client *cl, const char *line, size_t len)
{
	json_error_t error;
	json_t *msg;
	char text[200];

	if (len == 0)
		return;
	msg = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!msg) {
		snprintf(text, sizeof text, "line %d column %d: %.120s", error.line, error.column,
			 error.text);
		log_warn(LOG_CTL, "control client %llu: %s", (unsigned long long)cl->id, text);
		protocol_error(cl, NULL, -32700, "PARSE_ERROR", text, NULL);
		return;
	}
	if (json_is_object(msg))
		take_request(cl, msg);
	else
		protocol_error(cl, NULL, -32600, "INVALID_REQUEST", "one object a line", NULL);
	json_decref(msg);
}

const char *ctl_string(const json_t *params, const char *name, const char *def)
{
	const json_t *v = json_object_get(params, name);

	return v ? json_string_value(v) : def;
}

int64_t ctl_int(const json_t *params, const char *name, int64_t def)
{
	const json_t *v = json_object_get(params, name);

	return v ? json_integer_value(v) : def;
}

bool ctl_bool(const json_t *params, const char *name, bool def)
{
	const json_t *v = json_object_get(params, name);

	return v ? json_is_true(v) : def;
}
