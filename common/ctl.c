#include "ctl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <utlist.h>

#include "ctl_internal.h"
#include "keys.h"
#include "log.h"
#include "loop.h"
#include "mem.h"

struct ctl_client *ctl_client_find(struct ctl *c, uint64_t id)
{
	struct ctl_client *cl;

	DL_FOREACH (c->clients, cl)
		if (cl->id == id)
			return cl;
	return NULL;
}

/* Takes `len` octets, or passes over them when `out` is NULL. They may hold keys: nothing of them stays behind. */
static void take_octets(struct evbuffer *in, char *out, size_t len)
{
	struct evbuffer_iovec piece;

	while (len > 0 && evbuffer_peek(in, -1, NULL, &piece, 1) > 0) {
		size_t n = piece.iov_len < len ? piece.iov_len : len;
		if (out) {
			memcpy(out, piece.iov_base, n);
			out += n;
		}
		key_wipe(piece.iov_base, n);
		evbuffer_drain(in, n);
		len -= n;
	}
}

static void client_free(struct ctl_client *cl)
{
	struct ctl *c = cl->ctl;
	struct evbuffer *in = bufferevent_get_input(cl->bev);

	ctl_subscribe_end(cl);
	loop_timer_stop(&cl->more);
	DL_DELETE(c->clients, cl);
	cl->door->n_clients--;
	take_octets(in, NULL, evbuffer_get_length(in));
	bufferevent_free(cl->bev);
	free(cl);
}

void ctl_client_write(struct ctl_client *cl, json_t *msg)
{
	struct evbuffer *out = bufferevent_get_output(cl->bev);
	char *text = json_dumps(msg, JSON_COMPACT);

	json_decref(msg);
	if (!text)
		return;
	evbuffer_add(out, text, strlen(text));
	evbuffer_add(out, "\n", 1);
	free(text);
}

static void say_hello(struct ctl_client *cl)
{
	const struct ctl_settings *s = &cl->ctl->s;

	ctl_client_write(cl,
			 json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:b, s:[s, s]}}", "jsonrpc",
				   "2.0", "method", "hello", "params", "role", s->role, "node",
				   s->node_name, "version", s->version, "api", CTL_API, "viewer",
				   cl->door->viewer, "caps", "events", "trace"));
}

/* At once, as far as the socket takes it: the client is about to go. */
static void flush_now(struct ctl_client *cl)
{
	struct evbuffer *out = bufferevent_get_output(cl->bev);

	evbuffer_unfreeze(out, 1);
	(void)evbuffer_write(out, bufferevent_getfd(cl->bev));
}

/* Unread octets at close() would reset the connection and take our last words with them. */
static void discard_input(int fd)
{
	char octets[4096];

	for (int i = 0; i < 4096 && recv(fd, octets, sizeof octets, MSG_DONTWAIT) > 0; i++)
		;
	key_wipe(octets, sizeof octets);
}

/* Its last words were written, and are sent before it is closed. */
static void finish(struct ctl_client *cl)
{
	flush_now(cl);
	discard_input(bufferevent_getfd(cl->bev));
	client_free(cl);
}

static bool is_full(struct ctl_client *cl)
{
	return evbuffer_get_length(bufferevent_get_output(cl->bev)) > CTL_EVENTS_HIGH;
}

/* The other end of the socket is closed, not only its way to us. */
static bool has_left(const struct ctl_client *cl)
{
	struct pollfd p = {.fd = bufferevent_getfd(cl->bev)};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* One that will say no more goes when it has everything that it asked for, but events to come. */
static bool is_done(struct ctl_client *cl)
{
	return cl->ended && !cl->more && !cl->unanswered &&
	       evbuffer_get_length(bufferevent_get_output(cl->bev)) == 0;
}

static void take_lines(struct ctl_client *cl);

static void on_more(void *arg)
{
	struct ctl_client *cl = arg;

	cl->more = NULL;
	take_lines(cl);
}

/* The next line without its end, new; NULL when none is whole. */
static char *read_line(struct evbuffer *in, size_t *len)
{
	ssize_t end = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF).pos;
	char *line;

	if (end < 0)
		return NULL;
	*len = (size_t)end;
	line = x_calloc(1, *len + 1);
	take_octets(in, line, *len);
	evbuffer_drain(in, 1);
	return line;
}

/* A few requests at a time, and none while the client does not read what it has been told: nobody waits for one who
 * asks a lot. */
static void take_lines(struct ctl_client *cl)
{
	struct ctl *c = cl->ctl;
	uint64_t id = cl->id;
	struct evbuffer *in = bufferevent_get_input(cl->bev);
	size_t len;
	char *line = NULL;

	for (int n = 0; n < CTL_REQUESTS_A_TURN && !is_full(cl); n++) {
		line = read_line(in, &len);
		if (!line || len > CTL_LINE_MAX)
			break;
		ctl_request_line(cl, line, len);
		x_free_wiped(line);
		line = NULL;
		/* A request may end the daemon's interest in this client. */
		if (ctl_client_find(c, id) != cl)
			return;
	}
	bool whole = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF).pos >= 0;
	if (line || (!whole && evbuffer_get_length(in) > CTL_LINE_MAX)) {
		x_free_wiped(line);
		log_warn(LOG_CTL, "control client %llu: line too long", (unsigned long long)id);
		ctl_protocol_error(cl, NULL, -32700, "PARSE_ERROR", KH_E_USAGE, "line too long",
				   "a line may have 64 KiB");
		finish(cl);
	} else if (evbuffer_get_length(bufferevent_get_output(cl->bev)) > CTL_OUTPUT_MAX) {
		log_warn(LOG_CTL, "control client %llu does not read", (unsigned long long)id);
		client_free(cl);
	} else if (whole && !is_full(cl) && !cl->more) {
		cl->more = loop_timer_start(c->s.loop, 0, on_more, cl);
	} else if (cl->ended && !whole && evbuffer_get_length(in)) {
		take_octets(in, NULL, evbuffer_get_length(in));
		log_warn(LOG_CTL, "control client %llu: the last line has no end",
			 (unsigned long long)id);
		ctl_protocol_error(cl, NULL, -32700, "PARSE_ERROR", KH_E_USAGE,
				   "the last line has no end, and is not done",
				   "every line ends with a newline");
	} else if (is_done(cl)) {
		client_free(cl);
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct ctl_client *cl = arg;

	(void)bev;
	if (!cl->more)
		take_lines(cl);
}

