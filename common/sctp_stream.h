/* Messages and notifications of SCTP as a stream of octets: what both SCTP transports do alike. */
#ifndef KEYHOP_SCTP_STREAM_H
#define KEYHOP_SCTP_STREAM_H

#include "net_internal.h"

#define SCTP_NOTICE_MAX 256
#define SCTP_SACK_DELAY_MS 20 /* below the least RTO of the peer, else it sends again for nothing */
#define SCTP_INIT_ATTEMPTS 8

struct sctp_stream {
	uint8_t notice[SCTP_NOTICE_MAX]; /* that has begun */
	size_t notice_len;
	size_t unit_left; /* octets of the unit that the last message sent has the begin of */
	bool ended;
	int end; /* errno, 0 for an orderly end */
};

struct sctp_piece {
	bool notification; /* instead of octets */
	bool whole; /* nothing of it is to come */
};

/* How a transport reads one message or a piece of it, and sends one: all of it, or nothing. Errors are those of errno. */
struct sctp_source {
	ssize_t (*recv)(struct conn *c, void *data, size_t len, struct sctp_piece *piece);
	void (*notified)(struct conn *c, const void *notice, size_t len);
	ssize_t (*send)(struct conn *c, const void *data, size_t len);
};

/* See conn_recv() and conn_send(). A message that is sent has whole frames or TLS records (unit.h): a capture of it can be
 * read where others are missing. Only a unit that is longer than a message goes in pieces. */
ssize_t sctp_stream_recv(struct conn *c, struct sctp_stream *s, const struct sctp_source *source,
			 void *data, size_t len);
ssize_t sctp_stream_send(struct conn *c, struct sctp_stream *s, const struct sctp_source *source,
			 const void *data, size_t len);

/* The peer has set the association up anew. What it has forgotten, TLS too, cannot go on. */
void sctp_stream_forgotten(struct conn *c, struct sctp_stream *s);

#endif
