/* What every daemon has: loop, crypto, log, events, keylog, counters, control socket. The daemons' own context
 * structs (struct mme, struct enb, struct ue_node) begin with a struct node. */
#ifndef KEYHOP_NODE_H
#define KEYHOP_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
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

struct capture;
struct crypto;
struct ctl;
struct daemon;
struct faults;
struct json_t;
struct link;
struct loop;
struct metrics_http;
struct pbmem;
struct tls_context;
struct trust;

enum security { SECURITY_TLS, SECURITY_NONE };

/* First member of every options struct; the rows are NODE_OPTION_ROWS. */
struct node_options {
	char *name;
	char *mcc, *mnc;
	int32_t security;
	int32_t transport;
	struct net_settings net;
	char *ca, *cert, *key, *crl;
	uint32_t expiry_warning_ms;
	char *tls_keylog, *keylog, *events;
	int32_t log_level, log_format;
	int32_t log_categories[LOG_CATS];
	char *metrics_listen;
	uint16_t metrics_port;
	char *log_file;
	char *control_socket;
	uint32_t event_ring;
	uint32_t decode_budget;
	uint32_t max_frames;
	bool faults;
	char *user;
	int32_t sandbox;
	char *capture, *capture_dir;
	uint32_t capture_max_size, capture_max_age_ms, capture_files;
};

extern const struct config_word node_security_words[], node_log_level_words[],
	node_log_category_words[], node_log_format_words[], node_eea_words[], node_eia_words[],
	node_sandbox_words[];

