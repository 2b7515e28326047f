/* Who sctp-udp has associations with. The library finds an association only by an address that was registered; there is
 * one to a peer, from its connect() or its good cookie until a while after its last connection was closed. */
#include <stdlib.h>

#include <utlist.h>

#include "clock.h"
#include "mem.h"
#include "sctp_udp.h"

#define KEEP_US 10000000 /* the library may still have something to say to it */

struct sctp_udp_peer *sctp_udp_peer_get(struct sctp_udp *u, void *handle)
{
	struct sctp_udp_peer *p;

	HASH_FIND_PTR(u->peers, &handle, p);
	if (!p) {
		p = x_calloc(1, sizeof *p);
		p->handle = handle;
		HASH_ADD_PTR(u->peers, handle, p);
		usrsctp_register_address(handle);
	}
	p->users++;
	return p;
}

bool sctp_udp_peer_fits(const struct sctp_udp *u, void *handle)
{
	struct sctp_udp_peer *p;

	HASH_FIND_PTR(u->peers, &handle, p);
	return p || HASH_COUNT(u->peers) < SCTP_UDP_PEERS_MAX;
}

void sctp_udp_peer_put(struct sctp_udp_peer *p)
{
	p->users--;
	p->left_us = clock_mono_us();
}

void sctp_udp_peers_reap(struct sctp_udp *u, bool all)
{
	int64_t now = clock_mono_us();
	struct sctp_udp_peer *p, *tmp;

	HASH_ITER (hh, u->peers, p, tmp) {
		if (!all && (p->users > 0 || now - p->left_us < KEEP_US))
			continue;
		if (!all)
			usrsctp_deregister_address(p->handle);
		HASH_DEL(u->peers, p);
		free(p);
	}
}
