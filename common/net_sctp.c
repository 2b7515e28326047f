/* The kernel's SCTP, one-to-one style: sockets like those of TCP, but for notifications, several addresses and PPID. No
 * libsctp: what its calls do are socket options. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <linux/sctp.h>

#include "net_fd.h"

#define LOCAL_MAX 64 /* addresses of this host that are looked at */

bool net_sctp_is_there(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

#define SET(fd, name, value) setsockopt(fd, IPPROTO_SCTP, name, &(value), sizeof(value))

static void tune(struct net *net, int fd)
{
	const struct net_settings *s = &net->settings;
	const struct sctp_initmsg init = {.sinit_num_ostreams = 1,
					  .sinit_max_instreams = 1,
					  .sinit_max_attempts = SCTP_INIT_ATTEMPTS,
					  .sinit_max_init_timeo = (uint16_t)s->rto_max_ms};
	const struct sctp_rtoinfo rto = {.srto_initial = s->rto_initial_ms,
					 .srto_min = s->rto_min_ms,
					 .srto_max = s->rto_max_ms};
	const struct sctp_assocparams assoc = {.sasoc_asocmaxrxt =
						       (uint16_t)s->association_retransmissions};
	const struct sctp_paddrparams path = {.spp_hbinterval = s->heartbeat_ms,
					      .spp_pathmaxrxt = (uint16_t)s->path_retransmissions,
					      .spp_flags = SPP_HB_ENABLE};
	const struct sctp_sack_info sack = {.sack_delay = SCTP_SACK_DELAY_MS, .sack_freq = 2};
	const struct sctp_event_subscribe events = {
		.sctp_association_event = 1, .sctp_address_event = 1, .sctp_shutdown_event = 1};

	fd_option(fd, IPPROTO_SCTP, SCTP_NODELAY, 1);
	SET(fd, SCTP_INITMSG, init);
	SET(fd, SCTP_RTOINFO, rto);
	SET(fd, SCTP_ASSOCINFO, assoc);
	SET(fd, SCTP_PEER_ADDR_PARAMS, path);
	SET(fd, SCTP_DELAYED_SACK, sack);
	SET(fd, SCTP_EVENTS, events);
}

/* Addresses one after the other, as bindx and connectx want them. Gives the octets. */
static int pack(const struct endpoints *at, size_t first, uint8_t *out)
{
	size_t len = 0;

	for (size_t i = first; i < at->n; i++) {
		memcpy(out + len, &at->at[i].addr, at->at[i].len);
		len += at->at[i].len;
	}
	return (int)len;
}

static int bind_all(int fd, const struct endpoints *at)
{
	uint8_t more[ENDPOINTS_MAX * sizeof(struct sockaddr_storage)];
	struct endpoint bound = {.len = sizeof bound.addr};
	struct endpoints copy = *at;

	if (bind(fd, (const struct sockaddr *)&at->at[0].addr, at->at[0].len) < 0)
		return -1;
	if (at->n == 1)
		return 0;
	/* All addresses have the port that the first one got. */
	if (getsockname(fd, (void *)&bound.addr, &bound.len) < 0)
		return -1;
	endpoints_set_port(&copy, endpoint_port(&bound));
	return setsockopt(fd, IPPROTO_SCTP, SCTP_SOCKOPT_BINDX_ADD, more,
			  (socklen_t)pack(&copy, 1, more));
}

static int encapsulate(int fd, uint16_t udp_port)
{
	struct sctp_udpencaps encaps = {.sue_port = htons(udp_port)};

	return SET(fd, SCTP_REMOTE_UDP_ENCAPS_PORT, encaps);
}

static int set_default_ppid(int fd, uint32_t ppid)
{
	const struct sctp_sndinfo info = {.snd_ppid = htonl(ppid)};

	return SET(fd, SCTP_DEFAULT_SNDINFO, info);
}

static void set_ppid(struct conn *base, uint32_t ppid)
{
	(void)set_default_ppid(((struct fd_conn *)base)->fd, ppid);
}

static int connect_all(int fd, const struct conn_peer *peer, uint32_t ppid)
{
	uint8_t all[ENDPOINTS_MAX * sizeof(struct sockaddr_storage)];
	const struct endpoint *first = &peer->at.at[0];

	(void)set_default_ppid(fd, ppid);
	if (peer->udp_port && encapsulate(fd, peer->udp_port) < 0)
		return -1;
	if (peer->at.n == 1)
		return connect(fd, (const struct sockaddr *)&first->addr, first->len);
	/* A success is the number of the association. */
	return setsockopt(fd, IPPROTO_SCTP, SCTP_SOCKOPT_CONNECTX, all,
			  (socklen_t)pack(&peer->at, 0, all));
}

static void association_changed(struct fd_conn *c, uint16_t state)
{
	switch (state) {
	case SCTP_COMM_UP:
		net_notice(&c->base, NOTICE_UP, NULL);
		return;
	case SCTP_RESTART:
		sctp_stream_forgotten(&c->base, &c->stream);
		return;
	case SCTP_COMM_LOST:
	case SCTP_SHUTDOWN_COMP:
		net_notice(&c->base, NOTICE_DOWN, NULL);
		return;
	default:
		return; /* could not be started: the socket says so */
	}
}

static void path_changed(struct fd_conn *c, const struct sctp_paddr_change *change)
{
	struct endpoint path = {.len = sizeof path.addr};

	memcpy(&path.addr, &change->spc_aaddr, sizeof path.addr);
	if (change->spc_state == SCTP_ADDR_UNREACHABLE)
		net_notice(&c->base, NOTICE_PATH_DOWN, &path);
	else if (change->spc_state == SCTP_ADDR_AVAILABLE ||
		 change->spc_state == SCTP_ADDR_CONFIRMED)
		net_notice(&c->base, NOTICE_PATH_UP, &path);
}

static void notified(struct conn *base, const void *notice, size_t len)
{
	struct fd_conn *c = (struct fd_conn *)base;
	union sctp_notification n = {0};

	memcpy(&n, notice, len < sizeof n ? len : sizeof n);
	switch (n.sn_header.sn_type) {
	case SCTP_ASSOC_CHANGE:
		association_changed(c, n.sn_assoc_change.sac_state);
		return;
	case SCTP_PEER_ADDR_CHANGE:
		path_changed(c, &n.sn_paddr_change);
		return;
	case SCTP_SHUTDOWN_EVENT:
		net_notice(&c->base, NOTICE_SHUTDOWN, NULL);
		return;
	default:
		return;
	}
}

static ssize_t recv_message(struct conn *base, void *data, size_t len, struct sctp_piece *piece)
{
	const struct fd_conn *c = (const struct fd_conn *)base;
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT);

	piece->notification = msg.msg_flags & MSG_NOTIFICATION;
	piece->whole = msg.msg_flags & MSG_EOR;
	return n;
}

