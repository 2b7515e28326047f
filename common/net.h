/* Addresses and listening sockets. The one place that knows TCP; the other transports come in here. */
#ifndef KEYHOP_NET_H
#define KEYHOP_NET_H

#include <stdint.h>
#include <sys/socket.h>

#include "err.h"

enum transport { TRANSPORT_TCP };

#define ENDPOINT_TEXT_LEN 64

struct endpoint {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* Numeric IPv4 or IPv6 address. KH_E_BAD_FIELD. */
int endpoint_parse(struct endpoint *out, const char *address, uint16_t port) KH_MUST_CHECK;
/* "127.0.1.1:36512", "[::1]:36512". */
void endpoint_text(const struct endpoint *ep, char out[ENDPOINT_TEXT_LEN]);
uint16_t endpoint_port(const struct endpoint *ep);

struct loop;
struct listener;

/* Takes over `fd` (non-blocking). */
typedef void listener_accept_fn(void *arg, int fd, const struct endpoint *peer);

/* Binds and listens; port 0 picks one, see listener_endpoint(). KH_E_CANNOT_CONNECT with errno set. When the
 * process is out of descriptors, accepting pauses and goes on by itself (never spins). */
int listener_open(struct listener **out, struct loop *loop, enum transport transport,
		  const struct endpoint *ep, listener_accept_fn *fn, void *arg) KH_MUST_CHECK;
void listener_close(struct listener *l);
const struct endpoint *listener_endpoint(const struct listener *l);

/* Starts a non-blocking connect, bound to `local` if not NULL; *fd is the socket. KH_E_CANNOT_CONNECT. */
int net_connect(int *fd, enum transport transport, const struct endpoint *ep,
		const struct endpoint *local) KH_MUST_CHECK;

#endif
