#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture_internal.h"
#include "clock.h"
#include "fault.h"
#include "mem.h"
#include "passage.h"
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

/* Comments are made for every message: no printf() here. What finds no room is left out. */
static void add(struct capture *c, const char *text)
{
	size_t len = strlen(text), room = sizeof c->comment - 1 - c->comment_len;

	len = len < room ? len : room;
	memcpy(c->comment + c->comment_len, text, len);
	c->comment_len += len;
	c->comment[c->comment_len] = '\0';
}

/* " name=value"; nothing when there is no value. */
static void add_text(struct capture *c, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	add(c, name);
	add(c, value);
}

static void add_number(struct capture *c, const char *name, uint64_t value)
{
	char digits[21], *at = digits + sizeof digits - 1;

	*at = '\0';
	for (uint64_t v = value; v > 0; v /= 10)
		*--at = (char)('0' + v % 10);
	add_text(c, name, at);
}

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
	c->next.row = NULL;
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

/* PDCP before its security has a MAC-I of zeros (TS 36.323 4.2.2), the last octets of the carrier. */
static bool is_protected(unsigned bearer, const uint8_t *data, size_t len)
{
	static const uint8_t none[4];

	return bearer && (bearer > 1 || len < sizeof none ||
			  memcmp(data + len - sizeof none, none, sizeof none) != 0);
}

static void describe(struct capture *c, const struct link *l, enum iface iface, const uint8_t *data,
		     size_t len)
{
	const struct message_row *row;
	unsigned bearer;
	enum protection protection = link_has_tls(l) ? PROTECTION_TUNNEL : PROTECTION_CLEAR;

	c->comment_len = 0;
	if (iface == IFACE_RRC) {
		bearer = bearer_of(data, len);
		if (is_protected(bearer, data, len))
			protection = PROTECTION_RRC;
		add_text(c, "message=uu.", bearer < 3 ? bearers[bearer] : "?");
		add_text(c, " protection=", protection_name(protection));
		return;
	}
	row = message_row(iface, fault_peek_number(data, len));
	if (row && row->step) {
		add_text(c, "step=", row->step);
		add(c, " ");
	}
	add_text(c, "message=", iface_name(iface));
	add_text(c, ".", row ? row->name : "unknown");
	add_text(c, " protection=", protection_name(protection));
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

static void add_note(struct capture *c, const struct message_row *row, enum protection protection,
		     const char *ue)
{
	add(c, "; ");
	if (row->step) {
		add_text(c, "step=", row->step);
		add(c, " ");
	}
	add_text(c, "message=", iface_name(row->iface));
	add_text(c, ".", row->name);
	add_text(c, " protection=", protection_name(protection));
	add_text(c, " ue=", ue);
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
		add(c, " keys=masked");
	if (dir == LINK_TX && c->next.row)
		add_note(c, c->next.row, c->next.protection, c->next.ue.s);
	if (dir == LINK_TX)
		c->next.row = NULL;
	c->has_packet = true;
	loop_defer(n->loop, &c->flush);
}

void capture_note(struct node *n, const struct passage *p)
{
	struct capture *c = n->capture;
	struct imsi ue = {{0}};

	if (p->row->iface != IFACE_RRC && p->row->iface != IFACE_NAS)
		return;
	if (p->peer && imsi_parse(&ue, p->peer))
		ue.s[0] = '\0';
	/* RRC is in its carrier when it is told of, NAS is sealed before. What came may have been answered already. */
	if (p->tx && p->row->iface == IFACE_NAS)
		c->next = (struct capture_next){p->row, p->protection, ue};
	else if (c->has_packet && c->packet.inbound == !p->tx)
		add_note(c, p->row, p->protection, ue.s);
}

static void on_event(void *arg, const struct node_event *e)
{
	struct capture *c = arg;

	if (!c->has_packet || e->message || (!e->step && !e->fp[0]))
		return;
	add_text(c, "; event=", e->topic);
	add_text(c, " node=", c->node->name);
	add_text(c, " step=", e->step);
	add_text(c, " ue=", e->ue.s);
	add_number(c, " enb=", e->enb);
	add_number(c, " gen=", e->gen);
	add_number(c, " kid=", e->kid);
	if (e->fp[0]) {
		add_text(c, " key=", e->key);
		add_text(c, " fp=", e->fp);
	}
	if (e->err)
		add_text(c, " cause=", err_name(e->err));
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
