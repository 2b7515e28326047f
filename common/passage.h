/* The passage of a message through this node, and whom it is about: for log, capture and trace. */
#ifndef KEYHOP_PASSAGE_H
#define KEYHOP_PASSAGE_H

#include "events.h"
#include "log.h"
#include "message.h"

struct node;

/* A message that comes or goes. */
struct passage {
	bool tx;
	enum protection protection;
	enum log_cat cat;
	const char *peer; /* a node, or the IMSI of a UE */
	const struct message_row *row;
	const struct ProtobufCMessage *msg;
	size_t len; /* octets of the message itself */
};

/* Fills in peer, UE, MME-UE-id, eNodeB, generation and key id of `about`: what the message says of them, and what this
 * node knows of it besides. */
void passage_about(struct node *n, const struct passage *p, struct node_event *about);

#endif
