#include "net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"
#include "mem.h"
#include "net_internal.h"

static const struct transport_row rows[TRANSPORTS] = {
	[TRANSPORT_TCP] = {.name = "tcp",
			   .listen = net_tcp_listen,
			   .connect = net_tcp_connect,
			   .ipv6 = true,
			   .any_address = true},
	[TRANSPORT_SCTP] = {.name = "sctp",
			    .is_there = net_sctp_is_there,
			    .listen = net_sctp_listen,
			    .connect = net_sctp_connect,
			    .multihomed = true,
			    .ipv6 = true,
			    .any_address = true},
	[TRANSPORT_SCTP_UDP] = {.name = "sctp-udp",
#ifdef KEYHOP_USRSCTP
				.listen = sctp_udp_listen,
				.connect = sctp_udp_connect
#endif
	},
};

/* Chosen so that a peer that is gone is noticed within 5 s, also when nothing is sent. */
static const struct net_settings defaults = {
	.tcp_user_timeout_ms = 4000,
	.rto_initial_ms = 300,
	.rto_min_ms = 100,
	.rto_max_ms = 500,
	.heartbeat_ms = 200,
	.path_retransmissions = 2,
	.association_retransmissions = 4,
	.udp_port = SCTP_UDP_PORT,
};

#define DEFAULT(member) \
	if (s->member == 0) \
	s->member = defaults.member

static void fill_in(struct net_settings *s)
{
	DEFAULT(tcp_user_timeout_ms);
	DEFAULT(rto_initial_ms);
	DEFAULT(rto_min_ms);
	DEFAULT(rto_max_ms);
	DEFAULT(heartbeat_ms);
	DEFAULT(path_retransmissions);
	DEFAULT(association_retransmissions);
	DEFAULT(udp_port);
}

struct net *net_new(struct loop *loop, const struct net_settings *settings)
{
	struct net *net = x_calloc(1, sizeof *net);

	net->loop = loop;
	if (settings)
		net->settings = *settings;
	fill_in(&net->settings);
	net->counts = net->own_counts;
	return net;
}

void net_free(struct net *net)
{
	if (!net)
		return;
	loop_finish(net->loop);
#ifdef KEYHOP_USRSCTP
	sctp_udp_free(net->sctp_udp);
#endif
	free(net);
}

struct loop *net_loop(const struct net *net)
{
	return net->loop;
}

void net_set_observer(struct net *net, net_notice_fn *fn, void *arg)
{
	net->observer = fn;
	net->observer_arg = arg;
}

void net_set_counts(struct net *net, uint64_t *counts)
{
	net->counts = counts;
}

bool net_is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void net_notice(struct conn *c, enum net_notice_kind kind, const struct endpoint *peer)
{
	const struct net_notice notice = {
		.kind = kind, .transport = c->transport, .peer = peer ? peer : &c->peer};

	if (kind == NOTICE_DOWN && !c->associated)
		return;
	if (kind == NOTICE_UP || kind == NOTICE_DOWN)
		c->associated = kind == NOTICE_UP;
	if (c->net->observer)
		c->net->observer(c->net->observer_arg, &notice);
}

/* A connected datagram socket has an address of its own, and sends nothing. */
int net_source(const struct endpoint *peer, struct endpoint *source)
{
	int fd = socket(peer->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = -1;

	if (fd < 0)
		return -1;
	*source = (struct endpoint){.len = sizeof source->addr};
	if (connect(fd, (const struct sockaddr *)&peer->addr, peer->len) == 0)
		err = getsockname(fd, (struct sockaddr *)&source->addr, &source->len);
	close(fd);
	endpoint_set_port(source, 0);
	return err;
}

const char *transport_name(enum transport t)
{
	return rows[t].name;
}

int transport_check(enum transport t, const struct endpoints *at, char *why, size_t why_len)
{
	const struct transport_row *row = &rows[t];

	if (!row->listen)
		snprintf(why, why_len,
			 "transport: %s: this build has no libusrsctp; use tcp, or sctp where the "
			 "kernel has it",
			 row->name);
	else if (row->is_there && !row->is_there())
		snprintf(why, why_len,
			 "transport: %s: this kernel has no SCTP (%s); use sctp-udp or tcp",
			 row->name, strerror(errno));
	else if (at && at->n > 1 && !row->multihomed)
		snprintf(why, why_len, "transport: %s: takes one address, only sctp takes several",
			 row->name);
	else if (at && !row->any_address && endpoint_is_any(&at->at[0]))
		snprintf(why, why_len, "transport: %s: wants an address of one's own, not 0.0.0.0",
			 row->name);
	else if (at && at->n > 0 && at->at[0].addr.ss_family == AF_INET6 && !row->ipv6)
		snprintf(why, why_len, "transport: %s: takes IPv4 addresses only", row->name);
	else
		return 0;
	return KH_E_CONFIG;
}

static int unsupported(void)
{
	errno = EPROTONOSUPPORT;
	return KH_E_CANNOT_CONNECT;
}

int conn_connect(struct conn **out, struct net *net, const struct conn_peer *peer,
		 const struct endpoints *local, uint32_t ppid)
{
	if (!rows[peer->transport].connect)
		return unsupported();
	int err = rows[peer->transport].connect(out, net, peer, local, ppid);
	if (!err)
		(*out)->transport = peer->transport;
	return err;
}

void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
}

void conn_set_ppid(struct conn *c, uint32_t ppid)
{
	if (c->type->set_ppid)
		c->type->set_ppid(c, ppid);
}

int conn_error(struct conn *c)
{
	return c->type->error(c);
}

ssize_t conn_recv(struct conn *c, void *data, size_t len)
{
	return c->type->recv(c, data, len);
}

ssize_t conn_send(struct conn *c, const void *data, size_t len)
{
	return c->type->send(c, data, len);
}

void conn_set_reading(struct conn *c, bool on)
{
	if (c->reading == on)
		return;
	c->reading = on;
	c->type->wait(c);
}

void conn_set_writing(struct conn *c, bool on)
{
	if (c->writing == on)
		return;
	c->writing = on;
	c->type->wait(c);
}

enum transport conn_transport(const struct conn *c)
{
	return c->transport;
}

void conn_endpoints(const struct conn *c, struct endpoint *local, struct endpoint *peer)
{
	*peer = c->peer;
	c->type->local(c, local);
}

void conn_close(struct conn *c)
{
	net_notice(c, NOTICE_DOWN, NULL);
	c->type->close(c);
}

int listener_open(struct listener **out, struct net *net, enum transport transport,
		  const struct endpoints *at, listener_accept_fn *fn, void *arg)
{
	struct listener *l = NULL;

	if (!rows[transport].listen)
		return unsupported();
	int err = rows[transport].listen(&l, net, at);
	if (err)
		return err;
	l->transport = transport;
	l->fn = fn;
	l->arg = arg;
	*out = l;
	return 0;
}

void listener_close(struct listener *l)
{
	if (l)
		l->type->close(l);
}

const struct endpoint *listener_endpoint(const struct listener *l)
{
	return &l->ep;
}

enum transport listener_transport(const struct listener *l)
{
	return l->transport;
}
