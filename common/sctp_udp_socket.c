/* The datagrams of sctp-udp: reading, checking and sending them. No state of who sends them. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <utlist.h>

#include "clock.h"
#include "mem.h"
#include "sctp_udp.h"
#include "udp_impair.h"

#define READ_BUDGET 64 /* datagrams of one socket in one turn */
#define KERNEL_BUFFER (4 * 1024 * 1024) /* wanted; net.core.*mem_max may allow less */
#define KEEP_US 10000000
#define INIT_WINDOW_US 100000
#define INITS_MAX 100 /* of one bucket in a window; an INIT costs more than any other datagram */
#define HEADER_LEN 12 /* ports, tag, checksum */
#define CHUNK_LEN 4
#define CRC_AT 8

_Static_assert(sizeof(void *) == 8, "a UDP address and a number fit into a pointer");

void *udp_handle(const struct udp_socket *s, const struct endpoint *peer)
{
	const struct sockaddr_in *in = (const void *)&peer->addr;
	uintptr_t handle = (uintptr_t)s->id << 48 | (uintptr_t)ntohl(in->sin_addr.s_addr) << 16 |
			   ntohs(in->sin_port);

	// NOLINTNEXTLINE(performance-no-int-to-ptr): a number is what it is
	return (void *)handle;
}

struct udp_socket *udp_handle_open(struct sctp_udp *u, const void *handle, struct endpoint *peer)
{
	uintptr_t number = (uintptr_t)handle;
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl((uint32_t)(number >> 16)),
				 .sin_port = htons((uint16_t)number)};
	struct udp_socket *s;

	*peer = (struct endpoint){.len = sizeof in};
	memcpy(&peer->addr, &in, sizeof in);
	DL_FOREACH (u->sockets, s)
		if (s->id == number >> 48)
			return s;
	return NULL;
}

void udp_output(struct sctp_udp *u, const void *handle, void *data, size_t len)
{
	struct endpoint peer;
	struct udp_socket *s = udp_handle_open(u, handle, &peer);
	uint32_t crc;

	if (!s || len < HEADER_LEN)
		return;
	crc = usrsctp_crc32c(data, len);
	memcpy((uint8_t *)data + CRC_AT, &crc, sizeof crc);
	if (u->impair) {
		udp_impair_send(u->impair, s->fd, &peer, data, len);
		return;
	}
	/* What is lost here is sent again, as if the network had lost it. */
	if (sendto(s->fd, data, len, MSG_DONTWAIT, (const void *)&peer.addr, peer.len) < 0)
		net_count(u->net, NET_UDP_NOT_SENT);
}

static bool crc_is_good(uint8_t *data, size_t len)
{
	uint32_t crc, zero = 0;

	memcpy(&crc, data + CRC_AT, sizeof crc);
	memcpy(data + CRC_AT, &zero, sizeof zero);
	return usrsctp_crc32c(data, len) == crc;
}

/* May this INIT be answered? */
static bool count_init(struct sctp_udp *u, const struct endpoint *from)
{
	const struct sockaddr_in *in = (const void *)&from->addr;
	uint32_t hash = (in->sin_addr.s_addr ^ u->bucket_key) * 0x9e3779b1U;
	uint8_t *n = &u->inits[hash >> 24];
	int64_t now = clock_mono_us();

	if (now - u->inits_since_us > INIT_WINDOW_US) {
		memset(u->inits, 0, sizeof u->inits);
		u->inits_since_us = now;
	}
	if (*n >= INITS_MAX)
		return false;
	++*n;
	return true;
}

/* For one association more? */
static bool has_room(const struct udp_socket *s, const struct endpoint *from)
{
	return s->u->conns < SCTP_UDP_CONNS_MAX && sctp_udp_peer_fits(s->u, udp_handle(s, from));
}

/* Only an INIT and the COOKIE ECHO that follows it can make the library begin something. */
static bool may_begin(struct udp_socket *s, const uint8_t *data, const struct endpoint *from)
{
	uint16_t port = (uint16_t)(data[2] << 8 | data[3]);
	uint8_t chunk = data[HEADER_LEN];

	if (chunk != SCTP_INITIATION && chunk != SCTP_COOKIE_ECHO)
		return true;
	if (!sctp_udp_listener_at(s->u, s, port)) {
		net_count(s->u->net, NET_UDP_NO_LISTENER);
		return false;
	}
	bool fits = chunk == SCTP_INITIATION ? count_init(s->u, from) : has_room(s, from);
	if (!fits)
		net_count(s->u->net, NET_UDP_LIMIT);
	return fits;
}

