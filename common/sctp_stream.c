#include "sctp_stream.h"

#include <errno.h>
#include <string.h>

#define SEND_MAX 16384 /* octets of a message, well below any send buffer */

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

ssize_t sctp_stream_send(struct conn *c, const struct sctp_source *source, const void *data,
			 size_t len)
{
	size_t sent = 0;
	ssize_t n = 0;

	while (sent < len) {
		size_t piece = len - sent < SEND_MAX ? len - sent : SEND_MAX;

		n = source->send(c, (const uint8_t *)data + sent, piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		sent += (size_t)n;
	}
	return sent > 0 ? (ssize_t)sent : n;
}

void sctp_stream_forgotten(struct conn *c, struct sctp_stream *s)
{
	net_notice(c, NOTICE_RESTART, NULL);
	c->forgotten = true;
	s->ended = true;
	s->end = ECONNRESET;
}
