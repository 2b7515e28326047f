/* The radio between a UE and its cells, made bad on purpose: messages of Uu are lost or late, whatever they say. Those of
 * a UE keep their order each way, as RLC keeps it (TS 36.322 5.1.3). What a fault (fault.h) has met goes past it. */
#ifndef KEYHOP_AIR_H
#define KEYHOP_AIR_H

#include "link.h"

#define AIR_LOSS_ALL 10000
#define AIR_LATE_MAX_MS 10000

struct node;

/* Zeroed is a good radio. */
struct air_quality {
	int32_t loss; /* hundredths of a per cent of the messages */
	uint32_t delay_ms; /* all are late by this, */
	uint32_t jitter_ms; /* and each at random by up to this more */
};

/* Of one UE. */
struct air {
	struct air_quality quality;
	struct link_lane lanes[2]; /* by enum link_direction */
};

/* In the place of link_send(); `air` NULL: a good radio. 0 also for what is lost. */
int air_send(struct node *n, struct air *air, struct link *link,
	     const struct ProtobufCMessage *frame) KH_MUST_CHECK;
/* A frame that came on `link`. True: it is lost, or will come later. */
bool air_received(struct node *n, struct air *air, struct link *link, const uint8_t *frame,
		  size_t len);
/* What is on its way is lost. Call it before the memory of `air` goes. */
void air_clear(struct air *air);

#endif
