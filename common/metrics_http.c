#include "metrics_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <utlist.h>

#include "daemon.h"
#include "endpoint.h"
#include "loop.h"
#include "mem.h"
#include "metrics_text.h"
#include "net.h"

#define HEADERS_MAX 8192
#define BODY_MAX 1024
#define IDLE_S 10
#define VISITORS_MAX 32
#define SWEEP_MS 1000
#define BACKLOG 64

/* One connection. evhttp owns it and tells nobody when it ends: it is held once more, and let go when evhttp has done
 * so. */
struct visitor {
	struct bufferevent *bev;
	struct visitor *prev, *next;
};

struct metrics_http {
	struct node *node;
	struct evhttp *http;
	struct endpoint at;
	struct visitor *visitors; /* oldest first */
	unsigned n_visitors;
	struct loop_timer *timer; /* while there are any */
};

static int put_metrics(struct node *n, struct evbuffer *out)
{
	metrics_text(n, out);
	return HTTP_OK;
}

/* Whoever is answered finds the loop alive: that is all there is to it. */
static int put_health(struct node *n, struct evbuffer *out)
{
	(void)n;
	evbuffer_add_printf(out, "ok\n");
	return HTTP_OK;
}

static int put_readiness(struct node *n, struct evbuffer *out)
{
	char why[128] = "";
	bool ready = n->daemon->ready(n, why, sizeof why);

	evbuffer_add_printf(out, "%s\n", ready ? "ready" : why);
	return ready ? HTTP_OK : HTTP_SERVUNAVAIL;
}

static const struct page {
	const char *path, *type;
	int (*put)(struct node *n, struct evbuffer *out); /* the status code */
} pages[] = {
	{"/metrics", "text/plain; version=0.0.4", put_metrics},
	{"/healthz", "text/plain", put_health},
	{"/readyz", "text/plain", put_readiness},
};

static const struct page *find_page(struct evhttp_request *req)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));

	for (size_t i = 0; path && i < sizeof pages / sizeof pages[0]; i++)
		if (strcmp(pages[i].path, path) == 0)
			return &pages[i];
	return NULL;
}

static void on_request(struct evhttp_request *req, void *arg)
{
	const struct metrics_http *h = arg;
	const struct page *page = find_page(req);
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *out = evbuffer_new();
	int code = HTTP_NOTFOUND;

	if (page && method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		code = HTTP_BADMETHOD;
		evhttp_add_header(headers, "Allow", "GET, HEAD");
	} else if (page) {
		code = page->put(h->node, out);
	}
	if (code == HTTP_NOTFOUND || code == HTTP_BADMETHOD)
		evbuffer_add_printf(out, "%s\n",
				    page ? "GET or HEAD" : "/metrics /healthz /readyz");
	evhttp_add_header(headers, "Content-Type", page ? page->type : "text/plain");
	evhttp_send_reply(req, code, NULL, out);
	evbuffer_free(out);
}

/* Whoever frees a bufferevent takes its callbacks away. */
static bool has_ended(const struct visitor *v)
{
	bufferevent_data_cb on_read, on_write;
	bufferevent_event_cb on_event;

	bufferevent_getcb(v->bev, &on_read, &on_write, &on_event, NULL);
	return !on_read && !on_write && !on_event;
}

static void let_go(struct metrics_http *h, struct visitor *v)
{
	DL_DELETE(h->visitors, v);
	h->n_visitors--;
	bufferevent_decref(v->bev);
	free(v);
}

static void sweep(struct metrics_http *h)
{
	struct visitor *v, *tmp;

	DL_FOREACH_SAFE (h->visitors, v, tmp)
		if (has_ended(v))
			let_go(h, v);
}

static void on_timer(void *arg)
{
	struct metrics_http *h = arg;

	h->timer = NULL;
	sweep(h);
	if (h->visitors)
		h->timer = loop_timer_start(h->node->loop, SWEEP_MS, on_timer, h);
}

