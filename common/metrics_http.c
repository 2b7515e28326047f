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
#include "metrics_text.h"

#define HEADERS_MAX 8192
#define BODY_MAX 1024
#define IDLE_S 10

struct metrics_http {
	struct node *node;
	struct evhttp *http;
};

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

	metrics_text(n, out);
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
	snprintf(why, why_len, "metrics.listen: %s port %u: cannot listen", o->metrics_listen,
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
