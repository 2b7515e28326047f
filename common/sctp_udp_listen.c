/* Listening for sctp-udp. The library knows ports only: whose an association is, its address says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "mem.h"
#include "rng.h"
#include "sctp_udp.h"

#define BACKLOG 128 /* more than is read of a socket before associations are accepted */
#define PORT_FIRST 32768
#define PORT_COUNT 28000
#define PORT_TRIES 64

static void on_upcall(struct socket *so, void *arg, int flags)
{
	(void)so;
	(void)flags;
	sctp_udp_note_accept(arg);
}

static int bind_port(struct socket *so, uint16_t number)
{
	struct sockaddr_conn any = {.sconn_family = AF_CONN, .sconn_port = htons(number)};

	return usrsctp_bind(so, (void *)&any, sizeof any);
}

int sctp_udp_bind(struct socket *so, uint16_t *number)
{
	if (*number != 0)
		return bind_port(so, *number);
	for (int i = 0; i < PORT_TRIES; i++) {
		*number = (uint16_t)(PORT_FIRST + rng_below(PORT_COUNT));
		if (bind_port(so, *number) == 0)
			return 0;
	}
	return -1;
}

static struct sctp_udp_port *find_port(const struct sctp_udp *u, uint16_t number)
{
	struct sctp_udp_port *p;

	DL_FOREACH (u->ports, p)
		if (p->number == number)
			return p;
	return NULL;
}

static struct sctp_udp_port *port_get(struct sctp_udp *u, uint16_t number)
{
	struct sctp_udp_port *p = number ? find_port(u, number) : NULL;
	struct socket *so;

	if (p) {
		p->users++;
		return p;
	}
	so = sctp_udp_socket(u->net);
	if (!so)
		return NULL;
	if (sctp_udp_bind(so, &number) < 0 || usrsctp_listen(so, BACKLOG) < 0) {
		usrsctp_close(so);
		return NULL;
	}
	p = x_calloc(1, sizeof *p);
	p->so = so;
	p->number = number;
	p->users = 1;
	usrsctp_set_upcall(so, on_upcall, u);
	DL_APPEND(u->ports, p);
	return p;
}

static void port_put(struct sctp_udp *u, struct sctp_udp_port *p)
{
	if (--p->users > 0)
		return;
	usrsctp_set_upcall(p->so, NULL, NULL);
	usrsctp_close(p->so);
	DL_DELETE(u->ports, p);
	free(p);
}

static void close_listener(struct listener *base)
{
	struct sctp_udp_listener *l = (struct sctp_udp_listener *)base;
	struct sctp_udp *u = base->net->sctp_udp;

	DL_DELETE(u->listeners, l);
	port_put(u, l->port);
	udp_socket_put(l->socket);
	free(l);
}

struct sctp_udp_listener *sctp_udp_listener_at(const struct sctp_udp *u, const struct udp_socket *s,
					       uint16_t port)
{
	struct sctp_udp_listener *l;

	DL_FOREACH (u->listeners, l)
		if (l->socket == s && l->port->number == port)
			return l;
	return NULL;
}

static int open_listener(struct sctp_udp_listener *l, struct sctp_udp *u, const struct endpoint *ep)
{
	l->socket = udp_socket_get(u, ep, u->net->settings.udp_port);
	if (!l->socket)
		return KH_E_CANNOT_CONNECT;
	errno = EADDRINUSE;
	/* Another listener of this address and port would never see anything. */
	if (!sctp_udp_listener_at(u, l->socket, endpoint_port(ep)))
		l->port = port_get(u, endpoint_port(ep));
	if (l->port)
		return 0;
	udp_socket_put(l->socket);
	return KH_E_CANNOT_CONNECT;
}

int sctp_udp_listen(struct listener **out, struct net *net, const struct endpoints *at)
{
	static const struct listener_type type = {.close = close_listener};
	struct sctp_udp *u = sctp_udp_get(net);
	struct sctp_udp_listener *l;

	if (!u) {
		errno = EBUSY;
		return KH_E_CANNOT_CONNECT;
	}
	l = x_calloc(1, sizeof *l);
	if (open_listener(l, u, &at->at[0])) {
		free(l);
		return KH_E_CANNOT_CONNECT;
	}
	l->base.type = &type;
	l->base.net = net;
	l->base.ep = at->at[0];
	endpoint_set_port(&l->base.ep, l->port->number);
	DL_APPEND(u->listeners, l);
	*out = &l->base;
	return 0;
}

static void take(struct sctp_udp *u, struct sctp_udp_port *p, struct socket *so,
		 const struct sockaddr_conn *from)
{
	struct endpoint peer;
	struct udp_socket *s = udp_handle_open(u, from->sconn_addr, &peer);
	struct sctp_udp_listener *l = s ? sctp_udp_listener_at(u, s, p->number) : NULL;
	struct sctp_udp_conn *c;

	if (!l) {
		usrsctp_close(so);
		return;
	}
	/* To people a peer is its address and its port of SCTP. */
	endpoint_set_port(&peer, ntohs(from->sconn_port));
	s->users++;
	c = sctp_udp_conn_new(u, so, s, from->sconn_addr, &peer);
	c->port = p->number;
	c->connected = true;
	l->base.fn(l->base.arg, &c->base, &peer);
}

void sctp_udp_accept(struct sctp_udp *u)
{
	struct sctp_udp_port *p, *tmp;

	u->acceptable = false;
	DL_FOREACH_SAFE (u->ports, p, tmp) {
		struct sockaddr_conn from = {0};
		socklen_t len = sizeof from;
		struct socket *so = usrsctp_accept(p->so, (void *)&from, &len);

		if (!so)
			continue;
		/* There may be more; and this port may be closed by whoever takes this one. */
		sctp_udp_note_accept(u);
		take(u, p, so, &from);
	}
}
