#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "clock.h"
#include "ids.h"
#include "link_internal.h"
#include "tls.h"

#define TENTH_US 100000 /* the rate of frames is looked at over a tenth of a second */
#define READ_BUDGET (256 * 1024) /* octets of one link in one turn, so that others have theirs */

bool link_wants_input(const struct link *l)
{
	return l->state == LINK_HANDSHAKE || l->state == LINK_UP;
}

/* Octets of the frame whose header is at `p`; 0 after a length that is refused. */
static size_t frame_len(struct link *l, const uint8_t *p)
{
	uint32_t len = get_be32(p);

	if (len == 0)
		link_fail(l, KH_E_FRAME_EMPTY, "length 0");
	else if (len > FRAME_MAX)
		link_fail(l, KH_E_FRAME_TOO_LONG, "length above 65536");
	else
		return FRAME_HEADER + len;
	return 0;
}

static void deliver(struct link *l, const uint8_t *frame, size_t len)
{
	l->taken++;
	l->answering = true;
	link_show(l, LINK_RX, frame + FRAME_HEADER, len - FRAME_HEADER);
	l->ops->frame(l, l->owner, frame + FRAME_HEADER, len - FRAME_HEADER);
	l->answering = false;
	if (l->held_for_next)
		link_passed(l, LINK_RX);
}

/* Keeps the first octets of a frame; its length, once known, is checked before there is room for
 * it. */
static void keep(struct link *l, const uint8_t *data, size_t len, size_t whole)
{
	buf_reserve(&l->in, whole - l->in.len);
	buf_append(&l->in, data, len);
}

/* Goes on with the frame that has begun. Gives the octets taken. */
static size_t take_into_kept(struct link *l, const uint8_t *data, size_t len)
{
	bool has_header = l->in.len >= FRAME_HEADER;
	size_t whole = has_header ? frame_len(l, buf_data(&l->in)) : FRAME_HEADER;
	size_t n = whole - l->in.len;

	if (n > len)
		n = len;
	keep(l, data, n, whole);
	if (l->in.len < whole)
		return n;
	if (has_header) {
		deliver(l, buf_data(&l->in), whole);
		buf_clear(&l->in);
	} else {
		frame_len(l, buf_data(&l->in));
	}
	return n;
}

/* Takes the frame at the head of `data`, or keeps its beginning. Gives the octets taken. */
static size_t take_from_read(struct link *l, const uint8_t *data, size_t len)
{
	size_t whole = FRAME_HEADER;

	if (len >= FRAME_HEADER)
		whole = frame_len(l, data);
	if (whole == 0)
		return len;
	if (len < whole || len < FRAME_HEADER) {
		keep(l, data, len, whole);
		return len;
	}
	deliver(l, data, whole);
	return whole;
}

/* Plaintext of the peer: all whole frames, then the beginning of the next. */
static void take_plaintext(struct link *l, uint8_t *data, size_t len)
{
	size_t taken = 0;

	/* The owner may have closed the link in any of the calls. */
	while (taken < len && l->state == LINK_UP) {
		if (l->in.len > 0)
			taken += take_into_kept(l, data + taken, len - taken);
		else
			taken += take_from_read(l, data + taken, len - taken);
	}
	OPENSSL_cleanse(data, len);
}

static void read_tls(struct link *l)
{
	uint8_t *plain = loop_scratch(l->loop, SCRATCH_PLAIN);
	int n = 0;

	while (l->state == LINK_UP && (n = tls_read(l->tls, plain, LOOP_SCRATCH_LEN)) > 0)
		take_plaintext(l, plain, (size_t)n);
	if (n < 0)
		link_fail(l, n == KH_E_LINK_LOST && l->in.len > 0 ? KH_E_FRAME_TRUNCATED : n,
			  tls_error_text(l->tls));
}

static void take_ciphertext(struct link *l, const uint8_t *data, size_t len)
{
	const uint8_t *answer;
	int result = tls_feed(l->tls, data, len);

	if (result == 0)
		result = tls_handshake(l->tls);
	if (result < 0)
		link_fail(l, result, tls_error_text(l->tls));
	else if (result > 0 && l->state == LINK_HANDSHAKE)
		link_go_up(l);
	read_tls(l);
	if (tls_output(l->tls, &answer) > 0)
		loop_defer(l->loop, &l->turn_end);
}

/* The transport ended, cleanly (error 0) or not. */
static void input_ended(struct link *l, int error)
{
	const char *how = error ? strerror(error) : "closed by the peer";

	if (l->state == LINK_HANDSHAKE)
		link_fail(l, KH_E_LINK_LOST, error ? how : "closed in the TLS handshake");
	else if (l->in.len > 0)
		link_fail(l, KH_E_FRAME_TRUNCATED, how);
	else
		link_fail(l, KH_E_LINK_LOST,
			  error || !l->tls ? how : "closed by the peer without close_notify");
}

/* Reads once. False when there is nothing more now, or nothing more at all. */
static bool read_once(struct link *l, size_t *budget)
{
	uint8_t *wire = loop_scratch(l->loop, SCRATCH_WIRE);
	ssize_t n = conn_recv(l->conn, wire, LOOP_SCRATCH_LEN);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (n <= 0) {
		input_ended(l, n < 0 ? errno : 0);
		return false;
	}
	if (l->tls)
		take_ciphertext(l, wire, (size_t)n);
	else
		take_plaintext(l, wire, (size_t)n);
	*budget -= (size_t)n < *budget ? (size_t)n : *budget;
	/* A short read says that there is no more; asking again would cost a call. */
	return n == LOOP_SCRATCH_LEN;
}

static void begin_tenth(struct link *l)
{
	int64_t tenth = clock_mono_us() / TENTH_US;

	if (tenth == l->tenth)
		return;
	l->tenth = tenth;
	l->taken = 0;
}

/* Who sends faster than that waits: nothing of it is lost, and nobody else does. */
static void keep_rate(struct link *l)
{
	int64_t left = (l->tenth + 1) * TENTH_US - clock_mono_us();

	if (l->taken <= l->max_frames / 10 || l->pause)
		return;
	link_pause(l, left > 0 ? (uint32_t)(left / 1000 + 1) : 1);
	if (l->ops->slowed)
		l->ops->slowed(l, l->owner);
}

void link_read(struct link *l)
{
	size_t budget = READ_BUDGET;

	if (l->max_frames)
		begin_tenth(l);
	while (budget > 0 && link_wants_input(l) && !link_is_backlogged(l))
		if (!read_once(l, &budget))
			break;
	if (l->max_frames && l->state == LINK_UP)
		keep_rate(l);
}
