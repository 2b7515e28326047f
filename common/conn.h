/* A connection: octets in order, both ways, whatever carries them. It never blocks; errors are those of errno. */
#ifndef KEYHOP_CONN_H
#define KEYHOP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net.h"

struct conn;
struct listener;

/* Called by the loop, as often as there is cause while it is waited for. The connection must not be closed in them: defer
 * that (loop_defer()). */
struct conn_ops {
	void (*readable)(void *arg); /* octets, or the end */
	void (*writable)(
		void *arg); /* connected or failed (conn_error()); later: there is room again */
};

/* How to reach somebody. */
struct conn_peer {
	enum transport transport;
	struct endpoints at; /* several: the paths of a multihomed peer */
	uint16_t udp_port; /* of its encapsulation; 0: ours with sctp-udp, none with sctp */
};

/* Starts to connect, from `local` if not NULL; writing is waited for from the start, once there are ops. `ppid` is
 * for SCTP. KH_E_CANNOT_CONNECT with errno set. */
int conn_connect(struct conn **out, struct net *net, const struct conn_peer *peer,
		 const struct endpoints *local, uint32_t ppid) KH_MUST_CHECK;
/* Takes over a connected, non-blocking stream socket. */
struct conn *conn_from_fd(struct net *net, int fd);
void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *arg);
/* What an accepted one carries; nothing was sent yet. */
void conn_set_ppid(struct conn *c, uint32_t ppid);
/* 0 once connected, EINPROGRESS before, else why not. */
int conn_error(struct conn *c);
/* All that is there now, up to `len` octets: fewer say that there is no more. 0 after the end; -1 with errno, EAGAIN for
 * nothing. Message boundaries of SCTP are not kept. */
ssize_t conn_recv(struct conn *c, void *data, size_t len);
/* Takes as much as there is room for: -1 with EAGAIN for none. */
ssize_t conn_send(struct conn *c, const void *data, size_t len);
/* What the loop waits for. Until there is something to wait for, reading and writing are off. */
void conn_set_reading(struct conn *c, bool on);
void conn_set_writing(struct conn *c, bool on);
enum transport conn_transport(const struct conn *c);
/* Both ends, as the peer names them, too: of several addresses, and of one that was left to the system, those that are in
 * use. Without a family where there is none. Asks the system: not for every message. */
void conn_endpoints(const struct conn *c, struct endpoint *local, struct endpoint *peer);
/* What was sent still arrives; then the end. Frees. */
void conn_close(struct conn *c);

/* Takes over `c`. */
typedef void listener_accept_fn(void *arg, struct conn *c, const struct endpoint *peer);

/* Binds and listens; port 0 picks one, see listener_endpoint(). KH_E_CANNOT_CONNECT with errno set. When the
 * process is out of descriptors, accepting pauses and goes on by itself (never spins). */
int listener_open(struct listener **out, struct net *net, enum transport transport,
		  const struct endpoints *at, listener_accept_fn *fn, void *arg) KH_MUST_CHECK;
void listener_close(struct listener *l);
/* The first of its addresses. */
const struct endpoint *listener_endpoint(const struct listener *l);
enum transport listener_transport(const struct listener *l);

#endif
