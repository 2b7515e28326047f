/* Associations of sctp-udp as connections. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <utlist.h>

#include "loop.h"
#include "mem.h"
#include "sctp_udp.h"

#define BUFFER (512 * 1024) /* octets an association may keep, each way */
#define LAST_READS 4
#define PROBES 24 /* each counts for an eighth: what is left of the wait is a twentieth */

#define SET(so, name, value) \
	(void)usrsctp_setsockopt(so, IPPROTO_SCTP, name, &(value), sizeof(value))

static void tune(const struct net_settings *s, struct socket *so)
{
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
	const int on = 1, size = BUFFER;

	SET(so, SCTP_NODELAY, on);
	SET(so, SCTP_INITMSG, init);
	SET(so, SCTP_RTOINFO, rto);
	SET(so, SCTP_ASSOCINFO, assoc);
	SET(so, SCTP_PEER_ADDR_PARAMS, path);
	SET(so, SCTP_DELAYED_SACK, sack);
	(void)usrsctp_setsockopt(so, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	(void)usrsctp_setsockopt(so, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static void ask_for_notices(struct socket *so)
{
	static const uint16_t wanted[] = {SCTP_ASSOC_CHANGE, SCTP_PEER_ADDR_CHANGE,
					  SCTP_SHUTDOWN_EVENT};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		const struct sctp_event event = {
			.se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = wanted[i], .se_on = 1};
		SET(so, SCTP_EVENT, event);
	}
}

struct socket *sctp_udp_socket(const struct net *net)
{
	struct socket *so = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);

	if (!so)
		return NULL;
	usrsctp_set_non_blocking(so, 1);
	tune(&net->settings, so);
	ask_for_notices(so);
	return so;
}

/* Where an INIT or a COOKIE ECHO was lost the library takes the wait for the next for the round trip, and as long as its
 * estimate is above the greatest RTO, time-outs end an association without sending anything again. Heartbeats, which are
 * answered at once, bring the estimate down. */
static void measure_path(struct sctp_udp_conn *c)
{
	struct sctp_paddrparams probe = {.spp_flags = SPP_HB_DEMAND};
	struct sctp_status status = {0};
	socklen_t len = sizeof status;

	if (usrsctp_getsockopt(c->so, IPPROTO_SCTP, SCTP_STATUS, &status, &len) < 0 ||
	    status.sstat_primary.spinfo_rto < c->base.net->settings.rto_max_ms)
		return;
	memcpy(&probe.spp_address, &status.sstat_primary.spinfo_address, sizeof probe.spp_address);
	for (int i = 0; i < PROBES; i++)
		SET(c->so, SCTP_PEER_ADDR_PARAMS, probe);
}

static void association_changed(struct sctp_udp_conn *c, uint16_t state)
{
	switch (state) {
	case SCTP_COMM_UP:
		c->connected = true;
		measure_path(c);
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

static void path_changed(struct sctp_udp_conn *c, uint32_t state)
{
	if (state == SCTP_ADDR_UNREACHABLE)
		net_notice(&c->base, NOTICE_PATH_DOWN, NULL);
	else if (state == SCTP_ADDR_AVAILABLE || state == SCTP_ADDR_CONFIRMED)
		net_notice(&c->base, NOTICE_PATH_UP, NULL);
}

static void notified(struct conn *base, const void *notice, size_t len)
{
	struct sctp_udp_conn *c = (struct sctp_udp_conn *)base;
	union sctp_notification n = {0};

	memcpy(&n, notice, len < sizeof n ? len : sizeof n);
	if (n.sn_header.sn_type == SCTP_ASSOC_CHANGE)
		association_changed(c, n.sn_assoc_change.sac_state);
	else if (n.sn_header.sn_type == SCTP_PEER_ADDR_CHANGE)
		path_changed(c, n.sn_paddr_change.spc_state);
	else if (n.sn_header.sn_type == SCTP_SHUTDOWN_EVENT)
		net_notice(&c->base, NOTICE_SHUTDOWN, NULL);
}

static ssize_t recv_message(struct conn *base, void *data, size_t len, struct sctp_piece *piece)
{
	socklen_t no_from = 0, no_info = 0;
	unsigned info_type = 0;
	int flags = 0;
	ssize_t n = usrsctp_recvv(((struct sctp_udp_conn *)base)->so, data, len, NULL, &no_from,
				  NULL, &no_info, &info_type, &flags);

	piece->notification = flags & MSG_NOTIFICATION;
	piece->whole = flags & MSG_EOR;
	return n;
}

/* All of it, or nothing. */
static ssize_t send_message(struct conn *base, const void *data, size_t len)
{
	struct sctp_udp_conn *c = (struct sctp_udp_conn *)base;
	struct sctp_sndinfo info = {.snd_ppid = htonl(c->ppid)};

	return usrsctp_sendv(c->so, data, len, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0);
}

static const struct sctp_source source = {
	.recv = recv_message, .notified = notified, .send = send_message};

static ssize_t recv_all(struct conn *c, void *data, size_t len)
{
	return sctp_stream_recv(c, &((struct sctp_udp_conn *)c)->stream, &source, data, len);
}

static ssize_t send_all(struct conn *c, const void *data, size_t len)
{
	sctp_udp_tick(c->net->sctp_udp);
	return sctp_stream_send(c, &((struct sctp_udp_conn *)c)->stream, &source, data, len);
}

static bool is_readable(const struct sctp_udp_conn *c)
{
	return c->stream.ended || usrsctp_get_events(c->so) & (SCTP_EVENT_READ | SCTP_EVENT_ERROR);
}

/* Upcalls are edges. What is there already when somebody begins to wait for it will not come again. */
static void wait_for(struct conn *base)
{
	struct sctp_udp_conn *c = (struct sctp_udp_conn *)base;

	if (base->reading && is_readable(c))
		sctp_udp_note(c);
}

static void on_upcall(struct socket *so, void *arg, int flags)
{
	(void)so;
	(void)flags;
	sctp_udp_note(arg);
}

void sctp_udp_serve(struct sctp_udp_conn *c)
{
	struct conn *base = &c->base;

	if (base->writing && usrsctp_get_events(c->so) & (SCTP_EVENT_WRITE | SCTP_EVENT_ERROR))
		base->ops->writable(base->arg);
	if (base->reading && is_readable(c))
		base->ops->readable(base->arg);
	/* Its owner had enough for this turn. */
	if (base->reading && is_readable(c))
		sctp_udp_note(c);
}

static int connect_error(struct conn *base)
{
	struct sctp_udp_conn *c = (struct sctp_udp_conn *)base;
	socklen_t len = sizeof(int);
	int error = 0;

	if (usrsctp_getsockopt(c->so, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	if (error == 0 && !(usrsctp_get_events(c->so) & SCTP_EVENT_WRITE))
		return EINPROGRESS;
	c->connected = error == 0;
	return error;
}

static void set_ppid(struct conn *base, uint32_t ppid)
{
	((struct sctp_udp_conn *)base)->ppid = ppid;
}

static void local(const struct conn *base, struct endpoint *out)
{
	const struct sctp_udp_conn *c = (const struct sctp_udp_conn *)base;

	if (!endpoint_is_any(&c->socket->ep) || net_source(&base->peer, out))
		*out = c->socket->ep;
	endpoint_set_port(out, c->port);
}

/* What nobody has read would make the library abort. */
static void read_away(struct conn *c)
{
	uint8_t *scratch = loop_scratch(c->net->loop, SCRATCH_WIRE);
	ssize_t n = 1;

	for (int i = 0; i < LAST_READS && n > 0; i++) {
		n = recv_all(c, scratch, LOOP_SCRATCH_LEN);
		if (n > 0)
			OPENSSL_cleanse(scratch, (size_t)n);
	}
}

/* The library goes on by itself with what was closed; it knows nothing that is ours. */
static void close_conn(struct conn *base)
{
	const struct linger abort = {.l_onoff = 1};
	struct sctp_udp_conn *c = (struct sctp_udp_conn *)base;
	struct sctp_udp *u = base->net->sctp_udp;

	usrsctp_set_upcall(c->so, NULL, NULL);
	if (base->forgotten || !c->connected) {
		(void)usrsctp_setsockopt(c->so, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	} else {
		usrsctp_shutdown(c->so, SHUT_WR);
		read_away(base);
	}
	usrsctp_close(c->so);
	if (c->ready)
		DL_DELETE(u->ready, c);
	sctp_udp_tick(u);
	u->conns--;
	sctp_udp_peer_put(c->peer);
	udp_socket_put(c->socket);
	free(c);
}

static const struct conn_type type = {.recv = recv_all,
				      .send = send_all,
				      .wait = wait_for,
				      .error = connect_error,
				      .set_ppid = set_ppid,
				      .local = local,
				      .close = close_conn};

struct sctp_udp_conn *sctp_udp_conn_new(struct sctp_udp *u, struct socket *so, struct udp_socket *s,
					void *handle, const struct endpoint *peer)
{
	struct sctp_udp_conn *c = x_calloc(1, sizeof *c);

	c->base.type = &type;
	c->base.transport = TRANSPORT_SCTP_UDP;
	c->base.net = u->net;
	c->base.peer = *peer;
	c->so = so;
	c->socket = s;
	c->peer = sctp_udp_peer_get(u, handle);
	u->conns++;
	usrsctp_set_non_blocking(so, 1);
	usrsctp_set_upcall(so, on_upcall, c);
	sctp_udp_tick(u);
	return c;
}

/* The address the library connects to: UDP's of the peer, and its port of SCTP. */
static struct sockaddr_conn target(const struct net *net, const struct udp_socket *s,
				   const struct conn_peer *peer)
{
	struct endpoint at = peer->at.at[0];
	uint16_t port = endpoint_port(&at);

	endpoint_set_port(&at, peer->udp_port ? peer->udp_port : net->settings.udp_port);
	return (struct sockaddr_conn){.sconn_family = AF_CONN,
				      .sconn_port = htons(port),
				      .sconn_addr = udp_handle(s, &at)};
}

static int connect_socket(struct sctp_udp_conn *c, struct sockaddr_conn to)
{
	if (sctp_udp_bind(c->so, &c->port) < 0)
		return KH_E_CANNOT_CONNECT;
	if (usrsctp_connect(c->so, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS)
		return KH_E_CANNOT_CONNECT;
	return 0;
}

int sctp_udp_connect(struct conn **out, struct net *net, const struct conn_peer *peer,
		     const struct endpoints *from, uint32_t ppid)
{
	const struct endpoint *at = from ? &from->at[0] : NULL;
	struct sctp_udp *u = sctp_udp_get(net);
	struct udp_socket *s = u ? udp_socket_get(u, at, net->settings.udp_port) : NULL;
	struct socket *so = s ? sctp_udp_socket(net) : NULL;
	struct sctp_udp_conn *c;
	struct sockaddr_conn to;

	if (!so) {
		if (!u)
			errno = EBUSY;
		if (s)
			udp_socket_put(s);
		return KH_E_CANNOT_CONNECT;
	}
	to = target(net, s, peer);
	c = sctp_udp_conn_new(u, so, s, to.sconn_addr, &peer->at.at[0]);
	c->ppid = ppid;
	c->port = at ? endpoint_port(at) : 0;
	if (connect_socket(c, to)) {
		int saved = errno;

		close_conn(&c->base);
		errno = saved;
		return KH_E_CANNOT_CONNECT;
	}
	*out = &c->base;
	return 0;
}
