#include "metrics_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>

#include "daemon.h"
#include "loop.h"
#include "mem.h"

#define HEADERS_MAX 8192
#define BODY_MAX 1024
#define IDLE_S 10

struct metrics_http {
	struct node *node;
	struct evhttp *http;
};

static void head(struct evbuffer *out, const char *name, const char *type, const char *help)
{
	evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_messages(struct evbuffer *out, const struct metrics *m)
{
	head(out, "keyhop_messages_total", "counter", "Messages by direction.");
	for (size_t i = 0; i < message_row_count; i++)
		for (int tx = 0; tx < 2; tx++)
			evbuffer_add_printf(
				out,
				"keyhop_messages_total{direction=\"%s\",message=\"%s.%s\"} %llu\n",
				tx ? "tx" : "rx", iface_name(message_rows[i].iface),
				message_rows[i].name,
				(unsigned long long)(tx ? m->tx[i] : m->rx[i]));
}

static void put_refusals(struct evbuffer *out, const struct metrics *m)
{
	head(out, "keyhop_refusals_total", "counter", "What was refused, by cause.");
#define REFUSAL(id, number, name, code, text) \
	evbuffer_add_printf(out, "keyhop_refusals_total{cause=\"%s\"} %llu\n", name, \
			    (unsigned long long)m->refused[number]);
	KH_ERRORS(REFUSAL)
#undef REFUSAL
}

static void put_counters(struct evbuffer *out, const struct metrics *m)
{
#define COUNTER(id, name) \
	head(out, "keyhop_" name "_total", "counter", "Events of this kind since the start."); \
	evbuffer_add_printf(out, "keyhop_" name "_total %llu\n", \
			    (unsigned long long)m->count[METRIC_##id]);
	METRICS(COUNTER)
#undef COUNTER
}

static void put_histogram(struct evbuffer *out, enum phase_metric phase, const struct histogram *h)
{
	unsigned long long sum = 0;
	const char *name = phase_metric_name(phase);

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		sum += h->bucket[i];
		evbuffer_add_printf(
			out,
			"keyhop_handover_duration_seconds_bucket{phase=\"%s\",le=\"%g\"} "
			"%llu\n",
			name, (double)histogram_bounds_us[i] / 1e6, sum);
	}
	evbuffer_add_printf(
		out,
		"keyhop_handover_duration_seconds_bucket{phase=\"%s\",le=\"+Inf\"} %llu\n"
		"keyhop_handover_duration_seconds_sum{phase=\"%s\"} %.6f\n"
		"keyhop_handover_duration_seconds_count{phase=\"%s\"} %llu\n",
		name, (unsigned long long)h->count, name, (double)h->sum_us / 1e6, name,
		(unsigned long long)h->count);
}

static void put_durations(struct evbuffer *out, const struct metrics *m)
{
	head(out, "keyhop_handover_duration_seconds", "histogram", "Phases of handovers.");
	for (unsigned p = 0; p < PHASE_METRIC_COUNT; p++)
		put_histogram(out, (enum phase_metric)p, &m->phase[p]);
}

/* What of `status` is a gauge. */
static const struct {
	const char *key, *name, *help;
} gauges[] = {
	{"fds", "process_open_fds", "Open descriptors."},
	{"heap_bytes", "keyhop_heap_bytes", "Heap in use, without SQLite."},
	{"store_bytes", "keyhop_store_bytes", "Heap in use by SQLite."},
	{"ues", "keyhop_ues", "UE contexts."},
	{"enbs", "keyhop_enbs", "eNodeBs known."},
	{"enbs_up", "keyhop_enbs_up", "eNodeBs with an association."},
	{"subscribers", "keyhop_subscribers", "Subscribers."},
	{"s1_up", "keyhop_s1_up", "Is the association with the MME up?"},
	{"x2_up", "keyhop_x2_up", "Neighbours with an association."},
	{"neighbours", "keyhop_neighbours", "Neighbours known."},
	{"cells", "keyhop_cells", "Cells configured."},
	{"cells_up", "keyhop_cells_up", "Cells in reach."},
};

static void put_gauges(struct evbuffer *out, struct node *n)
{
	json_t *status = daemon_status(n);

	head(out, "keyhop_build_info", "gauge", "Version of this daemon.");
	evbuffer_add_printf(out, "keyhop_build_info{daemon=\"%s\",version=\"%s\"} 1\n",
			    n->role_name, KEYHOP_VERSION);
	for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
		const json_t *v = json_object_get(status, gauges[i].key);
		if (!v)
			continue;
		head(out, gauges[i].name, "gauge", gauges[i].help);
		evbuffer_add_printf(out, "%s %lld\n", gauges[i].name,
				    json_is_integer(v) ? (long long)json_integer_value(v)
						       : (long long)json_is_true(v));
	}
	json_decref(status);
}

static void answer(struct evhttp_request *req, int code, struct evbuffer *body, const char *type)
{
	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", type);
	evhttp_send_reply(req, code, NULL, body);
	evbuffer_free(body);
}

static void on_metrics(struct evhttp_request *req, void *arg)
{
	struct node *n = ((struct metrics_http *)arg)->node;
	struct evbuffer *out = evbuffer_new();

	put_gauges(out, n);
	put_counters(out, &n->metrics);
	put_durations(out, &n->metrics);
	put_messages(out, &n->metrics);
	put_refusals(out, &n->metrics);
	answer(req, HTTP_OK, out, "text/plain; version=0.0.4");
}

static void on_health(struct evhttp_request *req, void *arg)
{
	struct evbuffer *out = evbuffer_new();

	(void)arg;
	evbuffer_add_printf(out, "ok\n");
	answer(req, HTTP_OK, out, "text/plain");
}

static void on_ready(struct evhttp_request *req, void *arg)
{
	struct node *n = ((struct metrics_http *)arg)->node;
	struct evbuffer *out = evbuffer_new();
	json_t *status = daemon_status(n);
	const json_t *s1 = json_object_get(status, "s1_up");
	bool ready = !s1 || json_is_true(s1);

	json_decref(status);
	evbuffer_add_printf(out, ready ? "ready\n" : "no association with the MME\n");
	answer(req, ready ? HTTP_OK : HTTP_SERVUNAVAIL, out, "text/plain");
}

int metrics_http_open(struct node *n, char *why, size_t why_len)
{
	const struct node_options *o = n->options;
	struct metrics_http *h;

	if (!o->metrics_listen)
		return 0;
	h = n->metrics_http = x_calloc(1, sizeof *h);
	h->node = n;
	h->http = evhttp_new(loop_base(n->loop));
	evhttp_set_allowed_methods(h->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(h->http, HEADERS_MAX);
	evhttp_set_max_body_size(h->http, BODY_MAX);
	evhttp_set_timeout(h->http, IDLE_S);
	evhttp_set_cb(h->http, "/metrics", on_metrics, h);
	evhttp_set_cb(h->http, "/healthz", on_health, h);
	evhttp_set_cb(h->http, "/readyz", on_ready, h);
	if (evhttp_bind_socket(h->http, o->metrics_listen, o->metrics_port) == 0)
		return 0;
	snprintf(why, why_len, "metrics: cannot listen on %s port %u", o->metrics_listen,
		 o->metrics_port);
	return KH_E_CONFIG;
}

void metrics_http_close(struct node *n)
{
	if (!n->metrics_http)
		return;
	if (n->metrics_http->http)
		evhttp_free(n->metrics_http->http);
	free(n->metrics_http);
	n->metrics_http = NULL;
}
