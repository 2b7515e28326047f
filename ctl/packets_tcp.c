/* TCP, put together again: by sequence numbers, whatever was sent twice or came too early. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "ids.h"
#include "mem.h"
#include "packets_internal.h"
#include "tls_read.h"

#define STREAMS_MAX 65536
#define WAITING_MAX 64 /* segments of a stream that came too early */

struct segment {
	uint32_t seq;
	size_t len;
	uint8_t *data;
};

/* One direction of a connection. The first of the two owns what reads the TLS of both. */
struct tcp_stream {
	char name[2 * PACKET_END_LEN + 2];
	struct octets octets;
	uint32_t next;
	bool started;
	struct segment waiting[WAITING_MAX];
	unsigned n_waiting;
	UT_hash_handle hh;
};

static void drop_waiting(struct tcp_stream *s)
{
	while (s->n_waiting > 0)
		free(s->waiting[--s->n_waiting].data);
}

void packets_free_tcp(struct packets *p)
{
	struct tcp_stream *s, *tmp;

	HASH_ITER (hh, p->tcp, s, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		HASH_DEL(p->tcp, s);
		drop_waiting(s);
		octets_give_up(&s->octets);
		if (s->octets.dir == 0)
			tls_read_free(s->octets.tls);
		free(s);
	}
}

static bool append(struct tcp_stream *s, uint32_t seq, const uint8_t *data, size_t len)
{
	uint32_t old = s->next - seq; /* octets that were there before */

	if ((int32_t)(seq - s->next) > 0)
		return false;
	if (old < len) {
		buf_append(&s->octets.in, data + old, len - old);
		s->next += (uint32_t)(len - old);
	}
	return true;
}

static void take_waiting(struct tcp_stream *s)
{
	for (unsigned i = 0; i < s->n_waiting;) {
		struct segment w = s->waiting[i];
		if (!append(s, w.seq, w.data, w.len)) {
			i++;
			continue;
		}
		free(w.data);
		s->waiting[i] = s->waiting[--s->n_waiting];
		i = 0;
	}
}

static void take_segment(struct packets *p, struct tcp_stream *s, uint32_t seq, const uint8_t *data,
			 size_t len)
{
	if (s->octets.not_ours || len == 0)
		return;
	if (!s->started)
		s->next = seq;
	s->started = true;
	if (append(s, seq, data, len)) {
		take_waiting(s);
		octets_take(p, &s->octets);
	} else if (s->n_waiting < WAITING_MAX) {
		uint8_t *copy = x_calloc(1, len);
		memcpy(copy, data, len);
		s->waiting[s->n_waiting++] = (struct segment){seq, len, copy};
	}
}

static struct tcp_stream *find_stream(struct packets *p, const char *from, const char *to)
{
	struct tcp_stream *s;
	char name[sizeof s->name];

	snprintf(name, sizeof name, "%s>%s", from, to);
	HASH_FIND_STR(p->tcp, name, s); /* NOLINT(clang-analyzer-*): uthash */
	return s;
}

static struct tcp_stream *stream_of(struct packets *p, const struct packet_message *head)
{
	struct tcp_stream *s = find_stream(p, head->from, head->to), *back;

	if (s || HASH_COUNT(p->tcp) >= STREAMS_MAX)
		return s;
	s = x_calloc(1, sizeof *s);
	snprintf(s->name, sizeof s->name, "%s>%s", head->from, head->to);
	back = find_stream(p, head->to, head->from);
	octets_init(&s->octets, head, back ? back->octets.tls : tls_read_new(p->keys),
		    back != NULL);
	HASH_ADD_STR(p->tcp, name, s); /* NOLINT(clang-analyzer-*): uthash */
	return s;
}

/* SYN: the ports are used anew. */
static void begin_anew(struct tcp_stream *s, uint32_t seq, bool is_answer)
{
	drop_waiting(s);
	octets_give_up(&s->octets);
	s->next = seq + 1;
	s->started = true;
	s->octets.not_ours = s->octets.head.in_tls = false;
	if (!is_answer)
		tls_read_reset(s->octets.tls);
}

void packets_take_tcp(struct packets *p, const struct ip_ends *ip, const uint8_t *tcp, size_t len)
{
	struct packet_message head = {0};
	size_t offset = len < 20 ? 0 : (size_t)(tcp[12] >> 4) * 4;
	struct tcp_stream *s;

	if (offset < 20 || offset > len || !packets_iface(be16(tcp), be16(tcp + 2), &head.iface))
		return;
	packets_ends(ip, be16(tcp), be16(tcp + 2), &head);
	s = stream_of(p, &head);
	if (s && tcp[13] & 2)
		begin_anew(s, get_be32(tcp + 4), tcp[13] & 0x10);
	else if (s)
		take_segment(p, s, get_be32(tcp + 4), tcp + offset, len - offset);
}
