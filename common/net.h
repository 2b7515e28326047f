/* Transports: what carries octets between nodes, and what all connections of a node share. The rows are in net.c;
 * what is done with a connection is in conn.h. Nothing above knows TCP from SCTP. */
#ifndef KEYHOP_NET_H
#define KEYHOP_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"
#include "err.h"

enum transport {
	TRANSPORT_TCP,
	TRANSPORT_SCTP, /* the kernel's, one-to-one style */
	TRANSPORT_SCTP_UDP, /* libusrsctp in our UDP sockets, RFC 6951 */
	TRANSPORTS
};

/* Payload protocol identifiers of SCTP: what the octets of an association are. */
#define PPID_S1 0x4b485031U
#define PPID_X2 0x4b485032U
#define PPID_UU 0x4b485033U
#define PPID_TLS 0x4b485054U

#define SCTP_UDP_PORT 9899 /* RFC 6951 */

/* Damage on purpose to what sctp-udp sends; hundredths of a per cent. */
struct udp_impairment {
	int32_t loss, duplicate, reorder;
	uint32_t delay_ms, seed;
};

/* Zero stands for the default everywhere. */
struct net_settings {
	uint32_t tcp_user_timeout_ms;
	uint32_t rto_initial_ms, rto_min_ms, rto_max_ms; /* RFC 9260, 6.3.1 */
	uint32_t heartbeat_ms; /* of SCTP, on every path */
	uint32_t path_retransmissions, association_retransmissions;
	uint16_t udp_port; /* of sctp-udp: ours, and the peers' */
	struct udp_impairment impair;
};

/* X(constant): datagrams that sctp-udp dropped before libusrsctp saw them, and what it could not send. */
#define NET_COUNTERS(X) X(SHORT) X(CRC32C) X(NO_LISTENER) X(LIMIT) X(NOT_SENT) X(IMPAIRED)
enum net_counter {
#define NET_COUNTER_ENUM(id) NET_UDP_##id,
	NET_COUNTERS(NET_COUNTER_ENUM)
#undef NET_COUNTER_ENUM
		NET_COUNTS
};

/* What SCTP says of an association: it is up, has ended, was set up anew by a peer that had forgotten it (and
 * is given up for that), is about to end; a path to the peer works, or does not. */
enum net_notice_kind {
	NOTICE_UP,
	NOTICE_DOWN,
	NOTICE_RESTART,
	NOTICE_SHUTDOWN,
	NOTICE_PATH_UP,
	NOTICE_PATH_DOWN
};
struct net_notice {
	enum net_notice_kind kind;
	enum transport transport;
	const struct endpoint *peer; /* of a path: its address there */
};
typedef void net_notice_fn(void *arg, const struct net_notice *notice);

struct net;
struct loop;

/* `settings` may be NULL and are copied. sctp-udp is one to a process: see sctp_udp.h. */
struct net *net_new(struct loop *loop, const struct net_settings *settings);
/* Lets associations that end say so, for a moment, and aborts the others. When all connections and listeners are
 * closed, before loop_free(). */
void net_free(struct net *net);
struct loop *net_loop(const struct net *net);
void net_set_observer(struct net *net, net_notice_fn *fn, void *arg);
/* Counts in `counts`, NET_COUNTS of them, from now on and until net_free(). */
void net_set_counts(struct net *net, uint64_t *counts);

/* What accept() says when descriptors or memory ran out; then it is left alone for so long. */
#define NET_ACCEPT_PAUSE_MS 200
bool net_is_shortage(int error);

const char *transport_name(enum transport t);
/* Can it be used in this process? KH_E_CONFIG, and `why` names what can instead. Also for addresses that it has no
 * use for: several with tcp and sctp-udp, IPv6 with sctp-udp. */
int transport_check(enum transport t, const struct endpoints *at, char *why,
		    size_t why_len) KH_MUST_CHECK;

#endif
