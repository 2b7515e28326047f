#include "udp_impair.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "loop.h"
#include "mem.h"
#include "net_internal.h"

#define HELD_MAX 4096 /* datagrams; more are lost */
#define PATIENCE_MS 20 /* one that waits for the next goes without it */

struct held {
	struct udp_impair *owner;
	struct loop_timer *timer;
	bool for_next;
	int fd;
	struct endpoint to;
	struct held *prev, *next;
	size_t len;
	uint8_t data[];
};

struct udp_impair {
	struct net *net;
	const struct udp_impairment *wanted;
	uint64_t state; /* of the generator */
	struct held *held;
	unsigned n_held;
};

struct udp_impair *udp_impair_new(struct net *net)
{
	const struct udp_impairment *w = &net->settings.impair;
	struct udp_impair *i;

	if (!w->loss && !w->duplicate && !w->reorder && !w->delay_ms)
		return NULL;
	i = x_calloc(1, sizeof *i);
	i->net = net;
	i->wanted = w;
	i->state = w->seed;
	return i;
}

static void drop(struct held *h)
{
	loop_timer_stop(&h->timer);
	DL_DELETE(h->owner->held, h);
	h->owner->n_held--;
	free(h);
}

void udp_impair_free(struct udp_impair *i)
{
	if (!i)
		return;
	while (i->held)
		drop(i->held);
	free(i);
}

void udp_impair_forget(struct udp_impair *i, int fd)
{
	struct held *h, *tmp;

	DL_FOREACH_SAFE (i->held, h, tmp)
		if (h->fd == fd)
			drop(h);
}

/* splitmix64: repeatable, and nothing here is secret. True with `chance` of 10000. */
static bool happens(struct udp_impair *i, int32_t chance)
{
	uint64_t z = i->state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	if ((int32_t)((z ^ z >> 31) % 10000) >= chance)
		return false;
	net_count(i->net, NET_UDP_IMPAIRED);
	return true;
}

static void send_now(struct udp_impair *i, int fd, const struct endpoint *to, const void *data,
		     size_t len)
{
	if (sendto(fd, data, len, MSG_DONTWAIT, (const void *)&to->addr, to->len) < 0)
		net_count(i->net, NET_UDP_NOT_SENT);
}

static void let_go(struct held *h)
{
	send_now(h->owner, h->fd, &h->to, h->data, h->len);
	drop(h);
}

static void on_timer(void *arg)
{
	struct held *h = arg;

	h->timer = NULL;
	let_go(h);
}

static struct held *hold(struct udp_impair *i, uint32_t ms, int fd, const struct endpoint *to,
			 const void *data, size_t len)
{
	struct held *h;

	if (i->n_held == HELD_MAX)
		return NULL;
	h = x_calloc(1, sizeof *h + len);
	h->owner = i;
	h->fd = fd;
	h->to = *to;
	h->len = len;
	memcpy(h->data, data, len);
	DL_APPEND(i->held, h);
	i->n_held++;
	h->timer = loop_timer_start(i->net->loop, ms, on_timer, h);
	return h;
}

static bool is_same(const struct endpoint *a, const struct endpoint *b)
{
	const struct sockaddr_in *x = (const void *)&a->addr, *y = (const void *)&b->addr;

	return x->sin_addr.s_addr == y->sin_addr.s_addr && x->sin_port == y->sin_port;
}

/* Those that waited for the next to the same peer follow it. */
static void release(struct udp_impair *i, const struct endpoint *to)
{
	struct held *h, *tmp;

	DL_FOREACH_SAFE (i->held, h, tmp)
		if (h->for_next && is_same(&h->to, to))
			let_go(h);
}

void udp_impair_send(struct udp_impair *i, int fd, const struct endpoint *to, const void *data,
		     size_t len)
{
	const struct udp_impairment *w = i->wanted;
	bool lost = happens(i, w->loss), twice = happens(i, w->duplicate);
	bool late = happens(i, w->reorder);
	struct held *h;

	if (lost)
		return;
	for (int n = twice ? 2 : 1; n > 0; n--) {
		if (w->delay_ms || late) {
			h = hold(i, w->delay_ms + (late ? PATIENCE_MS : 0), fd, to, data, len);
			if (h && late && !w->delay_ms)
				h->for_next = true;
		} else {
			send_now(i, fd, to, data, len);
		}
	}
	if (!late)
		release(i, to);
}
