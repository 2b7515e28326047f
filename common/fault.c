#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "air.h"
#include "link.h"
#include "mem.h"
#include "rng.h"

#define WIRE_TYPES 7U
#define DOWNLINK_NAS 24
#define DOWNLINK_NAS_GENERATION 4
#define H_KEY_DELIVERY 5

static const char *const kind_names[] = {
#define FAULT_KIND_NAME(id, name, help) name,
	FAULT_KINDS(FAULT_KIND_NAME)
#undef FAULT_KIND_NAME
};

const char *fault_kind_name(enum fault_kind kind)
{
	return kind_names[kind];
}

int fault_kind_parse(const char *name)
{
	for (int i = 0; i < FAULT_KIND_COUNT; i++)
		if (strcmp(kind_names[i], name) == 0)
			return i;
	return -1;
}

/* A varint at `*at`; false when it does not end. */
static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		uint8_t b = *(*at)++;
		*out |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return true;
	}
	return false;
}

unsigned fault_peek_number(const uint8_t *message, size_t len)
{
	uint64_t tag;

	return varint(&message, message + len, &tag) ? (unsigned)(tag / (WIRE_TYPES + 1)) : 0;
}

/* Does this packed downlink_nas carry message 5? Its field 4 says so. */
static bool carries_h_key(const uint8_t *at, size_t len)
{
	const uint8_t *end = at + len;
	uint64_t tag, value;

	/* The body's own tag and length come first. */
	if (!varint(&at, end, &tag) || !varint(&at, end, &value))
		return false;
	while (at < end && varint(&at, end, &tag) && varint(&at, end, &value)) {
		if (tag >> 3 == DOWNLINK_NAS_GENERATION)
			return value != 0;
		if ((tag & WIRE_TYPES) == 2 && value <= (uint64_t)(end - at))
			at += value;
	}
	return false;
}

/* Message 5 is known by its own number wherever S1 names it. */
static const struct message_row *row_of(enum iface iface, const uint8_t *message, size_t len)
{
	unsigned number = fault_peek_number(message, len);

	if (iface == IFACE_S1 && number == DOWNLINK_NAS && carries_h_key(message, len))
		return message_row(IFACE_NAS, H_KEY_DELIVERY);
	return message_row(iface, number);
}

static struct fault *match(struct node *n, enum link_direction dir, const struct message_row *row)
{
	struct fault *f;

	DL_FOREACH (n->faults->list, f)
		if (f->row == row && f->dir == dir && f->left > 0 && rng_below(1000) < f->permille)
			return f;
	return NULL;
}

static void fire(struct node *n, struct fault *f)
{
	struct node_event ev = {.topic = "fault.fired", .step = f->row->step};

	if (f->left != UINT32_MAX)
		f->left--;
	f->fired++;
	snprintf(ev.detail, sizeof ev.detail, "%s %s.%s %s id=%u", fault_kind_name(f->kind),
		 iface_name(f->row->iface), f->row->name, f->dir == LINK_TX ? "tx" : "rx", f->id);
	log_warn(LOG_CTL, "fault fired: %s", ev.detail);
	node_count(n, METRIC_FAULTS_FIRED);
	n->metrics.faults[f->kind]++;
	events_emit(n->events, &ev);
}

static int pass(struct link *link, enum link_direction dir, const uint8_t *frame, size_t len)
{
	if (dir == LINK_TX)
		return link_send_raw(link, frame, len);
	link_deliver(link, frame, len);
	return 0;
}

/* Where there is most to hurt: inside the last field of a frame of Uu, inside the wrapped key of a 7. */
static int pass_corrupted(struct link *link, enum link_direction dir, const uint8_t *frame,
			  size_t len)
{
	uint8_t *copy = x_calloc(1, len);

	memcpy(copy, frame, len);
	copy[len * 2 / 3] ^= 1;
	int err = pass(link, dir, copy, len);
	free(copy);
	return err;
}

static int apply(struct node *n, const struct fault *f, struct link *link, const uint8_t *frame,
		 size_t len)
{
	const struct link_held held = {.frame = frame, .len = len, .total = &n->held};
	int err = 0;

	switch (f->kind) {
	case FAULT_DROP:
		break;
	case FAULT_DELAY:
		err = link_hold(link, f->dir, f->delay_ms, &held);
		break;
	case FAULT_DUPLICATE:
		err = pass(link, f->dir, frame, len);
		return err ? err : pass(link, f->dir, frame, len);
	case FAULT_REORDER:
		err = link_hold_for_next(link, f->dir, &held);
		break;
	case FAULT_CORRUPT:
		return pass_corrupted(link, f->dir, frame, len);
	case FAULT_TRUNCATE:
		return pass(link, f->dir, frame, len / 2 + 1);
	case FAULT_REPLAY:
		err = pass(link, f->dir, frame, len);
		if (err)
			return err;
		err = link_hold(link, f->dir, f->delay_ms, &held);
		break;
	case FAULT_CLOSE:
		link_break(link);
		break;
	case FAULT_STALL:
		link_pause(link, f->delay_ms);
		return pass(link, f->dir, frame, len);
	case FAULT_KIND_COUNT:
		break;
	}
	if (err)
		node_refuse(n, LOG_CTL, err, NULL, "fault %s: too many messages are held",
			    fault_kind_name(f->kind));
	return 0;
}

static int send_packed(struct node *n, struct link *link, struct fault *f,
		       const struct ProtobufCMessage *msg)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	uint8_t *frame;
	int err;

	if (!link_is_up(link) || len == 0)
		return link_send(link, msg);
	frame = x_calloc(1, len);
	protobuf_c_message_pack(msg, frame);
	fire(n, f);
	err = apply(n, f, link, frame, len);
	key_wipe(frame, len);
	free(frame);
	return err;
}

int fault_send_frame(struct node *n, struct link *link, struct air *air,
		     const struct message_row *row, const struct ProtobufCMessage *frame)
{
	struct fault *f = match(n, LINK_TX, row);

	return f ? send_packed(n, link, f, frame) : air_send(n, air, link, frame);
}

int fault_send(struct node *n, struct link *link, const struct message_row *row,
	       const struct ProtobufCMessage *msg)
{
	uint8_t head[4096];
	size_t len = protobuf_c_message_get_packed_size(msg);

	if (row->iface == IFACE_S1 && row->number == DOWNLINK_NAS && len <= sizeof head) {
		protobuf_c_message_pack(msg, head);
		row = row_of(IFACE_S1, head, len);
	}
	return fault_send_frame(n, link, NULL, row, msg);
}

bool fault_received_row(struct node *n, struct link *link, const struct message_row *row,
			const uint8_t *frame, size_t len)
{
	struct fault *f;

	if (!n->faults || !row || link_is_released(link))
		return false;
	f = match(n, LINK_RX, row);
	if (!f)
		return false;
	fire(n, f);
	(void)apply(n, f, link, frame, len);
	return true;
}

bool fault_received(struct node *n, struct link *link, enum iface iface, const uint8_t *frame,
		    size_t len)
{
	return n->faults && fault_received_row(n, link, row_of(iface, frame, len), frame, len);
}

void faults_free(struct node *n)
{
	struct fault *f, *tmp;

	if (!n->faults)
		return;
	DL_FOREACH_SAFE (n->faults->list, f, tmp) {
		DL_DELETE(n->faults->list, f);
		free(f);
	}
	free(n->faults);
	n->faults = NULL;
}
