#include "events_json.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "clock.h"
#include "message.h"

/* Receives the members that are there, in order. */
struct visitor {
	void (*text)(struct visitor *v, const char *name, const char *value);
	void (*number)(struct visitor *v, const char *name, int64_t value);
};

static void visit_text(struct visitor *v, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		v->text(v, name, value);
}

/* JSON readers, jansson too, take 63 bits; what a peer sends may be more. */
static void visit_number(struct visitor *v, const char *name, uint64_t value, bool zero_counts)
{
	if (value != 0 || zero_counts)
		v->number(v, name, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void visit_message(struct visitor *v, const struct node_event *e)
{
	char name[64];

	snprintf(name, sizeof name, "%s.%s", iface_name(e->message->iface), e->message->name);
	visit_text(v, "message", name);
	visit_text(v, "interface", e->interface);
	visit_text(v, "protection", e->protection);
	visit_number(v, "octets", e->octets, true);
	visit_text(v, "peer", e->peer);
}

static void visit(struct visitor *v, const char *node, const struct node_event *e)
{
	char ts[CLOCK_TEXT_LEN];

	clock_text(e->wall_us, ts);
	visit_text(v, "topic", e->topic);
	visit_number(v, "seq", e->seq, true);
	visit_text(v, "ts", ts);
	visit_text(v, "node", node);
	visit_text(v, "step", e->step);
	if (e->message != NULL)
		visit_message(v, e);
	visit_text(v, "ue", e->ue.s);
	visit_number(v, "mme_ue_id", e->mme_ue_id, false);
	visit_number(v, "enb", e->enb, false);
	visit_number(v, "source", e->source, false);
	visit_number(v, "gen", e->gen, e->has_gen);
	visit_number(v, "kid", e->kid, false);
	visit_text(v, "key", e->key);
	visit_text(v, "fp", e->fp);
	if (e->err != 0)
		v->text(v, "cause", err_name(e->err));
	if (e->has_duration || e->duration_us != 0)
		v->number(v, "duration_us", e->duration_us);
	visit_text(v, "detail", e->detail);
}

struct object_visitor {
	struct visitor v;
	json_t *object;
};

static void object_text(struct visitor *v, const char *name, const char *value)
{
	json_object_set_new(((struct object_visitor *)v)->object, name, json_string(value));
}

static void object_number(struct visitor *v, const char *name, int64_t value)
{
	json_object_set_new(((struct object_visitor *)v)->object, name,
			    json_integer((json_int_t)value));
}

struct json_t *event_object(const char *node, const struct node_event *e)
{
	struct object_visitor o = {{object_text, object_number}, json_object()};

	visit(&o.v, node, e);
	return o.object;
}

struct line_visitor {
	struct visitor v;
	char *out;
	size_t len;
	bool full;
};

static void put(struct line_visitor *l, const char *text, size_t len)
{
	if (l->full || len > EVENT_LINE_MAX - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->out + l->len, text, len);
	l->len += len;
}

static void put_escaped(struct line_visitor *l, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		char code[8];

		if (c == '"' || c == '\\')
			put(l, "\\", 1);
		if (c >= ' ')
			put(l, text, 1);
		else
			put(l, code, (size_t)snprintf(code, sizeof code, "\\u%04x", c));
	}
}

static void put_name(struct line_visitor *l, const char *name)
{
	put(l, l->len > 1 ? ",\"" : "\"", l->len > 1 ? 2 : 1);
	put(l, name, strlen(name));
	put(l, "\":", 2);
}

static void line_text(struct visitor *v, const char *name, const char *value)
{
	struct line_visitor *l = (struct line_visitor *)v;

	put_name(l, name);
	put(l, "\"", 1);
	put_escaped(l, value);
	put(l, "\"", 1);
}

static void line_number(struct visitor *v, const char *name, int64_t value)
{
	struct line_visitor *l = (struct line_visitor *)v;
	char digits[24];

	put_name(l, name);
	put(l, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value));
}

size_t event_line(const char *node, const struct node_event *e, char out[EVENT_LINE_MAX])
{
	struct line_visitor l = {.v = {line_text, line_number}, .out = out};

	put(&l, "{", 1);
	visit(&l.v, node, e);
	put(&l, "}\n", 2);
	return l.full ? 0 : l.len;
}
