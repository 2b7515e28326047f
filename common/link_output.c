#include <errno.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "ids.h"
#include "link_internal.h"
#include "tls.h"
#include "unit.h"

#define BACKLOG_HIGH (1024U * 1024) /* waits for the transport: stop reading */
#define BACKLOG_LOW (256U * 1024) /* start again */
#define FLUSH_EARLY (256U * 1024) /* queued in one turn: do not wait for its end */

static size_t unsent(struct link *l, const uint8_t **data)
{
	if (l->tls)
		return tls_output(l->tls, data);
	*data = buf_data(&l->out);
	return l->out.len;
}

static void take_passed(struct link *l, size_t n)
{
	buf_drain(&l->out, n);
	l->passed -= n < l->passed ? n : l->passed;
}

static void sent(struct link *l, size_t n)
{
	if (l->tls)
		tls_output_drain(l->tls, n);
	else
		take_passed(l, n);
}

size_t link_output_len(const struct link *l)
{
	const uint8_t *data;

	return l->out.len + (l->tls ? tls_output(l->tls, &data) : 0);
}

static void drop_output(struct link *l)
{
	const uint8_t *data;

	buf_clear(&l->out);
	l->passed = 0;
	sent(l, unsent(l, &data));
}

static bool is_ending(const struct link *l)
{
	return l->state == LINK_FAILED || l->state == LINK_CLOSED;
}

static void wait_for_room(struct link *l)
{
	if (is_ending(l))
		return;
	l->writing = true;
	conn_set_writing(l->conn, true);
}

static void send_failed(struct link *l, int error)
{
	l->send_errno = error;
	drop_output(l);
	/* What the peer said before is read first; see the end of the turn. */
	loop_defer(l->loop, &l->turn_end);
}

static void send_unsent(struct link *l)
{
	const uint8_t *data;
	size_t len = unsent(l, &data);
	ssize_t n;

	if (len == 0)
		return;
	n = conn_send(l->conn, data, len);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
		send_failed(l, errno);
		return;
	}
	if (n > 0)
		sent(l, (size_t)n);
	if (n < 0 || (size_t)n < len)
		wait_for_room(l);
}

/* A record has whole frames; only a frame that is longer than a record goes in several. */
static void encrypt(struct link *l)
{
	int err = 0;

	while (err == 0 && l->out.len > 0) {
		const uint8_t *data = buf_data(&l->out);
		size_t n = units_within(data, l->out.len, TLS_RECORD_MAX);

		if (n == 0)
			n = unit_len(data, l->out.len);
		err = tls_write(l->tls, data, n);
		take_passed(l, n);
	}
	if (err < 0) {
		take_passed(l, l->out.len);
		link_fail(l, err, tls_error_text(l->tls));
	}
}

/* Frames of this turn leave when what they tell is stored, or not at all. */
static void pass_barrier(struct link *l)
{
	if (l->out.len == l->passed)
		return;
	if (loop_barrier(l->loop))
		l->passed = l->out.len;
	else
		buf_cut(&l->out, l->passed);
}

void link_flush(struct link *l)
{
	if (l->send_errno) {
		drop_output(l);
		return;
	}
	pass_barrier(l);
	if (l->tls && l->out.len > 0)
		encrypt(l);
	if (l->tls && is_ending(l))
		tls_shutdown(l->tls);
	/* While it waits for room another attempt is in vain. */
	if (!l->writing)
		send_unsent(l);
}

static size_t backlog(const struct link *l)
{
	size_t len = link_output_len(l);

	return l->answers < len ? l->answers : len;
}

bool link_is_backlogged(const struct link *l)
{
	return backlog(l) > BACKLOG_HIGH;
}

void link_balance(struct link *l)
{
	if (!link_wants_input(l) || l->pause)
		return;
	l->answers = backlog(l);
	if (l->answers > BACKLOG_HIGH)
		conn_set_reading(l->conn, false);
	else if (l->answers < BACKLOG_LOW)
		conn_set_reading(l->conn, true);
}

/* Room for one frame of `len` octets at the end of the output. */
static int queue_frame(struct link *l, size_t len, uint8_t **room)
{
	uint8_t *header;

	if (l->state != LINK_UP)
		return KH_E_LINK_LOST;
	if (len == 0)
		return KH_E_FRAME_EMPTY;
	if (len > FRAME_MAX)
		return KH_E_FRAME_TOO_LONG;
	if (link_output_len(l) + FRAME_HEADER + len > l->output_limit) {
		link_fail(l, KH_E_OUTPUT_OVERFLOW, "too much output waits");
		return KH_E_OUTPUT_OVERFLOW;
	}
	header = buf_extend(&l->out, FRAME_HEADER + len);
	put_be32(header, (uint32_t)len);
	if (l->answering)
		l->answers += FRAME_HEADER + len;
	*room = header + FRAME_HEADER;
	return 0;
}

static void frame_queued(struct link *l)
{
	loop_defer(l->loop, &l->turn_end);
	if (l->held_for_next)
		link_passed(l, LINK_TX);
	if (l->out.len >= FLUSH_EARLY && !l->writing)
		link_flush(l);
}

int link_send(struct link *l, const struct ProtobufCMessage *msg)
{
	uint8_t *room;
	int err = queue_frame(l, protobuf_c_message_get_packed_size(msg), &room);

	if (err < 0)
		return err;
	size_t len = protobuf_c_message_pack(msg, room);
	link_show(l, LINK_TX, room, len);
	frame_queued(l);
	return 0;
}

int link_send_raw(struct link *l, const uint8_t *data, size_t len)
{
	uint8_t *room;
	int err = queue_frame(l, len, &room);

	if (err < 0)
		return err;
	memcpy(room, data, len);
	link_show(l, LINK_TX, room, len);
	frame_queued(l);
	return 0;
}
