/* Between link.c (from connect to down), link_input.c (octets to frames) and link_output.c (frames to
 * octets). */
#ifndef KEYHOP_LINK_INTERNAL_H
#define KEYHOP_LINK_INTERNAL_H

#include "buf.h"
#include "link.h"
#include "loop.h"

struct held_frame;
struct tls;

enum link_state {
	LINK_ACCEPTED, /* nothing to wait for: `up` is due at the end of the turn */
	LINK_CONNECTING, /* the transport is */
	LINK_HANDSHAKE, /* TLS is */
	LINK_UP,
	LINK_FAILED, /* `down` is due at the end of the turn */
	LINK_CLOSED, /* the owner has let go: what is left is to send and to free */
};

struct link {
	struct loop *loop;
	struct loop_task turn_end;
	const struct link_ops *ops;
	void *owner;

	enum link_state state;
	struct conn *conn;
	bool writing; /* is waited for */
	struct loop_timer *setup;
	struct tls_context *tls_context;
	char *alpn;
	struct tls *tls;

	const struct link_tap *tap;
	uint64_t tap_mark;
	struct endpoint tap_local, tap_peer; /* once they were asked for */

	struct buf in; /* the frame that has begun and is not whole yet */
	/* Frames: with TLS those of this turn, without those that the transport did not take. */
	struct buf out;
	size_t passed; /* octets of `out` that may leave */
	uint32_t output_limit;
	uint32_t max_frames; /* in a second; 0: no limit */
	uint32_t taken; /* of them, in this tenth of a second */
	int64_t tenth;
	bool answering; /* a frame is with the owner */
	size_t answers; /* octets of the output that are answers to frames of this link */
	int send_errno; /* the transport takes no more */

	struct held_frame *held; /* link_hold.c */
	unsigned held_for_next;
	bool released; /* a held frame is with the owner */
	struct loop_timer *pause; /* nothing is read */

	int err; /* of LINK_FAILED */
	char *detail; /* of LINK_FAILED */
	char peer[ENDPOINT_TEXT_LEN];
};

/* The link ends with `err`; the owner hears of it at the end of the turn. The first call counts. */
void link_fail(struct link *l, int err, const char *detail);
/* The link can be used from now on. */
void link_go_up(struct link *l);
/* Shows a frame to the tap. */
static inline void link_show(struct link *l, enum link_direction dir, const uint8_t *data,
			     size_t len)
{
	if (l->tap && l->tap->frame)
		l->tap->frame(l->tap, l, dir, data, len);
}
/* Takes what the transport has, within a budget. */
void link_read(struct link *l);
bool link_wants_input(const struct link *l);

/* Encrypts what is queued and sends as much as the transport takes; the rest waits. On a
 * link that ends it says so (close_notify) and waits for nothing. */
void link_flush(struct link *l);
/* Stops reading from a peer that does not read our answers, and starts again when it does. What we send
 * of our own accord does not count: two ends that both stopped would wait for each other for ever. */
void link_balance(struct link *l);
bool link_is_backlogged(const struct link *l);

/* A frame went this way: those that were held for it follow. */
void link_passed(struct link *l, enum link_direction dir);
void link_drop_held(struct link *l);

#endif