static void input(struct udp_socket *s, uint8_t *data, size_t len, const struct endpoint *from)
{
	struct net *net = s->u->net;

	if (len < HEADER_LEN + CHUNK_LEN)
		net_count(net, NET_UDP_SHORT);
	else if (!crc_is_good(data, len))
		net_count(net, NET_UDP_CRC32C);
	else if (may_begin(s, data, from))
		usrsctp_conninput(udp_handle(s, from), data, len, 0);
	/* What comes next is for an association whose peer must be known. */
	if (s->u->acceptable)
		sctp_udp_accept(s->u);
}

static void read_socket(struct udp_socket *s)
{
	uint8_t *data = loop_scratch(s->u->net->loop, SCRATCH_WIRE);

	for (int i = 0; i < READ_BUDGET; i++) {
		struct endpoint from = {.len = sizeof from.addr};
		ssize_t n = recvfrom(s->fd, data, LOOP_SCRATCH_LEN, MSG_DONTWAIT,
				     (void *)&from.addr, &from.len);

		if (n < 0)
			return;
		input(s, data, (size_t)n, &from);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp_socket *s = arg;
	struct sctp_udp *u = s->u;

	(void)fd;
	(void)what;
	read_socket(s);
	sctp_udp_run(u);
}

void udp_sockets_poll(struct sctp_udp *u, int ms)
{
	struct udp_socket *s;

	DL_FOREACH (u->sockets, s) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};

		if (poll(&p, 1, ms) > 0)
			read_socket(s);
		ms = 0;
	}
}

static bool id_is_taken(const struct sctp_udp *u, uint16_t id)
{
	struct udp_socket *s;

	DL_FOREACH (u->sockets, s)
		if (s->id == id)
			return true;
	return id == 0;
}

static void enlarge(int fd, int forced, int asked)
{
	int size = KERNEL_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, asked, &size, sizeof size);
}

static int bound_socket(struct endpoint *ep)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	enlarge(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	enlarge(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	if (bind(fd, (const void *)&ep->addr, ep->len) == 0 &&
	    getsockname(fd, (void *)&ep->addr, &ep->len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static struct udp_socket *find(const struct sctp_udp *u, const struct endpoint *ep)
{
	const struct sockaddr_in *wanted = (const void *)&ep->addr;
	struct udp_socket *s;

	DL_FOREACH (u->sockets, s) {
		const struct sockaddr_in *in = (const void *)&s->ep.addr;

		if (in->sin_addr.s_addr == wanted->sin_addr.s_addr &&
		    (in->sin_port == wanted->sin_port || s->any_port))
			return s;
	}
	return NULL;
}

static struct udp_socket *open_socket(struct sctp_udp *u, const struct endpoint *ep)
{
	struct udp_socket *s = x_calloc(1, sizeof *s);

	s->u = u;
	s->ep = *ep;
	s->any_port = endpoint_port(ep) == 0;
	s->fd = bound_socket(&s->ep);
	if (s->fd < 0) {
		free(s);
		return NULL;
	}
	do
		s->id = ++u->last_id;
	while (id_is_taken(u, s->id));
	s->readable =
		event_new(loop_base(u->net->loop), s->fd, EV_READ | EV_PERSIST, on_readable, s);
	if (!s->readable)
		x_out_of_memory();
	event_add(s->readable, NULL);
	DL_APPEND(u->sockets, s);
	return s;
}

struct udp_socket *udp_socket_get(struct sctp_udp *u, const struct endpoint *at, uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct endpoint ep = {.len = sizeof any};
	struct udp_socket *s;

	memcpy(&ep.addr, &any, sizeof any);
	if (at) {
		ep = *at;
		endpoint_set_port(&ep, port);
	}
	s = find(u, &ep);
	if (!s)
		s = open_socket(u, &ep);
	if (s)
		s->users++;
	return s;
}

void udp_socket_put(struct udp_socket *s)
{
	s->users--;
	s->left_us = clock_mono_us();
}

static void close_socket(struct udp_socket *s)
{
	event_free(s->readable);
	/* Its number may soon be that of another file. */
	if (s->u->impair)
		udp_impair_forget(s->u->impair, s->fd);
	close(s->fd);
	DL_DELETE(s->u->sockets, s);
	free(s);
}

void udp_sockets_reap(struct sctp_udp *u, bool all)
{
	struct udp_socket *s, *tmp;

	DL_FOREACH_SAFE (u->sockets, s, tmp)
		if (all || (s->users == 0 && clock_mono_us() - s->left_us > KEEP_US))
			close_socket(s);
}
