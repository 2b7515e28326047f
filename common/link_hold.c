/* Frames that a link keeps for a while: what faults on purpose (fault.c) and a bad radio (air.c) need. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <utlist.h>

#include "clock.h"
#include "link_internal.h"
#include "mem.h"

#define NEXT_PATIENCE_MS 100 /* a frame held for the next one goes when there is none */

struct held_frame {
	struct link *link;
	enum link_direction dir;
	bool after_next;
	struct held_total *total;
	struct link_lane *lane;
	struct loop_timer *timer;
	struct held_frame *prev, *next; /* of the link */
	struct held_frame *lane_prev, *lane_next;
	size_t len;
	uint8_t octets[];
};

static void held_free(struct held_frame *h)
{
	loop_timer_stop(&h->timer);
	OPENSSL_cleanse(h->octets, h->len);
	free(h);
}

static void take_out(struct held_frame *h)
{
	DL_DELETE(h->link->held, h);
	if (h->lane)
		DL_DELETE2(h->lane->first, h, lane_prev, lane_next);
	h->total->frames--;
	h->total->octets -= h->len;
	if (h->after_next)
		h->link->held_for_next--;
}

static void let_go(struct held_frame *h)
{
	struct link *l = h->link;

	take_out(h);
	if (h->dir == LINK_TX)
		(void)link_send_raw(l, h->octets, h->len);
	else if (l->state == LINK_UP)
		link_deliver(l, h->octets, h->len);
	held_free(h);
}

/* Timers that are due at once come in any order. */
static void on_timer(void *arg)
{
	struct held_frame *h = arg;

	h->timer = NULL;
	while (h->lane && h->lane->first != h)
		let_go(h->lane->first);
	let_go(h);
}

/* At the end of the lane: due when it would be, and not before what is ahead. */
static uint32_t line_up(struct link_lane *lane, struct held_frame *h, uint32_t ms)
{
	int64_t now = clock_mono_us(), due = now + (int64_t)ms * 1000;

	if (lane->first && lane->last_us > due)
		due = lane->last_us;
	lane->last_us = due;
	DL_APPEND2(lane->first, h, lane_prev, lane_next);
	return (uint32_t)((due - now + 999) / 1000);
}

int link_hold(struct link *l, enum link_direction dir, uint32_t ms, const struct link_held *what)
{
	size_t len = what->msg ? protobuf_c_message_get_packed_size(what->msg) : what->len;
	struct held_total *total = what->total;

	if (total->frames >= HELD_FRAMES_MAX || len > HELD_OCTETS_MAX - total->octets)
		return KH_E_NO_RESOURCES;
	struct held_frame *h = x_calloc(1, sizeof *h + len);
	h->link = l;
	h->dir = dir;
	h->total = total;
	h->len = len;
	if (what->msg)
		protobuf_c_message_pack(what->msg, h->octets);
	else
		memcpy(h->octets, what->frame, len);
	total->frames++;
	total->octets += len;
	DL_APPEND(l->held, h);
	h->lane = what->lane;
	if (h->lane)
		ms = line_up(h->lane, h, ms);
	h->timer = loop_timer_start(l->loop, ms, on_timer, h);
	return 0;
}

int link_hold_for_next(struct link *l, enum link_direction dir, const struct link_held *what)
{
	int err = link_hold(l, dir, NEXT_PATIENCE_MS, what);

	if (err)
		return err;
	/* The new one is the last of the ring. */
	l->held->prev->after_next = true;
	l->held_for_next++;
	return 0;
}

void link_lane_clear(struct link_lane *lane)
{
	while (lane->first) {
		struct held_frame *h = lane->first;

		take_out(h);
		held_free(h);
	}
}

static struct held_frame *held_for_next(const struct link *l, enum link_direction dir)
{
	struct held_frame *h;

	DL_FOREACH (l->held, h)
		if (h->after_next && h->dir == dir)
			return h;
	return NULL;
}

/* One that is let go is a next one, too: for those that are held behind it, and these are gone when it returns. */
void link_passed(struct link *l, enum link_direction dir)
{
	struct held_frame *h;

	while ((h = held_for_next(l, dir)))
		let_go(h);
}

void link_deliver(struct link *l, const uint8_t *frame, size_t len)
{
	bool before = l->released;

	l->released = true;
	l->ops->frame(l, l->owner, frame, len);
	l->released = before;
}

bool link_is_released(const struct link *l)
{
	return l->released;
}

static void on_pause_over(void *arg)
{
	struct link *l = arg;

	l->pause = NULL;
	link_balance(l);
}

void link_pause(struct link *l, uint32_t ms)
{
	conn_set_reading(l->conn, false);
	loop_timer_stop(&l->pause);
	l->pause = loop_timer_start(l->loop, ms, on_pause_over, l);
}

void link_break(struct link *l)
{
	link_fail(l, KH_E_LINK_LOST, "broken on purpose");
}

void link_drop_held(struct link *l)
{
	loop_timer_stop(&l->pause);
	while (l->held) {
		struct held_frame *h = l->held;

		take_out(h);
		held_free(h);
	}
}
