#include "net_fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/crypto.h>

#include "log.h"
#include "loop.h"
#include "mem.h"

#define ACCEPT_BUDGET \
	64 /* connections taken per wakeup, so that a flood leaves time for the rest */
#define LAST_READS 4

struct fd_listener {
	struct listener base; /* first */
	const struct fd_kind *kind;
	struct event *event;
	struct loop_timer *pause;
	int fd;
	bool short_of_descriptors;
	bool accepting; /* inside fn: closing must wait */
	bool closed;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	c->ops->readable(c->arg);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	c->ops->writable(c->arg);
}

static struct event *new_event(struct net *net, int fd, short what, event_callback_fn fn, void *arg)
{
	struct event *event = event_new(loop_base(net->loop), fd, what | EV_PERSIST, fn, arg);

	if (!event)
		x_out_of_memory();
	return event;
}

static struct conn *conn_new(struct net *net, const struct fd_kind *kind, int fd,
			     const struct endpoint *peer)
{
	struct fd_conn *c = x_calloc(1, sizeof *c);

	c->base.type = &kind->type;
	c->base.transport = kind->transport;
	c->base.net = net;
	if (peer)
		c->base.peer = *peer;
	c->fd = fd;
	c->readable = new_event(net, fd, EV_READ, on_readable, c);
	c->writable = new_event(net, fd, EV_WRITE, on_writable, c);
	return &c->base;
}

struct conn *fd_adopt(struct net *net, const struct fd_kind *kind, int fd)
{
	struct endpoint peer = {.len = sizeof peer.addr};

	if (getpeername(fd, (void *)&peer.addr, &peer.len))
		peer = (struct endpoint){0};
	return conn_new(net, kind, fd, &peer);
}

static void set_event(struct event *event, bool *is, bool wanted)
{
	if (*is == wanted)
		return;
	*is = wanted;
	if (wanted)
		event_add(event, NULL);
	else
		event_del(event);
}

void fd_wait(struct conn *base)
{
	struct fd_conn *c = (struct fd_conn *)base;

	set_event(c->readable, &c->reads, base->reading);
	set_event(c->writable, &c->writes, base->writing);
}

