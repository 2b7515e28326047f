/* Events to clients, and the methods of the control socket itself. */
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <utlist.h>

#include "ctl_internal.h"
#include "mem.h"

static bool wants(const struct ctl_client *cl, const struct node_event *e)
{
	if (cl->ue.s[0] && strcmp(cl->ue.s, e->ue.s) != 0)
		return false;
	for (size_t i = 0; i < cl->n_topics; i++)
		if (strncmp(e->topic, cl->topics[i], strlen(cl->topics[i])) == 0)
			return true;
	return cl->n_topics == 0;
}

/* A prefix of the topics of a trace. */
static bool is_of_messages(const char *topic)
{
	return strncmp("msg.tx", topic, strlen(topic)) == 0 ||
	       strncmp("msg.rx", topic, strlen(topic)) == 0;
}

static bool is_above(struct ctl_client *cl, size_t octets)
{
	return evbuffer_get_length(bufferevent_get_output(cl->bev)) > octets;
}

static void tell_lost(struct ctl_client *cl, uint64_t from, uint64_t to)
{
	cl->ctl->events_dropped += to - from + 1;
	ctl_client_write(cl, json_pack("{s:s, s:s, s:{s:I, s:I}}", "jsonrpc", "2.0", "method",
				       "events.lost", "params", "from", (json_int_t)from, "to",
				       (json_int_t)to));
	cl->told = to;
}

static void send_event(struct ctl_client *cl, const struct node_event *e)
{
	cl->told = e->seq;
	if (wants(cl, e))
		ctl_client_write(cl,
				 json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", "event",
					   "params", event_json(cl->ctl->s.events, e)));
}

/* The next event in the ring, or NULL; what this client should have had up to number `lost` has left the ring. */
static const struct node_event *next_of(const struct ctl_client *cl, uint64_t *lost)
{
	const struct events *ev = cl->ctl->s.events;
	const struct node_event *e;

	if (!cl->messages) {
		*lost = events_procedure_left(ev);
		return events_procedure_after(ev, cl->told);
	}
	e = events_after(ev, cl->told);
	*lost = e ? e->seq - 1 : events_last_seq(ev);
	return e;
}

/* Sends on out of the ring, a chunk at a time: nobody waits for a client that has much to catch up with. What has left
 * the ring is named as lost. */
static void catch_up(struct ctl_client *cl)
{
	uint64_t last = events_last_seq(cl->ctl->s.events), lost;

	while (cl->told < last && !is_above(cl, CTL_EVENTS_CHUNK)) {
		const struct node_event *e = next_of(cl, &lost);
		if (lost > cl->told)
			tell_lost(cl, cl->told + 1, lost);
		if (e)
			send_event(cl, e);
		else
			cl->told = last;
	}
}

void ctl_subscribe_event(void *arg, const struct node_event *e)
{
	struct ctl *c = arg;
	struct ctl_client *cl;

	/* Who reads too slowly finds it in the ring when it has read what it has. */
	DL_FOREACH (c->clients, cl)
		if (cl->subscribed && cl->told + 1 == e->seq && !is_above(cl, CTL_EVENTS_HIGH))
			send_event(cl, e);
}

void ctl_subscribe_drained(struct ctl_client *cl)
{
	if (cl->subscribed)
		catch_up(cl);
}

uint64_t ctl_subscribe_missed(const struct ctl_client *cl)
{
	uint64_t lost = 0;

	if (cl->subscribed)
		(void)next_of(cl, &lost);
	return lost > cl->told ? lost - cl->told : 0;
}

void ctl_subscribe_end(struct ctl_client *cl)
{
	cl->ctl->events_dropped += ctl_subscribe_missed(cl);
	for (size_t i = 0; i < cl->n_topics; i++)
		free(cl->topics[i]);
	cl->n_topics = 0;
	cl->subscribed = false;
	cl->ue.s[0] = '\0';
}

static int read_topics(struct ctl_client *cl, const json_t *topics)
{
	size_t n = json_array_size(topics);

	cl->messages = n == 0;
	if (n > CTL_TOPICS_MAX)
		return KH_E_USAGE;
	for (size_t i = 0; i < n; i++) {
		const char *topic = json_string_value(json_array_get(topics, i));
		if (!topic)
			return KH_E_USAGE;
		cl->topics[cl->n_topics++] = x_strdup(topic);
		cl->messages |= is_of_messages(topic);
	}
	return 0;
}

void ctl_subscribe(struct ctl_client *cl, struct ctl_request *req, const json_t *params)
{
	const char *ue = ctl_string(params, "ue", NULL);

	ctl_subscribe_end(cl);
	if ((ue && imsi_parse(&cl->ue, ue)) || read_topics(cl, json_object_get(params, "topics"))) {
		ctl_subscribe_end(cl);
		ctl_fail(req, KH_E_USAGE, "ue: an IMSI; topics: a list of at most 16 prefixes");
		return;
	}
	ctl_reply(req, json_pack("{s:I}", "seq", (json_int_t)events_last_seq(cl->ctl->s.events)));
	cl->told = events_last_seq(cl->ctl->s.events);
	/* A number that is still to come (of a node that began anew) means from now on. */
	if ((uint64_t)ctl_int(params, "since", INT64_MAX) < cl->told)
		cl->told = (uint64_t)ctl_int(params, "since", 0);
	cl->subscribed = true;
	catch_up(cl);
}

void ctl_unsubscribe(struct ctl_client *cl, struct ctl_request *req)
{
	ctl_subscribe_end(cl);
	ctl_done(req, 0, NULL);
}

static void ping(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)ctx;
	(void)params;
	ctl_done(req, 0, NULL);
}

static void version(void *ctx, struct ctl_request *req, const json_t *params)
{
	const struct ctl *c = ctx;

	(void)params;
	ctl_reply(req, json_pack("{s:s, s:s, s:s}", "name", c->s.role, "version", c->s.version,
				 "api", CTL_API));
}

/* Handled by the client's own side before it comes to a handler. */
static void of_the_client(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)ctx;
	(void)params;
	ctl_fail(req, KH_E_INTERNAL, NULL);
}

static const struct ctl_param no_params[] = {{0}};
static const struct ctl_param subscribe_params[] = {
	{"since", CTL_INT, false, 0, 0, "replay what came after this sequence number"},
	{"topics", CTL_ARRAY, false, 0, 0, "prefixes of topics"},
	{"ue", CTL_STRING, false, 0, 0, "events of one IMSI"},
	{0},
};

const struct ctl_method ctl_own_methods[] = {
	{"ping", no_params, ping, "is anybody there?", true},
	{"version", no_params, version, "version of the daemon and of this interface", true},
	{"events.subscribe", subscribe_params, of_the_client, "events from now on, and replay",
	 true},
	{"events.unsubscribe", no_params, of_the_client, "no more events", true},
	{0},
};
