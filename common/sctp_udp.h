/* SCTP in UDP (RFC 6951): libusrsctp without threads and without sockets of its own. We read and write the datagrams and
 * tell it the time; it keeps the associations.
 *
 * Pitfalls that shape this:
 * - The library is one to a process and calls back without an argument of ours: the one mutable variable here says
 *   which net it belongs to.
 * - It keeps the "address" of a peer (a pointer to it) longer than we keep the connection. So the pointer is no
 *   pointer but the UDP address itself with the number of our socket: nothing to free, and no state for a
 *   peer that has not returned its cookie.
 * - Its upcalls come with its locks held: they only note who has something to do. */
#ifndef KEYHOP_SCTP_UDP_H
#define KEYHOP_SCTP_UDP_H

#include <netinet/in.h>

#include <usrsctp.h>
#include <uthash.h>

#include "loop.h"
#include "net_internal.h"
#include "sctp_stream.h"

struct event;
struct udp_impair;

#define SCTP_UDP_CONNS_MAX 16384 /* at once, also those that nobody has accepted into a table yet */

/* A UDP socket, shared by all that have its address. */
struct udp_socket {
	struct sctp_udp *u;
	uint16_t id; /* in the addresses that the library knows; never 0 */
	int fd;
	struct event *readable;
	struct endpoint ep;
	bool any_port; /* who asks for its address alone gets it */
	unsigned users;
	int64_t left_us; /* when the last user went */
	struct udp_socket *prev, *next;
};

#define SCTP_UDP_PEERS_MAX 4096
#define SCTP_UDP_BUCKETS 256
/* A UDP address that there are, or just were, associations with. */
struct sctp_udp_peer {
	void *handle; /* see udp_handle() */
	unsigned users;
	int64_t left_us; /* when the last user went */
	UT_hash_handle hh;
};

/* A listening socket of the library: one to an SCTP port, whatever the addresses. */
struct sctp_udp_port {
	struct socket *so;
	uint16_t number;
	unsigned users;
	struct sctp_udp_port *prev, *next;
};

struct sctp_udp_listener {
	struct listener base; /* first */
	struct udp_socket *socket;
	struct sctp_udp_port *port;
	struct sctp_udp_listener *prev, *next;
};

struct sctp_udp_conn {
	struct conn base; /* first */
	struct socket *so;
	struct udp_socket *socket;
	struct sctp_udp_peer *peer;
	uint16_t port; /* ours, of SCTP */
	uint32_t ppid;
	bool connected;
	bool ready; /* in the list of those that have something to do */
	struct sctp_stream stream;
	struct sctp_udp_conn *prev, *next;
};

struct sctp_udp {
	struct net *net;
	struct loop_task task;
	struct event *tick;
	bool ticking;
	int64_t ticked_us, used_us; /* clock_mono_us() */
	uint16_t last_id;
	struct udp_socket *sockets;
	struct sctp_udp_port *ports;
	struct sctp_udp_listener *listeners;
	struct sctp_udp_peer *peers; /* by handle */
	struct sctp_udp_conn *ready;
	unsigned conns;
	/* INITs of now by where they come from, so that who floods us keeps out nobody else. */
	uint8_t inits[SCTP_UDP_BUCKETS];
	int64_t inits_since_us;
	uint32_t bucket_key;
	bool acceptable; /* a port has something to accept */
	struct udp_impair *impair; /* NULL: nothing is damaged */
};

/* sctp_udp.c: the library. NULL when it belongs to another net of this process. */
struct sctp_udp *sctp_udp_get(struct net *net);
/* Has something to do: runs in this turn, outside of the library. */
void sctp_udp_note(struct sctp_udp_conn *c);
void sctp_udp_note_accept(struct sctp_udp *u);
/* Runs what was noted. */
void sctp_udp_run(struct sctp_udp *u);
/* The clock runs while there are associations, and for a while after. */
void sctp_udp_tick(struct sctp_udp *u);

/* sctp_udp_socket.c: datagrams. NULL with errno. `at` NULL: any address and port. */
struct udp_socket *udp_socket_get(struct sctp_udp *u, const struct endpoint *at, uint16_t port);
void udp_socket_put(struct udp_socket *s);
/* Closes those that nobody has used for a while; all at the end. */
void udp_sockets_reap(struct sctp_udp *u, bool all);
/* Takes what all sockets have, waiting `ms` for the first datagram. */
void udp_sockets_poll(struct sctp_udp *u, int ms);
/* The library's address of a peer, and what is behind it. */
void *udp_handle(const struct udp_socket *s, const struct endpoint *peer);
struct udp_socket *udp_handle_open(struct sctp_udp *u, const void *handle, struct endpoint *peer);
void udp_output(struct sctp_udp *u, const void *handle, void *data, size_t len);

/* sctp_udp_peer.c: never fails; ask first whether there is room for one who comes by itself. */
struct sctp_udp_peer *sctp_udp_peer_get(struct sctp_udp *u, void *handle);
bool sctp_udp_peer_fits(const struct sctp_udp *u, void *handle);
void sctp_udp_peer_put(struct sctp_udp_peer *p);
/* Forgets those that nobody has used for a while; all once the library has ended. */
void sctp_udp_peers_reap(struct sctp_udp *u, bool all);

/* sctp_udp_conn.c and sctp_udp_listen.c */
void sctp_udp_serve(struct sctp_udp_conn *c);
struct sctp_udp_conn *sctp_udp_conn_new(struct sctp_udp *u, struct socket *so, struct udp_socket *s,
					void *handle, const struct endpoint *peer);
struct socket *sctp_udp_socket(const struct net *net);
/* Binds to *number, or picks one. -1 with errno. */
int sctp_udp_bind(struct socket *so, uint16_t *number);
void sctp_udp_accept(struct sctp_udp *u);
struct sctp_udp_listener *sctp_udp_listener_at(const struct sctp_udp *u, const struct udp_socket *s,
					       uint16_t port);

#endif
