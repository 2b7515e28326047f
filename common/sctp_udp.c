#include "sctp_udp.h"

#include <stdlib.h>

#include <event2/event.h>
#include <utlist.h>

#include "clock.h"
#include "mem.h"
#include "rng.h"
#include "udp_impair.h"

#define TICK_MS 10
#define LINGER_US 10000000 /* the library needs its clock and sockets for what is closed */
#define LAST_WAITS 30
#define LAST_WAIT_MS 10

/* Whose the library is. Its output callback has no argument. */
static struct sctp_udp *owner;

static int on_output(void *handle, void *data, size_t len, uint8_t tos, uint8_t set_df)
{
	(void)tos;
	(void)set_df;
	if (owner)
		udp_output(owner, handle, data, len);
	return 0;
}

/* What is not needed is off: every extension is code that a peer can reach. */
static void start_library(void)
{
	usrsctp_init_nothreads(0, on_output, NULL);
	/* We check and fill CRC32c: one pass, and a counter for what is wrong. */
	usrsctp_enable_crc32c_offload();
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	usrsctp_sysctl_set_sctp_asconf_enable(0);
	usrsctp_sysctl_set_sctp_auto_asconf(0);
	usrsctp_sysctl_set_sctp_auth_enable(0);
	usrsctp_sysctl_set_sctp_pr_enable(0);
	usrsctp_sysctl_set_sctp_reconfig_enable(0);
	usrsctp_sysctl_set_sctp_nrsack_enable(0);
	usrsctp_sysctl_set_sctp_pktdrop_enable(0);
	/* Who talks to an association that is not here is told: peers notice a restart at once. */
	usrsctp_sysctl_set_sctp_blackhole(0);
}

static void on_task(struct loop_task *task)
{
	sctp_udp_run((struct sctp_udp *)(void *)((char *)task - offsetof(struct sctp_udp, task)));
}

static void tell_time(struct sctp_udp *u)
{
	int64_t now = clock_mono_us();
	int64_t ms = (now - u->ticked_us) / 1000;

	if (ms <= 0)
		return;
	u->ticked_us += ms * 1000;
	usrsctp_handle_timers((uint32_t)ms);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct sctp_udp *u = arg;

	(void)fd;
	(void)what;
	tell_time(u);
	sctp_udp_run(u);
	sctp_udp_peers_reap(u, false);
	udp_sockets_reap(u, false);
	if (u->conns > 0 || clock_mono_us() - u->used_us < LINGER_US)
		return;
	u->ticking = false;
	event_del(u->tick);
}

void sctp_udp_tick(struct sctp_udp *u)
{
	static const struct timeval every = {0, TICK_MS * 1000};

	u->used_us = clock_mono_us();
	if (u->ticking)
		return;
	u->ticking = true;
	tell_time(u);
	event_add(u->tick, &every);
}

struct sctp_udp *sctp_udp_get(struct net *net)
{
	if (net->sctp_udp || owner)
		return net->sctp_udp;
	owner = x_calloc(1, sizeof *owner);
	owner->net = net;
	owner->task.run = on_task;
	owner->bucket_key = rng_u32();
	owner->ticked_us = clock_mono_us();
	owner->tick = event_new(loop_base(net->loop), -1, EV_PERSIST, on_tick, owner);
	if (!owner->tick)
		x_out_of_memory();
	owner->impair = udp_impair_new(net);
	net->sctp_udp = owner;
	start_library();
	return owner;
}

void sctp_udp_note(struct sctp_udp_conn *c)
{
	struct sctp_udp *u = c->base.net->sctp_udp;

	if (c->ready)
		return;
	c->ready = true;
	DL_APPEND(u->ready, c);
	loop_defer(u->net->loop, &u->task);
}

void sctp_udp_note_accept(struct sctp_udp *u)
{
	u->acceptable = true;
	loop_defer(u->net->loop, &u->task);
}

/* Only those that were noted before: who is noted again has its turn in the next. */
void sctp_udp_run(struct sctp_udp *u)
{
	struct sctp_udp_conn *c;
	unsigned n;

	DL_COUNT(u->ready, c, n);
	for (; n > 0 && u->ready; n--) {
		c = u->ready;
		DL_DELETE(u->ready, c);
		c->ready = false;
		sctp_udp_serve(c);
	}
	if (u->acceptable)
		sctp_udp_accept(u);
}

/* Lets what was closed say its last word: it needs an answer or two of the peer. */
static void finish_library(struct sctp_udp *u)
{
	for (int i = 0; usrsctp_finish() != 0 && i < LAST_WAITS; i++) {
		udp_sockets_poll(u, LAST_WAIT_MS);
		tell_time(u);
	}
}

void sctp_udp_free(struct sctp_udp *u)
{
	if (!u)
		return;
	finish_library(u);
	loop_cancel(u->net->loop, &u->task);
	sctp_udp_peers_reap(u, true);
	udp_sockets_reap(u, true);
	udp_impair_free(u->impair);
	event_free(u->tick);
	owner = NULL;
	free(u);
}
