/* User data of traffic.ping: an ICMP echo message (RFC 792) without the IP header around it. */
#ifndef KEYHOP_ECHO_H
#define KEYHOP_ECHO_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define ECHO_REQUEST 8
#define ECHO_REPLY 0
#define ECHO_DATA_LEN 16
#define ECHO_LEN (8 + ECHO_DATA_LEN)

struct echo {
	uint8_t type;
	uint16_t id, seq;
	uint8_t data[ECHO_DATA_LEN];
};

void echo_build(const struct echo *e, uint8_t out[ECHO_LEN]);
/* KH_E_BAD_FIELD when length, type or checksum is wrong, as after deciphering under another key. */
int echo_parse(const uint8_t *data, size_t len, struct echo *out) KH_MUST_CHECK;

#endif
