/* Who is at an address of a capture: told by the interfaces of the daemons' own captures, by certificates, by setup
 * messages, else by well-known ports. */
#ifndef KEYHOP_CTL_SEQ_PLACES_H
#define KEYHOP_CTL_SEQ_PLACES_H

#include "packets.h"
#include "seq.h"

struct places;

struct places *places_new(struct seq *s);
void places_free(struct places *p);
/* What a message tells of its ends. All of a capture's first, then places_settle(), then places_lane(). */
void places_learn(struct places *p, const struct capture_block *b, const struct packet_message *m);
void places_settle(struct places *p);
/* The lane of an end ("127.0.1.1:36512") of a message of `iface`. */
unsigned places_lane(struct places *p, enum iface iface, const char *end);

#endif
