/* The main() that all daemons share: command line, configuration, signals, loop. */
#ifndef KEYHOP_DAEMON_H
#define KEYHOP_DAEMON_H

#include <stddef.h>

#include "config.h"
#include "ctl.h"
#include "fsm.h"
#include "node.h"

typedef void key_age_fn(void *arg, uint32_t enb, int64_t since_us);

/* A daemon as a row: its context struct begins with a struct node. */
struct daemon {
	const char *name; /* "mmed" */
	enum role role;
	const char *summary;
	const struct config_row *rows; /* ends with {NULL} */
	size_t context_size;
	size_t options_offset; /* of its options struct, which begins with a struct node_options */
	/* Checks what the rows cannot of the options of a start or a reload; changes nothing. KH_E_CONFIG with `why`, which
	 * begins with the option ("x2.port: ..."). */
	int (*check)(const void *options, char *why, size_t why_len);
	/* Reads files that --check reads, too, as subscribers. KH_E_CONFIG with `why`. NULL: there are none. */
	int (*load)(void *context, char *why, size_t why_len);
	/* A reload has changed what can change in place. NULL: whoever uses an option looks at it each time. */
	void (*reloaded)(void *context);
	/* Opens sockets, starts work. KH_E_* with `why`. */
	int (*start)(void *context, char *why, size_t why_len);
	/* Ends all work; also after a failed start. */
	void (*stop)(void *context);
	/* Adds the daemon's own members to the answer of `status`. */
	void (*status)(void *context, json_t *out);
	/* The state in a few words, for the service manager: "3 eNodeBs, 200 UEs". */
	void (*headline)(const void *context, char *out, size_t len);
	/* Can it do its work now? Otherwise `why` says in a few words what is missing. */
	bool (*ready)(const void *context, char *why, size_t len);
	/* A new revocation list is in force; its links end by themselves. NULL: nothing else to do. */
	void (*crl_loaded)(void *context);
	/* Calls `fn` for each MME-eNB_key in use: whose it is, and since when (clock_mono_us). NULL: holds none. */
	void (*key_ages)(void *context, key_age_fn *fn, void *arg);
	/* What else is known of a message, for log and trace: adds to `e` ue, mme_ue_id, enb, and a better peer. */
	void (*tell)(void *context, const struct passage *p, struct node_event *e);
	const struct ctl_method *methods; /* ends with {NULL} */
	const struct fsm *const *machines; /* that of UEs first; ends with NULL */
};

/* Exit code: 0 after an orderly end, 2 for a wrong command line or configuration, 1 when start fails. */
int daemon_main(const struct daemon *d, int argc, char **argv);

/* The same in steps, for tests: a context from a configuration file, started, its loop not yet run. */
void *daemon_open(const struct daemon *d, const struct config_source *config, bool check_only,
		  char *why, size_t why_len);
void daemon_shut(const struct daemon *d, void *context);

/* node_ctl.c: control methods that all daemons share, and the sockets. KH_E_CONFIG with `why`. */
extern const struct ctl_method node_methods[];
int node_ctl_check(const struct node *n, char *why, size_t why_len) KH_MUST_CHECK;
int node_ctl_open(struct node *n, char *why, size_t why_len) KH_MUST_CHECK;

/* All that can be wrong with options but what their rows say; `why` begins with where in `tree` it stands. */
int daemon_check(const struct daemon *d, const struct node_options *options,
		 const struct config_tree *tree, char *why, size_t why_len) KH_MUST_CHECK;
json_t *daemon_status(struct node *n);

#endif