static void on_drained(struct bufferevent *bev, void *arg)
{
	struct ctl_client *cl = arg;

	(void)bev;
	ctl_subscribe_drained(cl);
	if (!cl->more)
		take_lines(cl);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct ctl_client *cl = arg;

	if (what & BEV_EVENT_ERROR) {
		client_free(cl);
	} else if (what & BEV_EVENT_EOF) {
		bufferevent_disable(bev, EV_READ);
		cl->ended = true;
		if (has_left(cl))
			client_free(cl);
		else if (!cl->more)
			take_lines(cl);
	}
}

/* Places of those who said no more and then went. */
static void sweep(struct ctl_door *d)
{
	struct ctl_client *cl, *tmp;

	DL_FOREACH_SAFE (d->ctl->clients, cl, tmp)
		if (cl->door == d && cl->ended && has_left(cl))
			client_free(cl);
}

void ctl_client_add(struct ctl_door *d, int fd)
{
	struct ctl *c = d->ctl;
	struct ucred cred = {0};
	socklen_t len = sizeof cred;
	struct ctl_client *cl;

	if (d->n_clients >= CTL_CLIENTS_MAX)
		sweep(d);
	cl = x_calloc(1, sizeof *cl);
	cl->ctl = c;
	cl->door = d;
	cl->id = ++c->next_client;
	cl->bev = bufferevent_socket_new(loop_base(c->s.loop), fd, BEV_OPT_CLOSE_ON_FREE);
	DL_APPEND(c->clients, cl);
	d->n_clients++;
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	log_info(LOG_CTL, "control client %llu uid=%u pid=%d%s", (unsigned long long)cl->id,
		 (unsigned)cred.uid, (int)cred.pid, d->viewer ? " viewer" : "");
	bufferevent_setcb(cl->bev, on_read, on_drained, on_event, cl);
	bufferevent_setwatermark(cl->bev, EV_READ, 0, 2 * CTL_LINE_MAX);
	bufferevent_enable(cl->bev, EV_READ | EV_WRITE);
	if (d->n_clients > CTL_CLIENTS_MAX) {
		log_warn(LOG_CTL, "control client %llu refused cause=%s: there are %u",
			 (unsigned long long)cl->id, err_name(KH_E_BUSY), CTL_CLIENTS_MAX);
		ctl_protocol_error(cl, NULL, err_code(KH_E_BUSY), NULL, KH_E_BUSY,
				   "too many control clients", "close some of them");
		finish(cl);
	} else {
		say_hello(cl);
	}
}

static void flatten(struct ctl *c)
{
	const struct ctl_method *const *tables = c->s.tables;

	for (size_t pass = 0; pass < 2; pass++) {
		size_t n = 0;
		for (const struct ctl_method *m = ctl_own_methods; m->name; m++, n++)
			if (pass)
				c->methods[n] = m;
		for (size_t t = 0; tables[t]; t++)
			for (const struct ctl_method *m = tables[t]; m->name; m++, n++)
				if (pass)
					c->methods[n] = m;
		if (!pass)
			c->methods = x_calloc(n, sizeof(*c->methods));
		c->n_methods = n;
	}
	c->s.tables = NULL; /* the caller's array may be gone */
}

int ctl_open(struct ctl **out, const struct ctl_settings *s, char *why, size_t why_len)
{
	struct ctl *c = *out = x_calloc(1, sizeof *c);
	int err = 0;

	json_set_alloc_funcs(malloc, x_free_wiped); /* there are keys in some requests */
	c->s = *s;
	flatten(c);
	c->doors[0] = (struct ctl_door){
		.ctl = c, .option = "control.socket", .place = s->operators, .fd = -1};
	c->doors[1] = (struct ctl_door){.ctl = c,
					.option = "control.viewer_socket",
					.place = s->viewers,
					.viewer = true,
					.fd = -1};
	for (size_t i = 0; i < CTL_DOORS && !err; i++)
		if (c->doors[i].place.path)
			err = ctl_listen(&c->doors[i], why, why_len);
	if (err)
		return err;
	c->open = true;
	events_set_sink(s->events, EVENTS_TO_CONTROL, ctl_subscribe_event, c);
	return 0;
}

unsigned ctl_clients(const struct ctl *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < CTL_DOORS; i++)
		n += c->doors[i].n_clients;
	return n;
}

uint64_t ctl_events_dropped(const struct ctl *c)
{
	const struct ctl_client *cl;
	uint64_t dropped = c->events_dropped;

	DL_FOREACH (c->clients, cl)
		dropped += ctl_subscribe_missed(cl);
	return dropped;
}

void ctl_close(struct ctl *c)
{
	if (!c)
		return;
	if (c->open)
		events_set_sink(c->s.events, EVENTS_TO_CONTROL, NULL, NULL);
	for (size_t i = 0; i < CTL_DOORS; i++)
		ctl_listen_end(&c->doors[i]);
	while (c->clients) {
		struct ctl_client *cl = c->clients;
		flush_now(cl);
		client_free(cl);
	}
	free(c->methods);
	free(c);
}
