/* Answers: results, and errors with their names. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl_internal.h"
#include "utf8.h"

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

static void put_names(json_t *data, int err)
{
	char name[64];

	capitals(name, sizeof name, err == KH_E_USAGE ? "invalid-params" : err_name(err));
	json_object_set_new(data, "name", json_string(name));
	json_object_set_new(data, "cause", json_string(err_name(err)));
	json_object_set_new(data, "retryable", json_boolean(is_retryable(err)));
}

static void fail_text(struct ctl_request *req, int err, json_t *data, char *text, size_t size)
{
	utf8_clean(text, size);
	put_names(data, err);
	send_answer(
		req, "error",
		json_pack("{s:i, s:s, s:o}", "code", err_code(err), "message", text, "data", data));
}

void ctl_fail(struct ctl_request *req, int err, const char *hint)
{
	json_t *data = json_object();
	char text[CTL_TEXT_MAX];

	if (hint) {
		snprintf(text, sizeof text, "%s", hint);
		utf8_clean(text, sizeof text);
		json_object_set_new(data, "hint", json_string(text));
	}
	snprintf(text, sizeof text, "%s", err_text(err));
	fail_text(req, err, data, text, sizeof text);
}

void ctl_done(struct ctl_request *req, int err, const char *hint)
{
	if (err)
		ctl_fail(req, err, hint);
	else
		ctl_reply(req, json_pack("{s:s}", "outcome", "completed"));
}

void ctl_fail_with(struct ctl_request *req, int err, json_t *data, const char *fmt, ...)
{
	char text[CTL_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fail_text(req, err, data ? data : json_object(), text, sizeof text);
}

void ctl_protocol_error(struct ctl_client *cl, const json_t *id, int code, const char *name,
			int err, const char *text, const char *hint)
{
	json_t *data = json_object();
	json_t *msg = json_pack("{s:s, s:{s:i, s:s, s:o}}", "jsonrpc", "2.0", "error", "code", code,
				"message", text, "data", data);

	put_names(data, err);
	if (name)
		json_object_set_new(data, "name", json_string(name));
	if (hint)
		json_object_set_new(data, "hint", json_string(hint));
	json_object_set_new(msg, "id", id ? json_deep_copy(id) : json_null());
	ctl_client_write(cl, msg);
}
