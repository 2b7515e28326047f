/* What every daemon has: loop, crypto, log, events, keylog, counters, control socket. The daemons' own context
 * structs (struct mme, struct enb, struct ue_node) begin with a struct node. */
#ifndef KEYHOP_NODE_H
#define KEYHOP_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "confine.h"
#include "events.h"
#include "ids.h"
#include "keylog.h"
#include "link.h"
#include "loop.h"
#include "log.h"
#include "message.h"
#include "metrics.h"
#include "node_net.h"
#include "node_options.h"

struct capture;
struct crypto;
struct ctl;
struct daemon;
struct faults;
struct metrics_http;
struct passage;
struct pbmem;
struct tls_context;
struct trace;
struct trust;

/* Refusals logged of one cause in a second; all are counted. */
#define REFUSALS_LOGGED 20

struct refusal_log {
	int64_t second;
	uint32_t logged, left_out;
};

struct node {
	enum role role;
	const char *role_name; /* "mmed" */
	const struct daemon *daemon;
	const char *name; /* of the options */
	struct plmn plmn;
	uint64_t instance; /* random, names this run of the process to its peers */
	int64_t started_us;
	const struct node_options *options;
	struct loop *loop;
	struct net *net;
	struct crypto *crypto;
	struct loop_task forget; /* at the end of a turn no key stays in OpenSSL */
	struct pbmem *mem;
	struct tls_context *tls; /* NULL with security: none, and in ued */
	struct trust *trust; /* NULL without tls, and before trust_watch() */
	struct events *events;
	struct keylog *keylog;
	struct metrics metrics;
	struct refusal_log refusal_logs[KH_CAUSE_MAX];
	struct link_tap
		taps[IFACE_COUNT]; /* of S1, X2 and, as IFACE_RRC, Uu: idle without a capture */
	struct capture *capture; /* NULL: none runs */
	struct trace *trace; /* NULL: none runs */
	struct confinement confinement;
	struct ctl *ctl;
	struct metrics_http *metrics_http; /* NULL: not asked for */
	/* To read the configuration again. */
	struct config_source config;
	struct config_tree *config_tree; /* what it said at the start */
	const char
		*config_file; /* the first: what is named while the node runs is relative to it */
	struct faults *faults; /* NULL while there are none */
	struct held_total held; /* on purpose: frames that are late, or to come again */
};

/* Checks what the rows cannot of options that every node has. KH_E_CONFIG with `why`. */
int node_check(const struct node_options *o, char *why, size_t why_len) KH_MUST_CHECK;
/* Opens log, events, keylog and TLS as the options say. KH_E_CONFIG with `why`; node_close() all the same. */
int node_open(struct node *n, const struct node_options *o, char *why,
	      size_t why_len) KH_MUST_CHECK;
void node_close(struct node *n);
/* Levels of the log as the options say. */
void node_apply_log_levels(struct node *n);

static inline void node_count(struct node *n, enum metric m)
{
	n->metrics.count[m]++;
}

/* The one place where a refusal is made known: counter of its cause, one log line, an event. `peer` is for the
 * log (may be NULL). */
void node_refuse(struct node *n, enum log_cat cat, int err, const char *peer, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The one place where a message is told of: counters, one log line at info, what a capture and a trace say. */
void node_message(struct node *n, const struct passage *p);
/* Packs and sends `msg` on `link`, counted and logged. An error is counted, too; callers may ignore it. */
int node_send(struct node *n, struct link *link, enum iface iface, enum log_cat cat,
	      const char *peer, const struct ProtobufCMessage *msg);

/* Unpacks, checks, counts and logs one frame of S1 or X2. The message lives until node_done(). A refusal is made
 * known here already. */
int node_decode(struct node *n, enum iface iface, enum role from, enum log_cat cat,
		const char *peer, const uint8_t *data, size_t len, struct ProtobufCMessage **out,
		const struct message_row **row) KH_MUST_CHECK;
/* The same for what is inside such a frame: NAS and RRC, whose `cat`, `peer` and `protection` the caller has filled in;
 * the rest is filled in here. */
int node_decode_inner(struct node *n, enum iface iface, enum role from, const uint8_t *data,
		      size_t len, struct ProtobufCMessage **out, struct passage *p) KH_MUST_CHECK;
/* Ends the life of what was unpacked last; nested uses (NAS inside S1) share the memory. */
void node_done(struct node *n);

/* Fingerprint, event and keylog line of a key that this node came to hold, in one call. `e` may be NULL. */
void node_key_event(struct node *n, struct node_event *e, enum key_kind kind, const void *key,
		    size_t len, const struct keylog_tags *tags);

#endif
