#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon.h"
#include "mem.h"
#include "passage.h"

struct trace {
	struct imsi ue; /* "": all */
	unsigned interfaces; /* mask of 1 << enum iface */
	uint64_t messages;
};

/* Where people say S1, X2 or Uu. */
static const char *const interfaces[IFACE_NAS] = {
	[IFACE_S1] = "S1", [IFACE_X2] = "X2", [IFACE_RRC] = "Uu"};

#define ALL_INTERFACES ((1U << IFACE_NAS) - 1)

/* What a message leaves or enters this node by. NAS is inside S1 at the MME and inside RRC at the UE. */
static enum iface carrier(const struct node *n, enum iface iface)
{
	if (iface != IFACE_NAS)
		return iface;
	return n->role == ROLE_MME ? IFACE_S1 : IFACE_RRC;
}

void trace_message(struct node *n, const struct passage *p)
{
	struct trace *t = n->trace;
	enum iface by = carrier(n, p->row->iface);
	struct node_event e = {.topic = p->tx ? "msg.tx" : "msg.rx",
			       .step = p->row->step,
			       .message = p->row,
			       .interface = interfaces[by],
			       .protection = protection_name(p->protection),
			       .octets = (uint32_t)p->len};

	if (!(t->interfaces & 1U << by))
		return;
	passage_about(n, p, &e);
	if (t->ue.s[0] && strcmp(t->ue.s, e.ue.s) != 0)
		return;
	t->messages++;
	events_emit(n->events, &e);
}

void trace_start(struct node *n, const struct imsi *ue, unsigned mask)
{
	if (!n->trace)
		n->trace = x_calloc(1, sizeof *n->trace);
	*n->trace = (struct trace){.ue = ue ? *ue : (struct imsi){{0}},
				   .interfaces = mask ? mask : ALL_INTERFACES};
	log_info(LOG_CTL, "trace of messages begins");
}

void trace_stop(struct node *n)
{
	if (!n->trace)
		return;
	log_info(LOG_CTL, "trace ended: %llu messages", (unsigned long long)n->trace->messages);
	free(n->trace);
	n->trace = NULL;
}

json_t *trace_status(const struct node *n)
{
	const struct trace *t = n->trace;
	json_t *names = json_array();

	for (int i = 0; i < IFACE_NAS; i++)
		if (t && t->interfaces & 1U << i)
			json_array_append_new(names, json_string(interfaces[i]));
	return json_pack("{s:b, s:o, s:o, s:I}", "running", t != NULL, "ue",
			 t && t->ue.s[0] ? json_string(t->ue.s) : json_null(), "interfaces", names,
			 "messages", t ? (json_int_t)t->messages : 0);
}

/* The bit of a name, 0 for none of ours. */
static unsigned interface_bit(const char *name)
{
	for (int i = 0; i < IFACE_NAS; i++)
		if (name && strcasecmp(interfaces[i], name) == 0)
			return 1U << i;
	return 0;
}

static int read_interfaces(const json_t *names, unsigned *mask)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		unsigned bit = interface_bit(json_string_value(json_array_get(names, i)));
		if (!bit)
			return KH_E_USAGE;
		*mask |= bit;
	}
	return 0;
}

static void start(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct node *n = ctx;
	const char *imsi = ctl_string(params, "ue", NULL);
	struct imsi ue;
	unsigned mask = 0;

	if ((imsi && imsi_parse(&ue, imsi)) ||
	    read_interfaces(json_object_get(params, "interfaces"), &mask)) {
		ctl_fail(req, KH_E_USAGE, "ue: an IMSI; interfaces: of S1, X2 and Uu");
		return;
	}
	trace_start(n, imsi ? &ue : NULL, mask);
	ctl_reply(req, trace_status(n));
}

static void stop(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct node *n = ctx;
	json_t *last = trace_status(n);

	(void)params;
	if (!n->trace) {
		json_decref(last);
		ctl_fail(req, KH_E_NOT_FOUND, "no trace runs");
		return;
	}
	json_object_set_new(last, "running", json_false());
	trace_stop(n);
	ctl_reply(req, last);
}

static void status(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)params;
	ctl_reply(req, trace_status(ctx));
}

static const struct ctl_param none[] = {{0}};
static const struct ctl_param start_params[] = {
	{"ue", CTL_STRING, false, 0, 0,
	 "only messages about the UE of this IMSI, as far as this node knows whom they are about"},
	{"interfaces", CTL_ARRAY, false, 0, 0,
	 "only those of S1, X2 or Uu; NAS goes by S1 at the MME and by Uu at the UE"},
	{0},
};

const struct ctl_method trace_methods[] = {
	{"trace.start", start_params, start,
	 "every message that this node sends or receives becomes an event (msg.tx, msg.rx). While "
	 "a trace runs this replaces its filter, and the count begins anew",
	 false},
	{"trace.stop", none, stop, "end the trace", false},
	{"trace.status", none, status, "the trace that runs", true},
	{0},
};