/* When all places are taken, who has been here longest makes room: nobody can keep them all. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct metrics_http *h = arg;
	struct visitor *v = x_calloc(1, sizeof *v);

	sweep(h);
	if (h->visitors && h->n_visitors >= VISITORS_MAX) {
		(void)shutdown(bufferevent_getfd(h->visitors->bev), SHUT_RDWR);
		let_go(h, h->visitors);
	}
	v->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_incref(v->bev);
	DL_APPEND(h->visitors, v);
	h->n_visitors++;
	if (!h->timer)
		h->timer = loop_timer_start(h->node->loop, SWEEP_MS, on_timer, h);
	return v->bev;
}

static void resume_accepting(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)evconnlistener_enable(arg);
}

/* No descriptor is left: who waits keeps the socket readable, and without a pause the loop would spin. evhttp has the
 * argument for itself, so the pause is the loop's own; the loop does not run once the listener is gone. */
static void on_shortage(struct evconnlistener *l, void *evhttp)
{
	static const struct timeval pause = {.tv_usec = NET_ACCEPT_PAUSE_MS * 1000L};

	(void)evhttp;
	if (event_base_once(evconnlistener_get_base(l), -1, EV_TIMEOUT, resume_accepting, l,
			    &pause) == 0)
		(void)evconnlistener_disable(l);
}

/* Takes over the descriptor, unless there is no memory for it. */
static bool accept_at(struct metrics_http *h, int fd)
{
	struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(h->http, fd);

	if (bound)
		evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_shortage);
	return bound != NULL;
}

static int read_address(const struct node_options *o, struct endpoint *out, char *why,
			size_t why_len)
{
	if (endpoint_from_text(out, o->metrics_listen, o->metrics_port) == 0)
		return 0;
	snprintf(why, why_len, "metrics.listen: \"%s\" is not an address, with or without a port",
		 o->metrics_listen);
	return KH_E_CONFIG;
}

int metrics_http_check(const struct node_options *o, char *why, size_t why_len)
{
	struct endpoint at;

	return o->metrics_listen ? read_address(o, &at, why, why_len) : 0;
}

/* The descriptor, or -1 with errno. */
static int listen_at(struct endpoint *at)
{
	int fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&at->addr, at->len) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at->addr, &at->len) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void set_up(struct metrics_http *h)
{
	h->http = evhttp_new(loop_base(h->node->loop));
	if (!h->http)
		x_out_of_memory();
	/* All of them, to say 405 and not 501. */
	evhttp_set_allowed_methods(h->http, UINT16_MAX);
	evhttp_set_max_headers_size(h->http, HEADERS_MAX);
	evhttp_set_max_body_size(h->http, BODY_MAX);
	evhttp_set_timeout(h->http, IDLE_S);
	evhttp_set_bevcb(h->http, on_connection, h);
	evhttp_set_gencb(h->http, on_request, h);
}

int metrics_http_open(struct node *n, char *why, size_t why_len)
{
	char text[ENDPOINT_TEXT_LEN];
	struct endpoint at;
	struct metrics_http *h;

	if (!n->options->metrics_listen)
		return 0;
	int err = read_address(n->options, &at, why, why_len);
	if (err)
		return err;
	endpoint_text(&at, text);
	h = n->metrics_http = x_calloc(1, sizeof *h);
	h->node = n;
	h->at = at;
	set_up(h);
	int fd = listen_at(&h->at);
	if (fd >= 0 && accept_at(h, fd))
		return 0;
	snprintf(why, why_len, "metrics.listen: %s: cannot listen: %s", text, strerror(errno));
	if (fd >= 0)
		close(fd);
	return KH_E_CONFIG;
}

void metrics_http_text(const struct node *n, char out[ENDPOINT_TEXT_LEN])
{
	out[0] = '\0';
	if (n->metrics_http)
		endpoint_text(&n->metrics_http->at, out);
}

void metrics_http_close(struct node *n)
{
	struct metrics_http *h = n->metrics_http;

	if (!h)
		return;
	loop_timer_stop(&h->timer);
	evhttp_free(h->http);
	while (h->visitors)
		let_go(h, h->visitors);
	free(h);
	n->metrics_http = NULL;
}
