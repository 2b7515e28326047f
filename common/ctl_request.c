/* Requests: checking them against the tables, and calling their handlers. */
#include <stdio.h>
#include <string.h>

#include "ctl_internal.h"
#include "log.h"
#include "mem.h"
#include "nearest.h"
#include "utf8.h"

#define ID_MAX 256
#define REQUEST_HINT "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}"

/* What is wrong with a request before any handler has seen it: `text` says it, `hint` may be NULL, and so may `name`,
 * which then is that of `err`. */
struct mistake {
	int code;
	const char *name, *hint;
	char text[CTL_TEXT_MAX];
	int err;
};

static void protocol_error(struct ctl_client *cl, const json_t *id, struct mistake *m)
{
	utf8_clean(m->text, sizeof m->text);
	ctl_protocol_error(cl, id, m->code, m->name, m->err, m->text, m->hint);
}

static json_int_t highest(const struct ctl_param *p)
{
	return p->min || p->max ? p->max : (json_int_t)1 << 53;
}

static bool type_fits(const struct ctl_param *p, const json_t *v)
{
	json_int_t i;

	switch (p->type) {
	case CTL_STRING:
		return json_is_string(v);
	case CTL_INT:
		i = json_integer_value(v);
		return json_is_integer(v) && i >= p->min && i <= highest(p);
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

static void refuse(struct mistake *wrong, int err, const char *text, const char *hint)
{
	*wrong = (struct mistake){.code = err_code(err), .hint = hint, .err = err};
	snprintf(wrong->text, sizeof wrong->text, "%s", text);
}

static const struct ctl_param *find_param(const struct ctl_method *m, const char *name,
					  const char **hint)
{
	struct nearest near;

	nearest_init(&near, name);
	for (const struct ctl_param *p = m->params; p->name; p++) {
		if (strcmp(p->name, name) == 0)
			return p;
		nearest_try(&near, p->name);
	}
	if (near.best)
		*hint = near.best;
	return NULL;
}

static void wrong_value(const struct ctl_param *p, struct mistake *wrong)
{
	static const char *const types[] = {
		[CTL_STRING] = "a string",    [CTL_INT] = "an integer",	  [CTL_NUMBER] = "a number",
		[CTL_BOOL] = "true or false", [CTL_OBJECT] = "an object", [CTL_ARRAY] = "an array",
	};

	snprintf(wrong->text, sizeof wrong->text, "parameter \"%s\" wants %s", p->name,
		 types[p->type]);
	if (p->type == CTL_INT)
		snprintf(wrong->text + strlen(wrong->text),
			 sizeof wrong->text - strlen(wrong->text), " from %lld to %lld",
			 (long long)p->min, (long long)highest(p));
	wrong->hint = p->help;
}

/* False, and what is wrong, unless all is well. */
static bool check_params(const struct ctl_method *m, json_t *params, struct mistake *wrong)
{
	const char *name;
	json_t *value;

	json_object_foreach(params, name, value)
	{
		const struct ctl_param *p = find_param(m, name, &wrong->hint);
		if (p && type_fits(p, value))
			continue;
		if (p)
			wrong_value(p, wrong);
		else
			snprintf(wrong->text, sizeof wrong->text, "unknown parameter \"%.64s\"",
				 name);
		return false;
	}
	for (const struct ctl_param *p = m->params; p->name; p++) {
		if (!p->required || json_object_get(params, p->name))
			continue;
		snprintf(wrong->text, sizeof wrong->text, "parameter \"%s\" is missing", p->name);
		wrong->hint = p->help;
		return false;
	}
	return true;
}

static const struct ctl_method *find_method(const struct ctl *c, const char *name,
					    struct mistake *wrong)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < c->n_methods; i++) {
		if (strcmp(c->methods[i]->name, name) == 0)
			return c->methods[i];
		nearest_try(&near, c->methods[i]->name);
	}
	wrong->hint = near.best ? near.best : "schema.list has all methods";
	snprintf(wrong->text, sizeof wrong->text, "no method \"%.64s\"", name);
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

static void log_call(const struct ctl_client *cl, const struct ctl_method *m, const json_t *params)
{
	const char *ue = json_string_value(json_object_get(params, "ue"));
	struct imsi imsi;
	bool named = ue && imsi_parse(&imsi, ue) == 0;

	log_info(LOG_CTL, "control client %llu calls %s%s%s", (unsigned long long)cl->id, m->name,
		 named ? " ue=" : "", named ? ue : "");
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
		log_call(cl, m, params);
	/* Subscriptions belong to the client, all else to the node. */
	if (strcmp(m->name, "events.subscribe") == 0)
		ctl_subscribe(cl, req, params);
	else if (strcmp(m->name, "events.unsubscribe") == 0)
		ctl_unsubscribe(cl, req);
	else
		m->handler(is_own(m) ? (void *)c : c->s.node, req, params);
}

/* It is kept until the answer: many long ones would be much. */
static bool is_id(const json_t *id)
{
	return json_is_integer(id) || (json_is_string(id) && json_string_length(id) <= ID_MAX);
}

/* What is wrong with the request as such, or NULL. */
static const char *malformed(const json_t *msg)
{
	const json_t *id = json_object_get(msg, "id"), *params = json_object_get(msg, "params");
	const char *version = json_string_value(json_object_get(msg, "jsonrpc"));
	size_t known = 2 + (id != NULL) + (params != NULL);

	if (!version || strcmp(version, "2.0") != 0)
		return "\"jsonrpc\" wants \"2.0\"";
	if (!json_is_string(json_object_get(msg, "method")))
		return "\"method\" wants a string";
	if (id && !is_id(id))
		return "\"id\" wants a string of at most 256 octets or an integer";
	if (params && !json_is_object(params))
		return "\"params\" wants an object";
	/* "parms" for "params" would be a request without any. */
	return json_object_size(msg) > known ? "a request has \"jsonrpc\", \"id\", \"method\" "
					       "and \"params\", no more"
					     : NULL;
}

/* The method, and parameters that fit it (taken over by the caller); NULL, and what is wrong. */
static const struct ctl_method *understand(const struct ctl_client *cl, const json_t *msg,
					   json_t **params, struct mistake *wrong)
{
	const char *text = malformed(msg);
	const struct ctl_method *m;

	*wrong = (struct mistake){
		.code = -32600, .name = "INVALID_REQUEST", .hint = REQUEST_HINT, .err = KH_E_USAGE};
	if (text) {
		snprintf(wrong->text, sizeof wrong->text, "%s", text);
		return NULL;
	}
	wrong->code = -32601;
	wrong->name = "METHOD_NOT_FOUND";
	wrong->hint = NULL;
	m = find_method(cl->ctl, json_string_value(json_object_get(msg, "method")), wrong);
	if (!m)
		return NULL;
	if (cl->door->viewer && !m->reads_only) {
		refuse(wrong, KH_E_READ_ONLY, err_text(KH_E_READ_ONLY),
		       "the operators' socket takes it");
		log_info(LOG_CTL, "control client %llu is a viewer: %s refused",
			 (unsigned long long)cl->id, m->name);
		return NULL;
	}
	wrong->code = -32602;
	wrong->name = "INVALID_PARAMS";
	wrong->hint = "schema.get has the parameters of a method";
	*params = json_object_get(msg, "params");
	*params = *params ? json_incref(*params) : json_object();
	if (!check_params(m, *params, wrong))
		return NULL;
	if (cl->unanswered < CTL_REQUESTS_MAX)
		return m;
	refuse(wrong, KH_E_BUSY, "too many requests at once", "read the answers first");
	return NULL;
}

static void take_request(struct ctl_client *cl, json_t *msg)
{
	json_t *id = json_object_get(msg, "id"), *params = NULL;
	struct mistake wrong;
	const struct ctl_method *m = understand(cl, msg, &params, &wrong);

	if (m)
		run(cl, m, id, params);
	else if (id || wrong.code == -32600)
		protocol_error(cl, is_id(id) ? id : NULL, &wrong);
	else
		log_info(LOG_CTL, "control client %llu: notification: %s",
			 (unsigned long long)cl->id, wrong.text);
	json_decref(params);
}

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	return true;
}

void ctl_request_line(struct ctl_client *cl, const char *line, size_t len)
{
	json_error_t error;
	json_t *msg;
	struct mistake wrong = {.code = -32700,
				.name = "PARSE_ERROR",
				.hint = "one object of JSON a line",
				.err = KH_E_USAGE};

	if (is_blank(line, len))
		return;
	msg = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!msg) {
		/* What it quotes may be a key: subscriber.add has some. */
		char *quoted = strstr(error.text, " near ");
		if (quoted)
			*quoted = '\0';
		snprintf(wrong.text, sizeof wrong.text, "line %d column %d: %.120s", error.line,
			 error.column, error.text);
		protocol_error(cl, NULL, &wrong);
		log_warn(LOG_CTL, "control client %llu: %s", (unsigned long long)cl->id,
			 wrong.text);
		return;
	}
	if (json_is_object(msg)) {
		take_request(cl, msg);
	} else {
		wrong = (struct mistake){-32600, "INVALID_REQUEST", REQUEST_HINT,
					 "one object a line; batches are not taken", KH_E_USAGE};
		protocol_error(cl, NULL, &wrong);
	}
	json_decref(msg);
}
