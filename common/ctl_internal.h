/* What the parts of the control socket share. */
#ifndef KEYHOP_CTL_INTERNAL_H
#define KEYHOP_CTL_INTERNAL_H

#include <event2/bufferevent.h>

#include "ctl.h"
#include "events.h"

#define CTL_CLIENTS_MAX 64 /* of one door: viewers do not keep operators out */
#define CTL_DOORS 2 /* of operators, of viewers */
#define CTL_REQUESTS_MAX 4096 /* unanswered, of one client */
#define CTL_REQUESTS_A_TURN 8 /* of one client; then others have theirs */
#define CTL_EVENTS_HIGH \
	262144 /* queued octets above which events stay in the ring, and requests in the socket */
#define CTL_EVENTS_CHUNK 65536 /* queued octets of one turn of catching up */
#define CTL_OUTPUT_MAX 4194304 /* queued octets above which a client is closed */
#define CTL_TOPICS_MAX 16
#define CTL_TEXT_MAX 200 /* of an error */

/* A socket that is listened at. */
struct ctl_door {
	struct ctl *ctl;
	const char *option; /* of its path, for error texts */
	struct ctl_place place;
	bool viewer;
	int fd;
	struct event *accept; /* NULL: not listened at */
	struct loop_timer *pause; /* no descriptor is left: nobody is accepted */
	unsigned n_clients;
};

struct ctl_client {
	struct ctl *ctl;
	struct ctl_door *door;
	uint64_t id;
	struct bufferevent *bev;
	unsigned unanswered;
	bool ended; /* it will say no more, and may still read */
	struct loop_timer *more; /* requests that wait for their turn */
	bool subscribed;
	char *topics[CTL_TOPICS_MAX]; /* prefixes; none: all */
	size_t n_topics;
	bool messages; /* some topic is one of a trace */
	struct imsi ue; /* "" : all */
	uint64_t told; /* all events up to this number were sent, not wanted, or named as lost */
	struct ctl_client *prev, *next;
};

struct ctl {
	struct ctl_settings s;
	const struct ctl_method **methods; /* all tables, flat */
	size_t n_methods;
	struct ctl_door doors[CTL_DOORS];
	bool open; /* all doors are, and it hears events */
	struct ctl_client *clients;
	uint64_t events_dropped;
	uint64_t next_client;
};

struct ctl_request {
	struct ctl *ctl;
	uint64_t client;
	json_t *id; /* NULL: a notification, nobody wants an answer */
};

/* ctl_listen.c. KH_E_CONFIG with `why`; ctl_listen_end() all the same. */
int ctl_listen(struct ctl_door *d, char *why, size_t why_len) KH_MUST_CHECK;
void ctl_listen_end(struct ctl_door *d);

/* ctl.c */
/* One who came in, with the descriptor, which it owns. */
void ctl_client_add(struct ctl_door *d, int fd);
struct ctl_client *ctl_client_find(struct ctl *c, uint64_t id);
/* Writes one line and takes over `msg`. */
void ctl_client_write(struct ctl_client *cl, json_t *msg);

/* ctl_request.c: one line of a client. */
void ctl_request_line(struct ctl_client *cl, const char *line, size_t len);

/* ctl_answer.c: an answer to what no handler has seen, with data.cause of `err`. `id` and `hint` may be NULL; so may
 * `name`: it is that of `err` then. */
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
