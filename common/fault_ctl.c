/* fault.set, fault.list, fault.clear */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "fault.h"
#include "link.h"
#include "mem.h"

#define FAULTS_MAX 256
#define DELAY_MS 100

/* By step ("7") or by name ("x2.handover_request"). */
static const struct message_row *find_row(const char *text)
{
	char name[64];

	for (size_t i = 0; i < message_row_count; i++) {
		const struct message_row *row = &message_rows[i];
		snprintf(name, sizeof name, "%s.%s", iface_name(row->iface), row->name);
		if (strcmp(name, text) == 0 || (row->step && strcmp(row->step, text) == 0))
			return row;
	}
	return NULL;
}

static json_t *fault_json(const struct fault *f)
{
	char name[64];

	snprintf(name, sizeof name, "%s.%s", iface_name(f->row->iface), f->row->name);
	return json_pack("{s:I, s:s, s:s, s:s, s:o, s:f, s:I, s:I}", "id", (json_int_t)f->id,
			 "fault", fault_kind_name(f->kind), "message", name, "direction",
			 f->dir == LINK_TX ? "tx" : "rx", "left",
			 f->left == UINT32_MAX ? json_null() : json_integer(f->left), "probability",
			 f->permille / 1000.0, "delay_ms", (json_int_t)f->delay_ms, "fired",
			 (json_int_t)f->fired);
}

static bool is_direction(const char *text)
{
	return strcmp(text, "tx") == 0 || strcmp(text, "rx") == 0;
}

static struct fault *add(struct node *n)
{
	struct fault *f = x_calloc(1, sizeof *f);

	if (!n->faults)
		n->faults = x_calloc(1, sizeof *n->faults);
	f->id = ++n->faults->last_id;
	DL_APPEND(n->faults->list, f);
	return f;
}

static size_t count(const struct node *n)
{
	const struct fault *f;
	size_t found = 0;

	DL_COUNT(n->faults ? n->faults->list : NULL, f, found);
	return found;
}

static void fault_set(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct node *n = ctx;
	int kind = fault_kind_parse(ctl_string(params, "fault", ""));
	const struct message_row *row = find_row(ctl_string(params, "message", ""));
	const char *direction = ctl_string(params, "direction", "tx");
	double probability = json_number_value(json_object_get(params, "probability"));
	int64_t times = ctl_int(params, "count", 1);

	if (!json_object_get(params, "probability"))
		probability = 1.0;
	if (!n->options->faults) {
		ctl_fail(req, KH_E_FAULTS_OFF, "set lab.faults: true in the configuration");
		return;
	}
	if (kind < 0 || !row || !is_direction(direction) || probability < 0 || probability > 1) {
		ctl_fail(req, KH_E_USAGE,
			 kind < 0 ? "fault: drop, delay, duplicate, reorder, corrupt, truncate, "
				    "replay, close or stall"
			 : !row	  ? "message: a step (7) or a name (x2.handover_request)"
				  : "direction: tx or rx; probability: 0 to 1");
		return;
	}
	if (count(n) >= FAULTS_MAX) {
		ctl_fail(req, KH_E_NO_RESOURCES, "fault.clear some");
		return;
	}
	struct fault *f = add(n);
	f->kind = (enum fault_kind)kind;
	f->row = row;
	f->dir = strcmp(direction, "rx") == 0 ? LINK_RX : LINK_TX;
	f->left = times ? (uint32_t)times : UINT32_MAX;
	f->permille = (uint32_t)(probability * 1000 + 0.5);
	f->delay_ms = (uint32_t)ctl_int(params, "delay_ms", DELAY_MS);
	log_warn(LOG_CTL, "fault set: %s %s.%s %s", fault_kind_name(f->kind),
		 iface_name(row->iface), row->name, direction);
	ctl_reply(req, fault_json(f));
}

static void fault_list(void *ctx, struct ctl_request *req, const json_t *params)
{
	const struct node *n = ctx;
	const struct fault *f;
	struct ctl_page page = ctl_page_begin(params);

	DL_FOREACH (n->faults ? n->faults->list : NULL, f)
		if (ctl_page_wants_number(&page, f->id))
			json_array_append_new(page.items, fault_json(f));
	json_t *out = ctl_page_end(&page);
	json_object_set_new(out, "held", json_integer((json_int_t)n->held.frames));
	ctl_reply(req, out);
}

static void fault_clear(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct node *n = ctx;
	int64_t id = ctl_int(params, "id", 0), cleared = 0;
	struct fault *f, *tmp;

	DL_FOREACH_SAFE (n->faults ? n->faults->list : NULL, f, tmp) {
		if (id && f->id != id)
			continue;
		DL_DELETE(n->faults->list, f);
		free(f);
		cleared++;
	}
	if (n->faults && !n->faults->list)
		faults_free(n);
	if (id && !cleared)
		ctl_fail(req, KH_E_NOT_FOUND, "see fault.list");
	else
		ctl_reply(req, json_pack("{s:I}", "cleared", (json_int_t)cleared));
}

static const struct ctl_param set_params[] = {
	{"fault", CTL_STRING, true, 0, 0,
	 "drop, delay, duplicate, reorder, corrupt, truncate, replay, close or stall"},
	{"message", CTL_STRING, true, 0, 0, "a step (7) or a name (x2.handover_request)"},
	{"direction", CTL_STRING, false, 0, 0, "tx (default) or rx"},
	{"count", CTL_INT, false, 0, 1000000000, "how often (default 1); 0 is always"},
	{"probability", CTL_NUMBER, false, 0, 0, "0 to 1 (default 1)"},
	{"delay_ms", CTL_INT, false, 0, 3600000, "of delay, replay and stall (default 100)"},
	{0}};
static const struct ctl_param clear_params[] = {
	{"id", CTL_INT, false, 1, UINT32_MAX, "one fault; all without it"}, {0}};
static const struct ctl_param page_params[] = {CTL_PAGE_PARAMS, {0}};

const struct ctl_method fault_methods[] = {
	{"fault.set", set_params, fault_set, "break messages on purpose", false},
	{"fault.list", page_params, fault_list, "faults that are set", true},
	{"fault.clear", clear_params, fault_clear, "end a fault, or all of them", false},
	{0},
};
