/* Associations of SCTP in a capture: packets_sctp.c reads chunks, packets_association.c has what they are about. */
#ifndef KEYHOP_CTL_PACKETS_SCTP_H
#define KEYHOP_CTL_PACKETS_SCTP_H

#include <uthash.h>

#include "packets_internal.h"

/* What matters of a DATA chunk. */
struct piece {
	uint32_t tsn, ppid;
	bool begins, ends; /* a message */
	bool in_order; /* of the stream that we look at */
	const uint8_t *data;
	size_t len;
};

struct held; /* a piece that came too early */

struct half {
	struct octets octets;
	uint32_t next; /* TSN */
	bool started, taken; /* `next` is known; something was taken already */
	bool gap; /* the capture lacks something: on with the next message */
	struct held *held; /* by TSN */
};

struct association {
	struct half halves[2]; /* from who began, and back */
	struct tls_read *tls;
	struct tag *tags;
	unsigned n_tags;
	bool known, ended; /* which interface it is; all was said */
	struct association *prev, *next; /* the last one spoke last */
};

/* A verification tag, and the ports of the packets that have it. Without gaps: a key of a hash. */
struct tag_key {
	uint32_t tag;
	uint16_t from, to;
};

struct tag {
	struct tag_key key;
	struct association *association;
	int dir; /* of the packets that have it */
	uint32_t back_tsn; /* the first of the other direction, of an INIT ACK */
	bool has_back_tsn;
	struct tag *next; /* of the association */
	UT_hash_handle hh;
};

struct sctp_reader {
	struct tag *tags;
	struct association *associations;
	unsigned n_associations;
	size_t held_octets; /* with what keeps them */
};

/* NULL: nobody's. */
struct tag *tag_find(const struct sctp_reader *r, struct tag_key key);
struct tag *tag_add(struct sctp_reader *r, struct association *a, struct tag_key key, int dir);

/* `head` has the ends, the one that began first. When there are too many, the one that was silent for the longest is
 * forgotten. */
struct association *association_new(struct packets *p, const struct packet_message *head,
				    bool known);
/* Is silent no more. */
void association_touch(struct sctp_reader *r, struct association *a);
/* Nothing more is wanted of it; its tags still are, for what comes late. */
void association_end(struct sctp_reader *r, struct association *a);
void association_forget(struct sctp_reader *r, struct association *a);

/* Takes a piece when it is its turn, with those that waited for it; keeps it when it is too early. */
void half_take(struct packets *p, struct half *h, const struct piece *piece);
/* The receiver has all up to the TSN `acked`: what is missing of it will not come any more. */
void half_acked(struct packets *p, struct half *h, uint32_t acked);

#endif
