#include "sctp_stream.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

#define SEND_MAX 20480 /* octets of a message: above a TLS record, well below any send buffer */

/* A notification may come in pieces, as a message may. */
static void take_notice(struct conn *c, struct sctp_stream *s, const struct sctp_source *source,
			const void *data, size_t len, bool whole)
{
	size_t room = sizeof s->notice - s->notice_len;
	size_t n = len < room ? len : room;

	memcpy(s->notice + s->notice_len, data, n);
	s->notice_len += n;
	if (!whole)
		return;
	n = s->notice_len;
	s->notice_len = 0;
	source->notified(c, s->notice, n);
}

/* The next piece of a message: its octets, 0 for something else, -1 when there is nothing more. */
static ssize_t recv_piece(struct conn *c, struct sctp_stream *s, const struct sctp_source *source,
			  void *data, size_t len)
{
	struct sctp_piece piece = {0};
	ssize_t n = source->recv(c, data, len, &piece);

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -1;
	if (n <= 0) {
		s->ended = true;
		s->end = n < 0 ? errno : 0;
		return -1;
	}
	if (!piece.notification)
		return n;
	take_notice(c, s, source, data, (size_t)n, piece.whole);
	return s->ended ? -1 : 0;
}

ssize_t sctp_stream_recv(struct conn *c, struct sctp_stream *s, const struct sctp_source *source,
			 void *data, size_t len)
{
	size_t have = 0;
	ssize_t n = s->ended ? -1 : 0;

	while (n >= 0 && have < len) {
		n = recv_piece(c, s, source, (uint8_t *)data + have, len - have);
		have += n > 0 ? (size_t)n : 0;
	}
	if (have > 0)
		return (ssize_t)have;
	if (s->ended && s->end == 0)
		return 0;
	errno = s->ended ? s->end : EAGAIN;
	return -1;
}

/* Octets of the next message: whole units, or a piece of one that is longer than a message. */
static size_t next_message(const struct sctp_stream *s, const uint8_t *data, size_t len)
{
	size_t n = s->unit_left ? s->unit_left : units_within(data, len, SEND_MAX);

	if (n == 0 || n > SEND_MAX)
		n = SEND_MAX;
	return n < len ? n : len;
}

/* What of a unit is left after `sent` octets: nothing, unless that was a piece of it. */
static size_t left_of_unit(const struct sctp_stream *s, const uint8_t *data, size_t len,
			   size_t sent)
{
	size_t unit = s->unit_left ? s->unit_left : unit_len(data, len);

	return unit > sent ? unit - sent : 0;
}

ssize_t sctp_stream_send(struct conn *c, struct sctp_stream *s, const struct sctp_source *source,
			 const void *data, size_t len)
{
	const uint8_t *next = data;
	size_t left = len;

	while (left > 0) {
		ssize_t n = source->send(c, next, next_message(s, next, left));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && left == len)
			return n;
		if (n < 0)
			break;
		s->unit_left = left_of_unit(s, next, left, (size_t)n);
		next += n;
		left -= (size_t)n;
	}
	return (ssize_t)(len - left);
}

void sctp_stream_forgotten(struct conn *c, struct sctp_stream *s)
{
	net_notice(c, NOTICE_RESTART, NULL);
	c->forgotten = true;
	s->ended = true;
	s->end = ECONNRESET;
}
