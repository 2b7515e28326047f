#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "net_fd.h"

/* An idle connection to a host that was cut off is noticed by probes, one that has octets under way by
 * their time-out. */
#define PROBE_AFTER_S 1
#define PROBES_MIN 1

static void tune(struct net *net, int fd)
{
	uint32_t ms = net->settings.tcp_user_timeout_ms;

	fd_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	fd_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)ms);
	fd_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	fd_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_AFTER_S);
	fd_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_AFTER_S);
	fd_option(fd, IPPROTO_TCP, TCP_KEEPCNT, ms < 2000 ? PROBES_MIN : (int)(ms / 1000) - 1);
}

static ssize_t tcp_recv(struct conn *base, void *data, size_t len)
{
	const struct fd_conn *c = (const struct fd_conn *)base;
	ssize_t n;

	do
		n = recv(c->fd, data, len, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

static ssize_t tcp_send(struct conn *base, const void *data, size_t len)
{
	const struct fd_conn *c = (const struct fd_conn *)base;
	ssize_t n;

	do
		n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n;
}

static const struct fd_kind tcp = {
	.transport = TRANSPORT_TCP,
	.protocol = IPPROTO_TCP,
	.tune = tune,
	.type = {.recv = tcp_recv,
		 .send = tcp_send,
		 .wait = fd_wait,
		 .error = fd_error,
		 .local = fd_local,
		 .close = fd_close},
};

int net_tcp_listen(struct listener **out, struct net *net, const struct endpoints *at)
{
	return fd_listen(out, net, &tcp, at);
}

int net_tcp_connect(struct conn **out, struct net *net, const struct conn_peer *peer,
		    const struct endpoints *local, uint32_t ppid)
{
	return fd_connect(out, net, &tcp, peer, local, ppid);
}

struct conn *conn_from_fd(struct net *net, int fd)
{
	return fd_adopt(net, &tcp, fd);
}
