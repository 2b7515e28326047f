#include "capture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture_internal.h"
#include "clock.h"
#include "fault.h"
#include "mem.h"
#include "redact.h"

/* By interface; RRC stands for Uu. */
static const struct {
	const char *label, *dissector;
} ifaces[IFACE_COUNT] = {
	[IFACE_S1] = {"S1", "keyhop_s1"},
	[IFACE_X2] = {"X2", "keyhop_x2"},
	[IFACE_RRC] = {"Uu", "keyhop_uu"},
};

static const char *const bearers[] = {"srb0", "srb1", "drb1"};

static void say(char *text, size_t size, size_t *len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void say(char *text, size_t size, size_t *len, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (*len + 1 >= size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text + *len, size - *len, fmt, ap);
	va_end(ap);
	*len = n < 0 ? *len : *len + (size_t)n < size ? *len + (size_t)n : size - 1;
}

#define COMMENT(c, ...) say((c)->comment, sizeof(c)->comment, &(c)->comment_len, __VA_ARGS__)

static void end_packet(struct capture *c)
{
	if (!c->has_packet)
		return;
	c->packet.data = buf_data(&c->pdu);
	c->packet.len = c->pdu.len;
	c->packet.comment = c->comment;
	pcapng_packet(&c->out, &c->packet);
	buf_drain(&c->pdu, c->pdu.len);
	c->has_packet = false;
	c->packets++;
}

static void on_flush(struct loop_task *task)
{
	struct capture *c =
		(struct capture *)(void *)((char *)task - offsetof(struct capture, flush));
	char why[200];
	int err;

	end_packet(c);
	c->next[0] = '\0';
	err = capture_file_write(c, why, sizeof why);
	if (err)
		capture_stop(c->node, err, why);
}

/* Field 2 of the Uu carrier, its bearer, comes right after C-RNTI; 0 is not written. */
static unsigned bearer_of(const uint8_t *data, size_t len)
{
	size_t at = 0;

	if (len > 0 && data[0] == 0x08)
		for (at = 1; at < len && data[at++] & 0x80;)
			;
	return at + 1 < len && data[at] == 0x10 ? data[at + 1] : 0;
}

static void describe(struct capture *c, const struct link *l, enum iface iface, const uint8_t *data,
		     size_t len)
{
	const struct message_row *row;
	unsigned bearer;

	c->comment_len = 0;
	if (iface == IFACE_RRC) {
		bearer = bearer_of(data, len);
		COMMENT(c, "message=uu.%s protection=%s", bearer < 3 ? bearers[bearer] : "?",
			bearer ? "rrc" : "clear");
		return;
	}
	row = message_row(iface, fault_peek_number(data, len));
	if (row && row->step)
		COMMENT(c, "step=%s ", row->step);
	COMMENT(c, "message=%s.%s protection=%s", iface_name(iface), row ? row->name : "unknown",
		link_has_tls(l) ? "tunnel" : "clear");
}

/* One interface a link, that is, an interface of ours and a peer; a peer that comes again has it again. */
static uint32_t interface_of(struct capture *c, struct link *l, enum iface iface)
{
	uint64_t *mark = link_tap_mark(l);
	const char *who = link_peer_identity(l), *text = link_peer_text(l);
	char name[CAPTURE_NAME_LEN];

	if (*mark >> 32 == c->epoch)
		return (uint32_t)*mark;
	snprintf(name, sizeof name, "%s %s %s", c->node->name, ifaces[iface].label,
		 *who ? who : text);
	*mark = (uint64_t)c->epoch << 32 | capture_interface_of(c, name, text);
	return (uint32_t)*mark;
}

static void on_frame(const struct link_tap *tap, struct link *l, enum link_direction dir,
		     const uint8_t *data, size_t len)
{
	struct node *n = tap->arg;
	struct capture *c = n->capture;
	enum iface iface = (enum iface)tap->kind;
	struct endpoint local, peer;

	end_packet(c);
	link_endpoints(l, &local, &peer);
	c->packet = (struct pcapng_packet){.interface = interface_of(c, l, iface),
					   .wall_us = clock_wall_us(),
					   .inbound = dir == LINK_RX};
	pcapng_pdu_tags(&c->pdu, ifaces[iface].dissector,
			link_transport(l) == TRANSPORT_TCP ? PCAPNG_TCP : PCAPNG_SCTP,
			dir == LINK_RX ? &peer : &local, dir == LINK_RX ? &local : &peer);
	uint8_t *copy = buf_extend(&c->pdu, len);
	memcpy(copy, data, len);
	bool masked = redact_keys(iface, copy, len);
	describe(c, l, iface, data, len);
	if (masked)
		COMMENT(c, " keys=masked");
	if (dir == LINK_TX && c->next[0])
		COMMENT(c, "%s", c->next);
	if (dir == LINK_TX)
		c->next[0] = '\0';
	c->has_packet = true;
	loop_defer(n->loop, &c->flush);
}

void capture_note(struct node *n, bool tx, const struct message_row *row, const char *peer)
{
	struct capture *c = n->capture;
	char text[128];
	struct imsi ue;

	if (row->iface != IFACE_RRC && row->iface != IFACE_NAS)
		return;
	bool known = peer && imsi_parse(&ue, peer) == 0;
	snprintf(text, sizeof text, "; %s%s%smessage=%s.%s protection=%s%s%s",
		 row->step ? "step=" : "", row->step ? row->step : "", row->step ? " " : "",
		 iface_name(row->iface), row->name, row->iface == IFACE_NAS ? "nas" : "rrc",
		 known ? " ue=" : "", known ? peer : "");
	/* RRC is in its carrier when it is told of, NAS is sealed before. */
	if (tx && row->iface == IFACE_NAS)
		snprintf(c->next, sizeof c->next, "%s", text);
	else if (c->has_packet)
		COMMENT(c, "%s", text);
}

static void on_event(void *arg, const struct node_event *e)
{
	struct capture *c = arg;

	if (!c->has_packet || (!e->step && !e->fp[0]))
		return;
	COMMENT(c, "; event=%s", e->topic);
	if (e->step)
		COMMENT(c, " step=%s", e->step);
	if (e->ue.s[0])
		COMMENT(c, " ue=%s", e->ue.s);
	if (e->enb)
		COMMENT(c, " enb=%u", e->enb);
	if (e->gen)
		COMMENT(c, " gen=%llu", (unsigned long long)e->gen);
	if (e->kid)
		COMMENT(c, " kid=%u", e->kid);
	if (e->key && e->fp[0])
		COMMENT(c, " key=%s fp=%s", e->key, e->fp);
	if (e->err)
		COMMENT(c, " cause=%s", err_name(e->err));
}

int capture_start(struct node *n, const struct capture_settings *s, char *why, size_t why_len)
{
	struct capture *c;
	int err;

	if (n->capture) {
		snprintf(why, why_len, "a capture runs: %s", n->capture->file);
		return KH_E_ALREADY_EXISTS;
	}
	c = x_calloc(1, sizeof *c);
	c->node = n;
	c->s = *s;
	c->file = x_strdup(s->file);
	c->flush.run = on_flush;
	c->pdu.secret = true;
	err = capture_file_open(c, why, why_len);
	if (err) {
		buf_clear(&c->out);
		free(c->file);
		free(c);
		return err;
	}
	n->capture = c;
	events_set_sink(n->events, EVENTS_TO_CAPTURE, on_event, c);
	for (int i = 0; i < IFACE_COUNT; i++)
		n->taps[i] = (struct link_tap){on_frame, n, i};
	loop_defer(n->loop, &c->flush);
	log_info(LOG_CTL, "capture to %s", c->file);
	return 0;
}

void capture_stop(struct node *n, int err, const char *detail)
{
	struct capture *c = n->capture;
	struct node_event e = {.topic = "capture.stopped", .err = err};
	char why[200] = "";

	if (!c)
		return;
	n->capture = NULL;
	for (int i = 0; i < IFACE_COUNT; i++)
		n->taps[i] = (struct link_tap){0};
	events_set_sink(n->events, EVENTS_TO_CAPTURE, NULL, NULL);
	loop_cancel(n->loop, &c->flush);
	end_packet(c);
	if (!err)
		err = e.err = capture_file_write(c, why, sizeof why);
	capture_file_close(c);
	snprintf(e.detail, sizeof e.detail, "%s", detail ? detail : err ? why : c->file);
	if (err)
		node_refuse(n, LOG_CTL, err, NULL, "capture: %s", e.detail);
	events_emit(n->events, &e);
	log_info(LOG_CTL, "capture ended: %llu packets", (unsigned long long)c->packets);
	buf_clear(&c->out);
	buf_clear(&c->pdu);
	free(c->file);
	free(c);
}

json_t *capture_status(const struct node *n)
{
	const struct capture *c = n->capture;

	if (!c)
		return json_pack("{s:b}", "running", 0);
	return json_pack("{s:b, s:s, s:I, s:I, s:I}", "running", 1, "file", c->file, "packets",
			 (json_int_t)c->packets + c->has_packet, "bytes", (json_int_t)c->bytes,
			 "files", (json_int_t)c->file_count);
}
