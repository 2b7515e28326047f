/* Between net.c (the rows) and the transports: net_fd.c with net_tcp.c and net_sctp.c, and sctp_udp*.c. */
#ifndef KEYHOP_NET_INTERNAL_H
#define KEYHOP_NET_INTERNAL_H

#include "conn.h"

struct sctp_udp;

struct net {
	struct loop *loop;
	struct net_settings settings; /* without zeros */
	net_notice_fn *observer;
	void *observer_arg;
	uint64_t *counts;
	uint64_t own_counts[NET_COUNTS];
	struct sctp_udp *sctp_udp; /* NULL before it is needed */
};

/* One kind of connection; its struct begins with a struct conn. */
struct conn_type {
	ssize_t (*recv)(struct conn *c, void *data, size_t len);
	ssize_t (*send)(struct conn *c, const void *data, size_t len);
	void (*wait)(struct conn *c); /* `reading` or `writing` has changed */
	int (*error)(struct conn *c);
	void (*set_ppid)(struct conn *c, uint32_t ppid); /* NULL: has none */
	void (*local)(const struct conn *c, struct endpoint *local);
	void (*close)(struct conn *c); /* frees */
};

struct conn {
	const struct conn_type *type;
	struct net *net;
	enum transport transport;
	struct endpoint peer;
	const struct conn_ops *ops;
	void *arg;
	bool reading, writing;
	bool associated; /* NOTICE_UP was given, NOTICE_DOWN is due */
	bool forgotten; /* the peer has set the association up anew: it ends with an abort */
};

struct listener {
	const struct listener_type *type;
	struct net *net;
	enum transport transport;
	struct endpoint ep; /* as bound */
	listener_accept_fn *fn;
	void *arg;
};

struct listener_type {
	void (*close)(struct listener *l); /* frees */
};

struct transport_row {
	const char *name;
	/* NULL: always there. Else false, with errno, where the kernel or the build lacks it. */
	bool (*is_there)(void);
	int (*listen)(struct listener **out, struct net *net, const struct endpoints *at);
	int (*connect)(struct conn **out, struct net *net, const struct conn_peer *peer,
		       const struct endpoints *local, uint32_t ppid);
	bool multihomed, ipv6, any_address;
};

int net_tcp_listen(struct listener **out, struct net *net, const struct endpoints *at);
int net_tcp_connect(struct conn **out, struct net *net, const struct conn_peer *peer,
		    const struct endpoints *local, uint32_t ppid);
bool net_sctp_is_there(void);
int net_sctp_listen(struct listener **out, struct net *net, const struct endpoints *at);
int net_sctp_connect(struct conn **out, struct net *net, const struct conn_peer *peer,
		     const struct endpoints *local, uint32_t ppid);
int sctp_udp_listen(struct listener **out, struct net *net, const struct endpoints *at);
int sctp_udp_connect(struct conn **out, struct net *net, const struct conn_peer *peer,
		     const struct endpoints *local, uint32_t ppid);
/* Closes what is left, and lets libusrsctp go. */
void sctp_udp_free(struct sctp_udp *u);

/* The address of this host that packets to `peer` leave from, as the routes are now; without a port. -1: there is none. */
int net_source(const struct endpoint *peer, struct endpoint *source) KH_MUST_CHECK;
/* Tells the observer, and keeps up and down in pairs. `peer` NULL: that of the connection. */
void net_notice(struct conn *c, enum net_notice_kind kind, const struct endpoint *peer);

static inline void net_count(struct net *net, enum net_counter counter)
{
	net->counts[counter]++;
}

#endif
