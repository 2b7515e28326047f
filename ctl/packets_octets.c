/* From the octets of a connection, in order, to messages: TLS first, where there is some, then frames. */
#include <string.h>

#include "ids.h"
#include "packets_internal.h"
#include "tls_read.h"

#define FRAME_MAX 65536U
#define TLS_HANDSHAKE 22

void octets_init(struct octets *o, const struct packet_message *head, struct tls_read *tls, int dir)
{
	memset(o, 0, sizeof *o);
	o->head = *head;
	o->tls = tls;
	o->dir = dir;
	o->in.secret = o->opened.secret = true;
}

void octets_give_up(struct octets *o)
{
	o->not_ours = true;
	buf_clear(&o->in);
	buf_clear(&o->opened);
}

static void take_frames(struct packets *p, struct octets *o, struct buf *in)
{
	while (in->len >= 4 && !o->not_ours) {
		uint32_t len = get_be32(buf_data(in));
		if (len == 0 || len > FRAME_MAX) {
			octets_give_up(o);
		} else if (in->len < 4 + (size_t)len) {
			return;
		} else {
			o->head.data = buf_data(in) + 4;
			o->head.len = len;
			p->fn(p->arg, &o->head);
			buf_drain(in, 4 + (size_t)len);
		}
	}
}

/* A frame begins with a zero octet. */
void octets_take(struct packets *p, struct octets *o)
{
	if (o->in.len && !o->head.in_tls && buf_data(&o->in)[0] == TLS_HANDSHAKE)
		o->head.in_tls = true;
	if (!o->head.in_tls) {
		take_frames(p, o, &o->in);
	} else if (!tls_read_take(o->tls, o->dir, &o->in, &o->opened)) {
		take_frames(p, o, &o->opened);
		octets_give_up(o);
	} else {
		take_frames(p, o, &o->opened);
	}
}
