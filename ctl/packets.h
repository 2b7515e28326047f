/* From a captured packet to whole messages of S1, X2 and Uu: exported PDUs of the daemons' own captures, and TCP on
 * Ethernet, Linux cooked, loopback and raw IP links, put together again, with TLS in it where there are secrets. */
#ifndef KEYHOP_CTL_PACKETS_H
#define KEYHOP_CTL_PACKETS_H

#include <stdbool.h>

#include "message.h"
#include "pcapng_read.h"

#define PACKET_END_LEN 64

struct packet_message {
	enum iface iface; /* IFACE_RRC is Uu */
	char from[PACKET_END_LEN], to[PACKET_END_LEN]; /* "127.0.1.1:36512" */
	bool in_tls;
	const uint8_t *data; /* one message without its length */
	size_t len;
};
typedef void packet_message_fn(void *arg, const struct packet_message *m);

struct packets;

struct packets *packets_new(packet_message_fn *fn, void *arg);
/* TLS 1.3 with these secrets (lines of an NSS key log) is opened. */
void packets_add_secrets(struct packets *p, const void *lines, size_t len);
void packets_free(struct packets *p);
/* Calls `fn` for every message that ends in this packet. What is none of ours is passed over. */
void packets_take(struct packets *p, const struct capture_block *packet);

#endif