#define NODE_LOG_ROW(id, name) \
	{.key = "log.categories." name, \
	 .type = CONFIG_ENUM, \
	 .offset = NODE_OPT(log_categories[LOG_##id]), \
	 .def = "default", \
	 .words = node_log_category_words, \
	 .reloadable = true, \
	 .help = "level of this category; default: that of log.level"},

#define NODE_OPT(member) offsetof(struct node_options, member)
#define NODE_OPTION_ROWS \
	{.key = "node.name", \
	 .type = CONFIG_STRING, \
	 .offset = NODE_OPT(name), \
	 .required = true, \
	 .help = "name of this node, as in its certificate and on the command line"}, \
		{.key = "node.plmn.mcc", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(mcc), \
		 .def = "001", \
		 .help = "mobile country code, 3 digits"}, \
		{.key = "node.plmn.mnc", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(mnc), \
		 .def = "01", \
		 .help = "mobile network code, 2 or 3 digits"}, \
		{.key = "security", \
		 .type = CONFIG_ENUM, \
		 .offset = NODE_OPT(security), \
		 .def = "tls", \
		 .words = node_security_words, \
		 .help = "tls, or none for labs with IPsec underneath or captures in clear"}, \
		NODE_NET_ROWS{.key = "tls.ca", \
			      .type = CONFIG_FILE, \
			      .offset = NODE_OPT(ca), \
			      .help = "PEM file with the certificates of the CA"}, \
		{.key = "tls.cert", \
		 .type = CONFIG_FILE, \
		 .offset = NODE_OPT(cert), \
		 .help = "PEM file with this node's certificate"}, \
		{.key = "tls.key", \
		 .type = CONFIG_FILE, \
		 .offset = NODE_OPT(key), \
		 .help = "PEM file with this node's private key"}, \
		{.key = "tls.crl", \
		 .type = CONFIG_FILE, \
		 .offset = NODE_OPT(crl), \
		 .help = "PEM file with revocation lists of the CA; a new one counts at once"}, \
		{.key = "tls.expiry_warning", \
		 .type = CONFIG_DURATION, \
		 .reloadable = true, \
		 .offset = NODE_OPT(expiry_warning_ms), \
		 .def = "30d", \
		 .max = 4233600000, \
		 .help = "how long before its end a certificate is warned of, once a day"}, \
		{.key = "tls_keylog", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_OPENED, \
		 .offset = NODE_OPT(tls_keylog), \
		 .help = "NSS key log of the TLS secrets; only for labs"}, \
		{.key = "keylog", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_OPENED, \
		 .offset = NODE_OPT(keylog), \
		 .help = "file that gets every key this node comes to hold; only for labs"}, \
		{.key = "events", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_OPENED, \
		 .offset = NODE_OPT(events), \
		 .help = "file that gets every event as a line of JSON"}, \
		{.key = "capture", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_WRITES, \
		 .offset = NODE_OPT(capture), \
		 .help = "pcapng file that gets every message of this node's links"}, \
		{.key = "capture_dir", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_WRITES | CONFIG_TREE, \
		 .offset = NODE_OPT(capture_dir), \
		 .help = "folder of the captures of capture.start; without it, that of the " \
			 "configuration"}, \
		{.key = "capture_max_size", \
		 .type = CONFIG_SIZE, \
		 .offset = NODE_OPT(capture_max_size), \
		 .def = "0", \
		 .max = UINT32_MAX, \
		 .help = "size after which the next file begins; 0 is no limit"}, \
		{.key = "capture_max_age", \
		 .type = CONFIG_DURATION, \
		 .offset = NODE_OPT(capture_max_age_ms), \
		 .def = "0", \
		 .max = UINT32_MAX, \
		 .help = "age after which the next file begins; 0 is no limit"}, \
		{.key = "capture_files", \
		 .type = CONFIG_U32, \
		 .offset = NODE_OPT(capture_files), \
		 .def = "1", \
		 .max = 1000, \
		 .help = "older files kept: FILE.1 is the newest of them"}, \
		{.key = "log.level", \
		 .type = CONFIG_ENUM, \
		 .offset = NODE_OPT(log_level), \
		 .def = "info", \
		 .words = node_log_level_words, \
		 .reloadable = true, \
		 .help = "error, warn, info, debug or trace"}, \
		LOG_CATEGORIES(NODE_LOG_ROW){.key = "log.format", \
					     .type = CONFIG_ENUM, \
					     .offset = NODE_OPT(log_format), \
					     .def = "text", \
					     .words = node_log_format_words, \
					     .help = "text, or json: one object a line"}, \
		{.key = "log.file", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_OPENED, \
		 .offset = NODE_OPT(log_file), \
		 .help = "log file; standard error without it"}, \
		{.key = "metrics.listen", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(metrics_listen), \
		 .help = "address for /metrics, /healthz and /readyz; none without it"}, \
		{.key = "metrics.port", \
		 .type = CONFIG_PORT, \
		 .offset = NODE_OPT(metrics_port), \
		 .def = "9651", \
		 .help = "port for them"}, \
		{.key = "control.socket", \
		 .type = CONFIG_FILE, \
		 .access = CONFIG_REMOVES, \
		 .offset = NODE_OPT(control_socket), \
		 .required = true, \
		 .help = "path of the control socket"}, \
		{.key = "user", \
		 .type = CONFIG_STRING, \
		 .offset = NODE_OPT(user), \
		 .help = "user to become before any file is opened, when started as root"}, \
		{.key = "sandbox", \
		 .type = CONFIG_ENUM, \
		 .offset = NODE_OPT(sandbox), \
		 .def = "auto", \
		 .words = node_sandbox_words, \
		 .help = "seccomp and Landlock: auto, off, or require: no start without both"}, \
		{.key = "control.event_ring", \
		 .type = CONFIG_U32, \
		 .offset = NODE_OPT(event_ring), \
		 .def = "4096", \
		 .min = 0, \
		 .max = 1048576, \
		 .help = "events kept for replay; 0 keeps none"}, \
		{.key = "lab.faults", \
		 .type = CONFIG_BOOL, \
		 .offset = NODE_OPT(faults), \
		 .def = "false", \
		 .help = "allow fault.set: messages lost, changed or late on purpose"}, \
		{.key = "limits.frames", \
		 .type = CONFIG_U32, \
		 .offset = NODE_OPT(max_frames), \
		 .def = "100000", \
		 .min = 10, \
		 .max = 100000000, \
		 .help = "most messages a second of one connection; the rest waits, others do " \
			 "not"}, \
	{ \
		.key = "limits.decode_budget", .type = CONFIG_SIZE, \
		.offset = NODE_OPT(decode_budget), .def = "256KiB", .min = 16384, .max = 16777216, \
		.help = "memory that unpacking one message may take" \
	}

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
	struct confinement confinement;
	struct ctl *ctl;
	struct metrics_http *metrics_http; /* NULL: not asked for */
	/* To read the configuration again. */
	const char *config_file;
	const struct config_override *overrides;
	size_t n_overrides;
	struct faults *faults; /* NULL while there are none */
	unsigned frames_held; /* by faults: late, or to come again */
};

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
/* A message of `len` octets came or goes: counters and one log line at info. */
void node_message(struct node *n, bool tx, enum log_cat cat, const struct message_row *row,
		  const char *peer, size_t len);
/* Packs and sends `msg` on `link`, counted and logged. An error is counted, too; callers may ignore it. */
int node_send(struct node *n, struct link *link, enum iface iface, enum log_cat cat,
	      const char *peer, const struct ProtobufCMessage *msg);

/* Unpacks, checks, counts and logs one frame of S1 or X2. The message lives until node_done(). A refusal is made
 * known here already. */
int node_decode(struct node *n, enum iface iface, enum role from, enum log_cat cat,
		const char *peer, const uint8_t *data, size_t len, struct ProtobufCMessage **out,
		const struct message_row **row) KH_MUST_CHECK;
/* Ends the life of what was unpacked last; nested uses (NAS inside S1) share the memory. */
void node_done(struct node *n);

/* Fingerprint, event and keylog line of a key that this node came to hold, in one call. `e` may be NULL. */
void node_key_event(struct node *n, struct node_event *e, enum key_kind kind, const void *key,
		    size_t len, const struct keylog_tags *tags);

#endif
