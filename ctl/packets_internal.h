/* Between packets.c (links, IP, exported PDUs), packets_tcp.c and packets_sctp.c, and packets_octets.c, which has what the
 * two bring in order. */
#ifndef KEYHOP_CTL_PACKETS_INTERNAL_H
#define KEYHOP_CTL_PACKETS_INTERNAL_H

#include "buf.h"
#include "packets.h"

struct sctp_reader;
struct tcp_stream;
struct tls_keys;
struct tls_read;

struct packets {
	packet_message_fn *fn;
	void *arg;
	struct tls_keys *keys;
	struct tcp_stream *tcp;
	struct sctp_reader *sctp; /* NULL before the first packet of it */
};

/* One direction of a connection. */
struct octets {
	struct packet_message head; /* of every message */
	struct buf in, opened; /* octets of the connection, and of the TLS in it */
	struct tls_read *tls; /* of both directions; borrowed */
	int dir; /* 0 or 1, to `tls` */
	bool not_ours; /* TLS without its secrets, or nothing we know: no more is wanted */
};

void octets_init(struct octets *o, const struct packet_message *head, struct tls_read *tls,
		 int dir);
/* Takes the whole messages that there are now off `in`. */
void octets_take(struct packets *p, struct octets *o);
void octets_give_up(struct octets *o);

static inline unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Source and destination of an IP packet, one after the other. */
struct ip_ends {
	int family;
	const uint8_t *addresses;
};

/* By the ports that keyhop listens on. False when it is none of them. */
bool packets_iface(unsigned from, unsigned to, enum iface *iface);
void packets_ends(const struct ip_ends *ip, unsigned from, unsigned to,
		  struct packet_message *head);

void packets_take_tcp(struct packets *p, const struct ip_ends *ip, const uint8_t *tcp, size_t len);
void packets_free_tcp(struct packets *p);
/* `in_udp`: as RFC 6951 has it. */
void packets_take_sctp(struct packets *p, const struct ip_ends *ip, const uint8_t *sctp, size_t len,
		       bool in_udp);
void packets_free_sctp(struct packets *p);

#endif
