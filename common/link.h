/* A link: one connection of S1, X2 or Uu. Octets of the transport, TLS if asked for, frames of a 4-octet length
 * and a message. Takes all whole frames of a read; writes once per turn of the loop.
 *
 * Ownership: the owner keeps the pointer until `down` is called or it calls link_close(); after either it is
 * gone (freed by the link itself, at the end of the turn). */
#ifndef KEYHOP_LINK_H
#define KEYHOP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "ids.h"
#include "conn.h"

#define FRAME_MAX 65536U
#define FRAME_HEADER 4

struct link;
struct tls_context;
struct tls_peer;
struct ProtobufCMessage;

struct link_ops {
	/* Connected, and with TLS the peer is authenticated. */
	void (*up)(struct link *l, void *owner);
	/* One whole frame, without its length, never empty. It may call link_close(). Octets are wiped after it. */
	void (*frame)(struct link *l, void *owner, const uint8_t *data, size_t len);
	/* The link ended by itself; `err` is the named cause: KH_E_LINK_LOST (clean or dirty end between frames),
	 * KH_E_FRAME_TRUNCATED, KH_E_FRAME_EMPTY, KH_E_FRAME_TOO_LONG, KH_E_TIMEOUT, KH_E_CANNOT_CONNECT,
	 * KH_E_OUTPUT_OVERFLOW, or one of tls.h. `detail` is for the log. */
	void (*down)(struct link *l, void *owner, int err, const char *detail);
	/* The peer sent more than `max_frames` in a tenth of its second; the rest waits at its end. May be NULL. */
	void (*slowed)(struct link *l, void *owner);
};

enum link_direction { LINK_TX, LINK_RX };

/* Sees every frame in clear, as it is queued or has come in. Must outlive its links; `frame` may be NULL. */
struct link_tap {
	void (*frame)(const struct link_tap *tap, struct link *l, enum link_direction dir,
		      const uint8_t *data, size_t len);
	void *arg;
	int kind; /* for `frame` */
};

struct link_settings {
	struct net *net;
	const struct link_tap *tap; /* may be NULL */
	struct tls_context *tls; /* NULL: no TLS */
	const char *alpn; /* with TLS */
	uint32_t ppid; /* on SCTP without TLS */
	const struct link_ops *ops;
	void *owner;
	uint32_t setup_timeout_ms; /* connect and handshake; 0 is 5000 */
	uint32_t output_limit; /* octets waiting for the peer before output-overflow; 0 is 16 MiB */
	uint32_t max_frames; /* taken in a second; 0: as many as come */
};

/* Connects to `peer`, from `local` if not NULL. The link comes up later, or goes down with a cause. */
int link_connect(struct link **out, const struct link_settings *s, const struct conn_peer *peer,
		 const struct endpoints *local) KH_MUST_CHECK;
/* Takes over an accepted connection; `peer` may be NULL. */
struct link *link_accept(const struct link_settings *s, struct conn *c,
			 const struct endpoint *peer);
/* Sends what is queued as far as the transport takes it, then closes. No `down`. */
void link_close(struct link *l);
/* The owner changes: e.g. from "not set up yet" to an eNodeB. */
void link_set_owner(struct link *l, const struct link_ops *ops, void *owner);

/* Packs `msg` as one frame into the output of this turn. KH_E_FRAME_TOO_LONG or KH_E_FRAME_EMPTY; KH_E_LINK_LOST
 * when the link is not up or closing; KH_E_OUTPUT_OVERFLOW, after which it goes down. The message is then not
 * sent. */
int link_send(struct link *l, const struct ProtobufCMessage *msg);
/* The same for ready octets. */
int link_send_raw(struct link *l, const uint8_t *data, size_t len);

/* Frames that come late on purpose (fault.h, air.h). */
#define HELD_FRAMES_MAX 65536U /* most that a node holds */
#define HELD_OCTETS_MAX (16U * 1024 * 1024)

struct held_total {
	uint32_t frames;
	size_t octets;
};

struct held_frame;
/* Frames of a lane go in the order in which they were held, on whatever links. Zeroed is empty. */
struct link_lane {
	struct held_frame *first;
	int64_t last_us; /* when the last of them is due */
};

struct link_held {
	const uint8_t *frame; /* ready octets, copied; */
	size_t len;
	const struct ProtobufCMessage *msg; /* or a message that is packed */
	struct held_total *total; /* of the node; must outlive the link */
	struct link_lane *lane; /* NULL: others may overtake it */
};

/* Sends a frame, or hands it to the owner, after `ms`, in a lane not before the one that is ahead. Its octets are wiped
 * when it goes, and end with the link. KH_E_NO_RESOURCES: too many are held, this one is not. */
int link_hold(struct link *l, enum link_direction dir, uint32_t ms,
	      const struct link_held *what) KH_MUST_CHECK;
/* The same after the next frame of that direction. */
int link_hold_for_next(struct link *l, enum link_direction dir,
		       const struct link_held *what) KH_MUST_CHECK;
/* What is in it will not go. */
void link_lane_clear(struct link_lane *lane);
/* Hands a frame to the owner now. */
void link_deliver(struct link *l, const uint8_t *frame, size_t len);
/* The frame with the owner comes from one of these: no fault applies to it again. */
bool link_is_released(const struct link *l);
/* Reads nothing for `ms`. */
void link_pause(struct link *l, uint32_t ms);
/* Ends the link as if the transport had: the owner hears of it. */
void link_break(struct link *l);

bool link_is_up(const struct link *l);
/* Identity of the peer's certificate ("keyhop:enb:00101-2"), "" without TLS. */
const char *link_peer_identity(const struct link *l);
/* For tls_peer_revocation(), NULL without TLS; the caller frees it. */
struct tls_peer *link_peer_certificate(const struct link *l);
bool link_has_tls(const struct link *l);
/* "127.0.2.1:40123", for the log. */
const char *link_peer_text(const struct link *l);
enum transport link_transport(const struct link *l);
/* Both ends of the transport; without a family where there is none. */
void link_endpoints(struct link *l, struct endpoint *local, struct endpoint *peer);
/* A number that the tap keeps with the link, 0 at first. */
uint64_t *link_tap_mark(struct link *l);
/* Octets queued and not yet taken by the transport. */
size_t link_output_len(const struct link *l);

#endif
