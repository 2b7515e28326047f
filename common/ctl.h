/* Control socket: AF_UNIX, mode 0660, JSON-RPC 2.0, one object a line. One row a method. */
#ifndef KEYHOP_CTL_H
#define KEYHOP_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "err.h"

struct ctl;
struct ctl_request; /* must be answered exactly once, now or later */
struct events;
struct loop;

#define CTL_LINE_MAX 65536
#define CTL_API "1.0"

enum ctl_type { CTL_STRING, CTL_INT, CTL_NUMBER, CTL_BOOL, CTL_OBJECT, CTL_ARRAY };

struct ctl_param {
	const char *name;
	enum ctl_type type;
	bool required;
	int64_t min, max; /* of CTL_INT; both 0: 0..2^53 */
	const char *help;
};

/* `node` is the daemon's own context (struct mme, enb, ue_node). `params` is a checked object, borrowed for the
 * call: unknown parameters were refused, required ones are there, types are right. */
typedef void ctl_handler_fn(void *node, struct ctl_request *req, const json_t *params);

struct ctl_method {
	const char *name;
	const struct ctl_param *params; /* ends with {NULL} */
	ctl_handler_fn *handler;
	const char *help;
	bool reads_only; /* changes nothing: viewers may call it */
};

/* Those of the socket itself: ping, version, events.*. */
extern const struct ctl_method ctl_own_methods[];

/* What the daemon says of its own accord; `required` members are always there. Ends with {NULL}. */
struct ctl_notification {
	const char *name;
	const struct ctl_param *params;
	const char *help;
};
extern const struct ctl_notification ctl_notifications[];

/* A socket file, mode 0660. */
struct ctl_place {
	const char *path; /* NULL: none */
	const char *group; /* that owns it, by name or number; NULL: that of the process */
};

struct ctl_settings {
	struct loop *loop;
	struct events *events;
	struct ctl_place operators;
	struct ctl_place viewers; /* only what reads is served here: KH_E_READ_ONLY */
	const char *role, *node_name, *version;
	const struct ctl_method *const *tables; /* NULL-ended; each table ends with {NULL} */
	void *node;
};

/* Binds with the umask narrowed first. A dead socket file is replaced, a live one refused: KH_E_CONFIG, `why`
 * says it; ctl_close() all the same. Subscribes itself to the events and serves events.subscribe,
 * events.unsubscribe, ping, and version. */
int ctl_open(struct ctl **out, const struct ctl_settings *s, char *why,
	     size_t why_len) KH_MUST_CHECK;
void ctl_close(struct ctl *c);
/* The number of a group that a configuration names; false when there is none. */
bool ctl_group(const char *text, gid_t *out);
/* Clients connected now, viewers too, and events that they missed since the start. */
unsigned ctl_clients(const struct ctl *c);
uint64_t ctl_events_dropped(const struct ctl *c);

/* Answers {outcome: completed}, or an error as ctl_fail() does; frees the request. */
void ctl_done(struct ctl_request *req, int err, const char *hint);
/* Answers and frees the request; takes over `result`. */
void ctl_reply(struct ctl_request *req, json_t *result);
/* Error with the code of `err`, data.name in capitals (UE_NOT_FOUND), data.cause, and data.hint if not NULL. */
void ctl_fail(struct ctl_request *req, int err, const char *hint);
/* The same with further members in data (taken over). */
void ctl_fail_with(struct ctl_request *req, int err, json_t *data, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Checked parameters; the defaults stand for absent ones. */
const char *ctl_string(const json_t *params, const char *name, const char *def);
int64_t ctl_int(const json_t *params, const char *name, int64_t def);
bool ctl_bool(const json_t *params, const char *name, bool def);

/* Every list comes in pages: `offset` and `limit` (default 1000) of the parameters are declared by CTL_PAGE_PARAMS.
 * All items are walked; those that the page wants are made and appended to `items`. */
struct ctl_page {
	uint64_t at; /* items counted */
	int64_t first, left, next;
	json_t *items;
};
struct ctl_page ctl_page_begin(const json_t *params);
/* Counts one more item: is it on the page? */
bool ctl_page_wants(struct ctl_page *page);
/* The same of a list whose items come and go while it is read: `number` stays with an item and rises from each to the
 * next, so that no page misses or repeats one that stays. */
bool ctl_page_wants_number(struct ctl_page *page, uint64_t number);
/* {items, next}: the offset of the next page, or null. Takes over the items. */
json_t *ctl_page_end(struct ctl_page *page);
void ctl_page_reply(struct ctl_request *req, struct ctl_page *page);

#define CTL_PAGE_PARAMS \
	{"offset", CTL_INT, false, 0, 0, "where to go on: `next` of the page before"}, \
	{ \
		"limit", CTL_INT, false, 1, 10000, "most items to show (default 1000)" \
	}

#endif
