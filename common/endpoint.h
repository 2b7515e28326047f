/* Addresses with a port, as people type them. */
#ifndef KEYHOP_ENDPOINT_H
#define KEYHOP_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "err.h"

#define ENDPOINT_TEXT_LEN 64

struct endpoint {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* Numeric IPv4 or IPv6 address. KH_E_BAD_FIELD. */
int endpoint_parse(struct endpoint *out, const char *address, uint16_t port) KH_MUST_CHECK;
/* The same with a port behind it, as endpoint_text() writes it, or with `port` without one. KH_E_BAD_FIELD. */
int endpoint_from_text(struct endpoint *out, const char *text, uint16_t port) KH_MUST_CHECK;
/* "127.0.1.1:36512", "[::1]:36512". */
void endpoint_text(const struct endpoint *ep, char out[ENDPOINT_TEXT_LEN]);
/* 0.0.0.0: all addresses of this host. */
bool endpoint_is_any(const struct endpoint *ep);
uint16_t endpoint_port(const struct endpoint *ep);
void endpoint_set_port(struct endpoint *ep, uint16_t port);

/* All addresses of one end, of one family and with one port: several where the transport can be multihomed. */
#define ENDPOINTS_MAX 4
struct endpoints {
	struct endpoint at[ENDPOINTS_MAX];
	size_t n;
};

/* Addresses with blanks or commas between: "10.0.0.1, 10.1.0.1". KH_E_BAD_FIELD, also for none, too many, and
 * several families. */
int endpoints_parse(struct endpoints *out, const char *text, uint16_t port) KH_MUST_CHECK;
void endpoints_set_port(struct endpoints *eps, uint16_t port);

#endif
