/* Connections and listeners that are sockets of the kernel: what tcp and sctp share. */
#ifndef KEYHOP_NET_FD_H
#define KEYHOP_NET_FD_H

#include "net_internal.h"
#include "sctp_stream.h"

struct event;
struct fd_conn;

struct fd_kind {
	enum transport transport;
	int protocol;
	/* Options are wishes: a connection without one of them still works. */
	void (*tune)(struct net *net, int fd);
	/* NULL: bind() and connect() with the first address. */
	int (*bind)(int fd, const struct endpoints *at);
	int (*connect)(int fd, const struct conn_peer *peer, uint32_t ppid);
	struct conn_type type;
};

struct fd_conn {
	struct conn base; /* first */
	int fd;
	struct event *readable, *writable;
	bool reads, writes; /* which of the two is in the loop */
	struct sctp_stream stream; /* of SCTP */
};

int fd_listen(struct listener **out, struct net *net, const struct fd_kind *kind,
	      const struct endpoints *at) KH_MUST_CHECK;
int fd_connect(struct conn **out, struct net *net, const struct fd_kind *kind,
	       const struct conn_peer *peer, const struct endpoints *local,
	       uint32_t ppid) KH_MUST_CHECK;
/* Takes over a connected socket. */
struct conn *fd_adopt(struct net *net, const struct fd_kind *kind, int fd);

/* The parts of a conn_type that they share. */
void fd_wait(struct conn *c);
int fd_error(struct conn *c);
void fd_local(const struct conn *c, struct endpoint *local);
void fd_close(struct conn *c);

static inline int fd_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

#endif