static ssize_t send_message(struct conn *base, const void *data, size_t len)
{
	return send(((const struct fd_conn *)base)->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static const struct sctp_source source = {
	.recv = recv_message, .notified = notified, .send = send_message};

static ssize_t net_sctp_recv(struct conn *c, void *data, size_t len)
{
	return sctp_stream_recv(c, &((struct fd_conn *)c)->stream, &source, data, len);
}

static ssize_t net_sctp_send(struct conn *c, const void *data, size_t len)
{
	return sctp_stream_send(c, &((struct fd_conn *)c)->stream, &source, data, len);
}

static bool is_same_address(const struct sockaddr *a, const struct endpoint *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)&b->addr;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)&b->addr;

	if (a->sa_family != b->addr.ss_family)
		return false;
	return a->sa_family == AF_INET
		       ? a4->sin_addr.s_addr == b4->sin_addr.s_addr
		       : memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
}

/* Is it one of those that this socket, or this host where no address was bound, may send from? */
static bool is_ours(int fd, const struct endpoint *ep)
{
	union {
		struct sctp_getaddrs head;
		uint8_t octets[LOCAL_MAX * sizeof(struct sockaddr_in6)];
	} all = {0};
	socklen_t len = sizeof all;
	const uint8_t *at = all.head.addrs;

	if (getsockopt(fd, IPPROTO_SCTP, SCTP_GET_LOCAL_ADDRS, &all, &len) < 0)
		return false;
	for (uint32_t i = 0; i < all.head.addr_num; i++) {
		struct sockaddr_storage one = {0};
		bool v6;

		memcpy(&one.ss_family, at, sizeof one.ss_family);
		v6 = one.ss_family == AF_INET6;
		memcpy(&one, at, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		at += v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
		if (is_same_address((const struct sockaddr *)&one, ep))
			return true;
	}
	return false;
}

/* getsockname() has nothing for a socket that was not bound, and the last of several addresses. The peer knows us by
 * the one that the primary path, to its address, begins at. */
static void net_sctp_local(const struct conn *base, struct endpoint *local)
{
	struct endpoint primary;

	fd_local(base, local);
	if (net_source(&base->peer, &primary) ||
	    !is_ours(((const struct fd_conn *)base)->fd, &primary))
		return;
	endpoint_set_port(&primary, endpoint_port(local));
	*local = primary;
}

static const struct fd_kind sctp = {
	.transport = TRANSPORT_SCTP,
	.protocol = IPPROTO_SCTP,
	.tune = tune,
	.bind = bind_all,
	.connect = connect_all,
	.type = {.recv = net_sctp_recv,
		 .send = net_sctp_send,
		 .wait = fd_wait,
		 .error = fd_error,
		 .set_ppid = set_ppid,
		 .local = net_sctp_local,
		 .close = fd_close},
};

int net_sctp_listen(struct listener **out, struct net *net, const struct endpoints *at)
{
	return fd_listen(out, net, &sctp, at);
}

int net_sctp_connect(struct conn **out, struct net *net, const struct conn_peer *peer,
		     const struct endpoints *local, uint32_t ppid)
{
	return fd_connect(out, net, &sctp, peer, local, ppid);
}