int fd_error(struct conn *base)
{
	const struct fd_conn *c = (const struct fd_conn *)base;
	socklen_t len = sizeof(int);
	int error = 0;

	return getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

void fd_local(const struct conn *base, struct endpoint *local)
{
	const struct fd_conn *c = (const struct fd_conn *)base;

	*local = (struct endpoint){.len = sizeof local->addr};
	if (getsockname(c->fd, (void *)&local->addr, &local->len))
		*local = (struct endpoint){0};
}

/* Unread octets would make close() send a reset (TCP) or an abort (SCTP), which can destroy at the peer what it
 * has not read yet. */
static void say_goodbye(const struct fd_conn *c)
{
	uint8_t *scratch = loop_scratch(c->base.net->loop, SCRATCH_WIRE);
	ssize_t n = 1;

	shutdown(c->fd, SHUT_WR);
	for (int i = 0; i < LAST_READS && n > 0; i++) {
		n = recv(c->fd, scratch, LOOP_SCRATCH_LEN, MSG_DONTWAIT);
		if (n > 0)
			OPENSSL_cleanse(scratch, (size_t)n);
	}
}

void fd_close(struct conn *base)
{
	const struct linger abort = {.l_onoff = 1};
	struct fd_conn *c = (struct fd_conn *)base;

	event_free(c->readable);
	event_free(c->writable);
	if (base->forgotten)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	else
		say_goodbye(c);
	close(c->fd);
	free(c);
}

static void close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

static void resume_accepting(void *arg)
{
	struct fd_listener *l = arg;

	l->pause = NULL;
	event_add(l->event, NULL);
}

/* The waiting connection keeps the socket readable: without a pause the loop would spin. */
static void pause_accepting(struct fd_listener *l)
{
	char text[ENDPOINT_TEXT_LEN];

	if (!l->short_of_descriptors) {
		endpoint_text(&l->base.ep, text);
		log_warn(LOG_TUNNEL, "listen=%s accepting pauses: %s", text, strerror(errno));
	}
	l->short_of_descriptors = true;
	event_del(l->event);
	l->pause = loop_timer_start(l->base.net->loop, NET_ACCEPT_PAUSE_MS, resume_accepting, l);
}

/* Takes one connection; false when there is none or no more can be taken now. */
static bool accept_one(struct fd_listener *l)
{
	struct endpoint peer = {.len = sizeof peer.addr};
	int fd = accept4(l->fd, (void *)&peer.addr, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (net_is_shortage(errno))
			pause_accepting(l);
		/* Other errors are those of a connection that is gone again. */
		return !net_is_shortage(errno) && errno != EAGAIN && errno != EWOULDBLOCK;
	}
	l->short_of_descriptors = false;
	l->kind->tune(l->base.net, fd);
	l->base.fn(l->base.arg, conn_new(l->base.net, l->kind, fd, &peer), &peer);
	return true;
}

static void listener_free(struct fd_listener *l)
{
	loop_timer_stop(&l->pause);
	event_free(l->event);
	close(l->fd);
	free(l);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct fd_listener *l = arg;

	(void)fd;
	(void)what;
	l->accepting = true;
	for (int i = 0; i < ACCEPT_BUDGET && !l->closed; i++)
		if (!accept_one(l))
			break;
	l->accepting = false;
	if (l->closed)
		listener_free(l);
}

static void close_listener(struct listener *base)
{
	struct fd_listener *l = (struct fd_listener *)base;

	l->closed = true;
	if (!l->accepting)
		listener_free(l);
}

static int new_socket(struct net *net, const struct fd_kind *kind, const struct endpoint *ep)
{
	int fd = socket(ep->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			kind->protocol);

	if (fd >= 0)
		kind->tune(net, fd);
	return fd;
}

static int bind_first(int fd, const struct endpoints *at)
{
	return bind(fd, (const struct sockaddr *)&at->at[0].addr, at->at[0].len);
}

static int bind_all(int fd, const struct fd_kind *kind, const struct endpoints *at)
{
	return kind->bind ? kind->bind(fd, at) : bind_first(fd, at);
}

static int listening_socket(struct net *net, const struct fd_kind *kind, const struct endpoints *at,
			    struct endpoint *bound)
{
	int fd = new_socket(net, kind, &at->at[0]);

	if (fd < 0)
		return -1;
	fd_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (at->at[0].addr.ss_family == AF_INET6)
		fd_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	*bound = (struct endpoint){.len = sizeof bound->addr};
	if (bind_all(fd, kind, at) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (void *)&bound->addr, &bound->len) < 0) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

int fd_listen(struct listener **out, struct net *net, const struct fd_kind *kind,
	      const struct endpoints *at)
{
	static const struct listener_type type = {.close = close_listener};
	struct endpoint bound;
	int fd = listening_socket(net, kind, at, &bound);
	struct fd_listener *l;

	if (fd < 0)
		return KH_E_CANNOT_CONNECT;
	l = x_calloc(1, sizeof *l);
	l->base.type = &type;
	l->base.net = net;
	l->base.ep = bound;
	l->kind = kind;
	l->fd = fd;
	l->event = new_event(net, fd, EV_READ, on_acceptable, l);
	event_add(l->event, NULL);
	*out = &l->base;
	return 0;
}

static int bind_local(int fd, const struct fd_kind *kind, const struct endpoints *local)
{
	if (endpoint_port(&local->at[0]) != 0)
		fd_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	else if (kind->protocol == IPPROTO_TCP)
		/* Without it a bind takes a port for itself, whatever the destination. */
		fd_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return bind_all(fd, kind, local);
}

static int connect_first(int fd, const struct conn_peer *peer, uint32_t ppid)
{
	(void)ppid;
	return connect(fd, (const struct sockaddr *)&peer->at.at[0].addr, peer->at.at[0].len);
}

int fd_connect(struct conn **out, struct net *net, const struct fd_kind *kind,
	       const struct conn_peer *peer, const struct endpoints *local, uint32_t ppid)
{
	int fd = new_socket(net, kind, &peer->at.at[0]);

	if (fd < 0)
		return KH_E_CANNOT_CONNECT;
	if ((local && bind_local(fd, kind, local) < 0) ||
	    ((kind->connect ? kind->connect : connect_first)(fd, peer, ppid) < 0 &&
	     errno != EINPROGRESS)) {
		close_keeping_errno(fd);
		return KH_E_CANNOT_CONNECT;
	}
	*out = conn_new(net, kind, fd, &peer->at.at[0]);
	return 0;
}
