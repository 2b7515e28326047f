/* What the parts of the control socket share. */
#ifndef KEYHOP_CTL_INTERNAL_H
#define KEYHOP_CTL_INTERNAL_H

#include <event2/bufferevent.h>

#include "ctl.h"
#include "events.h"

#define CTL_CLIENTS_MAX 64
#define CTL_REQUESTS_MAX 4096 /* unanswered, of one client */
#define CTL_REQUESTS_A_TURN 8 /* of one client; then others have theirs */
#define CTL_EVENTS_HIGH \
	262144 /* queued octets above which events stay in the ring, and requests in the socket */
#define CTL_EVENTS_CHUNK 65536 /* queued octets of one turn of catching up */
#define CTL_OUTPUT_MAX 4194304 /* queued octets above which a client is closed */
#define CTL_TOPICS_MAX 16

struct ctl_client {
	struct ctl *ctl;
	uint64_t id;
	struct bufferevent *bev;
	unsigned unanswered;
	bool ended; /* it will say no more, and may still read */
	struct loop_timer *more; /* requests that wait for their turn */
	bool subscribed;
	char *topics[CTL_TOPICS_MAX]; /* prefixes; none: all */
	size_t n_topics;
	struct imsi ue; /* "" : all */
	uint64_t told; /* all events up to this number were sent, not wanted, or named as lost */
	struct ctl_client *prev, *next;
};

struct ctl {
	struct ctl_settings s;
	const struct ctl_method **methods; /* all tables, flat */
	size_t n_methods;
	int fd;
	struct event *accept;
	struct loop_timer *pause; /* no descriptor is left: nobody is accepted */
	struct ctl_client *clients;
	unsigned n_clients;
	uint64_t events_dropped;
	uint64_t next_client;
};

struct ctl_request {
	struct ctl *ctl;
	uint64_t client;
	json_t *id; /* NULL: a notification, nobody wants an answer */
};

/* ctl.c */
struct ctl_client *ctl_client_find(struct ctl *c, uint64_t id);
/* Writes one line and takes over `msg`. */
void ctl_client_write(struct ctl_client *cl, json_t *msg);

/* ctl_request.c: one line of a client. */
void ctl_request_line(struct ctl_client *cl, const char *line, size_t len);
/* An error of the protocol itself, with data.cause of `err`; `id` and `hint` may be NULL. */
void ctl_protocol_error(struct ctl_client *cl, const json_t *id, int code, const char *name,
			int err, const char *text, const char *hint);

/* ctl_subscribe.c */
void ctl_subscribe_event(void *arg, const struct node_event *e);
/* It has read what it had: goes on with what waits in the ring. */
void ctl_subscribe_drained(struct ctl_client *cl);
/* Events that have left the ring before this client could take them, and were not told it as lost yet. */
uint64_t ctl_subscribe_missed(const struct ctl_client *cl);
void ctl_subscribe_end(struct ctl_client *cl);
void ctl_subscribe(struct ctl_client *cl, struct ctl_request *req, const json_t *params);
void ctl_unsubscribe(struct ctl_client *cl, struct ctl_request *req);

#endif
