#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "loop.h"
#include "mem.h"

#define ACCEPT_BUDGET \
	64 /* connections taken per wakeup, so that a flood leaves time for the rest */
#define ACCEPT_PAUSE_MS 200 /* when descriptors or memory ran out */
#define USER_TIMEOUT_MS \
	10000 /* octets not acknowledged, or a window shut, for so long end a connection */

struct listener {
	struct loop *loop;
	struct event *event;
	struct loop_timer *pause;
	struct endpoint ep;
	listener_accept_fn *fn;
	void *arg;
	int fd;
	bool short_of_descriptors;
	bool accepting; /* inside fn: closing must wait */
	bool closed;
};

static struct sockaddr *sa(struct endpoint *ep)
{
	return (struct sockaddr *)&ep->addr;
}

static const struct sockaddr *sa_const(const struct endpoint *ep)
{
	return (const struct sockaddr *)&ep->addr;
}

int endpoint_parse(struct endpoint *out, const char *address, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		memcpy(&out->addr, &v4, sizeof v4);
		out->len = sizeof v4;
		return 0;
	}
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
		memcpy(&out->addr, &v6, sizeof v6);
		out->len = sizeof v6;
		return 0;
	}
	return KH_E_BAD_FIELD;
}

void endpoint_text(const struct endpoint *ep, char out[ENDPOINT_TEXT_LEN])
{
	char address[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	switch (ep->addr.ss_family) {
	case AF_INET:
		memcpy(&v4, &ep->addr, sizeof v4);
		inet_ntop(AF_INET, &v4.sin_addr, address, sizeof address);
		snprintf(out, ENDPOINT_TEXT_LEN, "%s:%u", address, endpoint_port(ep));
		return;
	case AF_INET6:
		memcpy(&v6, &ep->addr, sizeof v6);
		inet_ntop(AF_INET6, &v6.sin6_addr, address, sizeof address);
		snprintf(out, ENDPOINT_TEXT_LEN, "[%s]:%u", address, endpoint_port(ep));
		return;
	default:
		snprintf(out, ENDPOINT_TEXT_LEN, "-");
	}
}

uint16_t endpoint_port(const struct endpoint *ep)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	switch (ep->addr.ss_family) {
	case AF_INET:
		memcpy(&v4, &ep->addr, sizeof v4);
		return ntohs(v4.sin_port);
	case AF_INET6:
		memcpy(&v6, &ep->addr, sizeof v6);
		return ntohs(v6.sin6_port);
	default:
		return 0;
	}
}

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

/* Options are wishes: a connection without one of them still works. */
static void tune_tcp(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static int new_socket(enum transport transport, const struct endpoint *ep)
{
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

	switch (transport) {
	case TRANSPORT_TCP:
		return socket(ep->addr.ss_family, type, IPPROTO_TCP);
	}
	errno = EPROTONOSUPPORT;
	return -1;
}

static void close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void resume_accepting(void *arg)
{
	struct listener *l = arg;

	l->pause = NULL;
	event_add(l->event, NULL);
}

/* The waiting connection keeps the socket readable: without a pause the loop would spin. */
static void pause_accepting(struct listener *l)
{
	char text[ENDPOINT_TEXT_LEN];

	if (!l->short_of_descriptors) {
		endpoint_text(&l->ep, text);
		log_warn(LOG_TUNNEL, "listen=%s accepting pauses: %s", text, strerror(errno));
	}
	l->short_of_descriptors = true;
	event_del(l->event);
	l->pause = loop_timer_start(l->loop, ACCEPT_PAUSE_MS, resume_accepting, l);
}

/* Takes one connection; false when there is none or no more can be taken now. */
static bool accept_one(struct listener *l)
{
	struct endpoint peer = {.len = sizeof peer.addr};
	int fd = accept4(l->fd, sa(&peer), &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (is_shortage(errno))
			pause_accepting(l);
		/* Other errors are those of a connection that is gone again. */
		return !is_shortage(errno) && errno != EAGAIN && errno != EWOULDBLOCK;
	}
	l->short_of_descriptors = false;
	tune_tcp(fd);
	l->fn(l->arg, fd, &peer);
	return true;
}

static void listener_free(struct listener *l)
{
	loop_timer_stop(&l->pause);
	event_free(l->event);
	close(l->fd);
	free(l);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

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

static int listening_socket(enum transport transport, struct endpoint *ep)
{
	int fd = new_socket(transport, ep);

	if (fd < 0)
		return -1;
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (ep->addr.ss_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, sa(ep), ep->len) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, sa(ep), &ep->len) < 0) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

int listener_open(struct listener **out, struct loop *loop, enum transport transport,
		  const struct endpoint *ep, listener_accept_fn *fn, void *arg)
{
	struct endpoint bound = *ep;
	int fd = listening_socket(transport, &bound);
	struct listener *l;

	if (fd < 0)
		return KH_E_CANNOT_CONNECT;
	l = x_calloc(1, sizeof *l);
	l->loop = loop;
	l->fd = fd;
	l->ep = bound;
	l->fn = fn;
	l->arg = arg;
	l->event = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, on_acceptable, l);
	if (!l->event)
		x_out_of_memory();
	event_add(l->event, NULL);
	*out = l;
	return 0;
}

void listener_close(struct listener *l)
{
	if (!l)
		return;
	l->closed = true;
	if (!l->accepting)
		listener_free(l);
}

const struct endpoint *listener_endpoint(const struct listener *l)
{
	return &l->ep;
}

static int bind_local(int fd, const struct endpoint *local)
{
	/* Without it a bind takes a port for itself, whatever the destination. */
	if (endpoint_port(local) == 0)
		set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	else
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return bind(fd, sa_const(local), local->len);
}

int net_connect(int *fd, enum transport transport, const struct endpoint *ep,
		const struct endpoint *local)
{
	int s = new_socket(transport, ep);

	if (s < 0)
		return KH_E_CANNOT_CONNECT;
	tune_tcp(s);
	if ((local && bind_local(s, local) < 0) ||
	    (connect(s, sa_const(ep), ep->len) < 0 && errno != EINPROGRESS)) {
		close_keeping_errno(s);
		return KH_E_CANNOT_CONNECT;
	}
	*fd = s;
	return 0;
}
