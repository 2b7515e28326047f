#include "daemon.h"

#include <dirent.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "capture.h"
#include "clock.h"
#include "confine.h"
#include "daemon_dump.h"
#include "fault.h"
#include "loop.h"
#include "mem.h"
#include "metrics_http.h"
#include "notify.h"
#include "reload.h"
#include "store.h"
#include "trace.h"
#include "trust.h"

#define FILES_MAX 16
#define OVERRIDES_MAX 64

static json_int_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	json_int_t count = -3; /* ".", ".." and this one */

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

json_t *daemon_status(struct node *n)
{
	char plmn[7], instance[24], sandbox[CONFINE_TEXT_LEN], metrics[ENDPOINT_TEXT_LEN];

	plmn_to_text(&n->plmn, plmn);
	json_t *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "node", n->name, "role",
				n->role_name, "version", KEYHOP_VERSION, "plmn", plmn, "security",
				n->tls ? "tls" : "none", "uptime_us",
				(json_int_t)(clock_mono_us() - n->started_us));
	snprintf(instance, sizeof instance, "%llu", (unsigned long long)n->instance);
	json_object_set_new(out, "instance", json_string(instance));
	confine_text(n, sandbox);
	json_object_set_new(out, "sandbox", json_string(sandbox));
	metrics_http_text(n, metrics);
	json_object_set_new(out, "metrics", json_string(metrics));
	json_object_set_new(out, "fds", json_integer(open_descriptors()));
	json_object_set_new(out, "control_clients",
			    json_integer(n->ctl ? (json_int_t)ctl_clients(n->ctl) : 0));
	/* SQLite's page cache grows to its own bound; it says nothing about contexts. */
	json_int_t cache = (json_int_t)store_memory();
	json_object_set_new(out, "heap_bytes",
			    json_integer((json_int_t)mallinfo2().uordblks - cache));
	json_object_set_new(out, "store_bytes", json_integer(cache));
	n->daemon->status(n, out);
	return out;
}

static int start_capture(struct node *n, char *why, size_t why_len)
{
	const struct node_options *o = n->options;
	const struct capture_settings s = {.file = o->capture,
					   .max_size = o->capture_max_size,
					   .max_age_ms = o->capture_max_age_ms,
					   .files = o->capture_files};

	return o->capture ? capture_start(n, &s, why, why_len) : 0;
}

static int start(const struct daemon *d, struct node *n, bool check_only, char *why, size_t why_len)
{
	int err = node_ctl_check(n, why, why_len);

	if (!err && d->load)
		err = d->load(n, why, why_len);
	if (err || check_only)
		return err;
	if (n->options->events_messages)
		trace_start(n, NULL, 0);
	err = start_capture(n, why, why_len);
	if (!err)
		err = d->start(n, why, why_len);
	if (!err)
		err = metrics_http_open(n, why, why_len);
	if (!err)
		err = node_ctl_open(n, why, why_len);
	if (!err)
		trust_watch(n);
	return err;
}

/* What only the daemon can judge is said with the option in front ("x2.port: cannot listen"): in front of that goes
 * where the option stands. */
static void add_place(const struct daemon *d, const struct config_tree *tree, char *why,
		      size_t why_len)
{
	char path[128], at[CONFIG_WHY_LEN / 2], text[CONFIG_WHY_LEN];

	snprintf(path, sizeof path, "%.*s", (int)strcspn(why, ":"), why);
	if (!config_where(d->rows, tree, path, at, sizeof at))
		return;
	snprintf(text, sizeof text, "%s", why);
	snprintf(why, why_len, "%s: %s", at, text);
}

int daemon_check(const struct daemon *d, const struct node_options *options,
		 const struct config_tree *tree, char *why, size_t why_len)
{
	int err = node_check(options, why, why_len);

	if (!err)
		err = metrics_http_check(options, why, why_len);
	if (!err)
		err = d->check(options, why, why_len);
	if (err)
		add_place(d, tree, why, why_len);
	return err;
}

void *daemon_open(const struct daemon *d, const struct config_source *config, bool check_only,
		  char *why, size_t why_len)
{
	struct node *n = x_calloc(1, d->context_size);
	char text[CONFIG_WHY_LEN] = "";
	void *options = (uint8_t *)n + d->options_offset;

	n->role = d->role;
	n->role_name = d->name;
	n->daemon = d;
	n->config = *config;
	n->config_file = config->files[0];
	if (config_load(d->rows, options, config, &n->config_tree, text) ||
	    daemon_check(d, options, n->config_tree, text, sizeof text)) {
		snprintf(why, why_len, "%s", text);
		daemon_shut(d, n);
		return NULL;
	}
	int err = confine_user(((struct node_options *)options)->user, why, why_len);
	if (!err)
		err = node_open(n, options, why, why_len);
	if (!err)
		err = start(d, n, check_only, why, why_len);
	if (!err)
		return n;
	add_place(d, n->config_tree, why, why_len);
	daemon_shut(d, n);
	return NULL;
}

void daemon_shut(const struct daemon *d, void *context)
{
	struct node *n = context;

	if (n->loop) {
		metrics_http_close(n);
		/* Whoever waits for the end of something is told that it came to nothing. */
		d->stop(n);
		ctl_close(n->ctl);
		capture_stop(n, 0, NULL);
		node_close(n);
	}
	config_clear(d->rows, (uint8_t *)n + d->options_offset);
	config_tree_free(n->config_tree);
	free(n);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct node *n = arg;

	(void)what;
	log_info(LOG_CTL, "signal %d: ending", (int)sig);
	loop_stop(n->loop);
}

static void on_hangup(evutil_socket_t sig, short what, void *arg)
{
	char why[CONFIG_WHY_LEN];
	json_t *changes = NULL;

	(void)sig;
	(void)what;
	/* What came of it is in the log. */
	if (reload(arg, &changes, why) == 0)
		json_decref(changes);
}

static void run(struct node *n)
{
	static const struct {
		int sig;
		event_callback_fn fn;
	} signals[] = {{SIGINT, on_signal}, {SIGTERM, on_signal}, {SIGHUP, on_hangup}};
	struct event *ev[3];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error like a full disk */
	for (size_t i = 0; i < 3; i++) {
		/* What event_free() goes back to: a second signal does not cut the orderly end short. */
		signal(signals[i].sig, SIG_IGN);
		ev[i] = evsignal_new(loop_base(n->loop), signals[i].sig, signals[i].fn, n);
		evsignal_add(ev[i], NULL);
	}
	log_info(LOG_CTL, "ready version=%s control=%s", KEYHOP_VERSION,
		 n->options->control_socket);
	struct notify *told = notify_ready(n);
	loop_run(n->loop);
	notify_end(told);
	for (size_t i = 0; i < 3; i++)
		event_free(ev[i]);
}

/* The exit code. */
static int serve(struct node *n)
{
	char why[CONFIG_WHY_LEN] = "";

	if (confine_process(n, why, sizeof why)) {
		fprintf(stderr, "%s: %s\n", n->role_name, why);
		return 2;
	}
	run(n);
	return 0;
}

static void usage(const struct daemon *d, FILE *out)
{
	fprintf(out,
		"usage: %s -c FILE... [-o path.to.key=value]... [--check]\n"
		"%s\n\n"
		"  -c, --config FILE     configuration (YAML); a later one overrides\n"
		"  -o, --option K=V      overrides one option\n"
		"      --check           checks the configuration and ends: 0 good, 2 wrong\n"
		"      --dump-config     every option, its value, and where that came from\n"
		"      --help-options    lists all options with their defaults\n"
		"      --dump-fsm        lists the state machines, one line a row\n"
		"      --dump-schema     methods, notifications, options, events, causes and\n"
		"                        metrics as JSON\n"
		"  -V, --version\n"
		"  -h, --help\n",
		d->name, d->summary);
}

struct command_line {
	const char *files[FILES_MAX];
	struct config_override overrides[OVERRIDES_MAX];
	struct config_source config; /* those */
	bool check, dump_config;
};

/* Splits "path=value" in place. */
static int add_override(struct command_line *cl, char *text)
{
	char *eq = strchr(text, '=');

	if (!eq || eq == text || cl->config.n_overrides == OVERRIDES_MAX)
		return -1;
	*eq = '\0';
	cl->overrides[cl->config.n_overrides++] = (struct config_override){text, eq + 1};
	return 0;
}

static int add_file(struct command_line *cl, const char *file)
{
	if (cl->config.n_files == FILES_MAX)
		return -1;
	cl->files[cl->config.n_files++] = file;
	return 0;
}

/* -1 to go on, or the exit code. */
static int parse(const struct daemon *d, struct command_line *cl, int argc, char **argv)
{
	enum { OPT_CHECK = 256, OPT_HELP_OPTIONS, OPT_DUMP_FSM, OPT_DUMP_SCHEMA, OPT_DUMP_CONFIG };
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
					      {"option", required_argument, NULL, 'o'},
					      {"check", no_argument, NULL, OPT_CHECK},
					      {"version", no_argument, NULL, 'V'},
					      {"help", no_argument, NULL, 'h'},
					      {"help-options", no_argument, NULL, OPT_HELP_OPTIONS},
					      {"dump-fsm", no_argument, NULL, OPT_DUMP_FSM},
					      {"dump-schema", no_argument, NULL, OPT_DUMP_SCHEMA},
					      {"dump-config", no_argument, NULL, OPT_DUMP_CONFIG},
					      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "c:o:Vh", longs, NULL)) != -1) {
		if (c == 'c' && !add_file(cl, optarg)) {
			continue;
		} else if (c == 'o' && !add_override(cl, optarg)) {
			continue;
		} else if (c == OPT_CHECK || c == OPT_DUMP_CONFIG) {
			cl->check = true;
			cl->dump_config = c == OPT_DUMP_CONFIG;
		} else if (c == 'V') {
			printf("%s %s\n", d->name, KEYHOP_VERSION);
			return 0;
		} else if (c == OPT_HELP_OPTIONS) {
			daemon_dump_options(d);
			return 0;
		} else if (c == OPT_DUMP_FSM) {
			daemon_dump_machines(d);
			return 0;
		} else if (c == OPT_DUMP_SCHEMA) {
			daemon_dump_schema(d);
			return 0;
		} else {
			usage(d, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (!cl->config.n_files || optind < argc) {
		usage(d, stderr);
		return 2;
	}
	return -1;
}

int daemon_main(const struct daemon *d, int argc, char **argv)
{
	struct command_line cl = {0};
	char why[CONFIG_WHY_LEN] = "";

	cl.config.files = cl.files;
	cl.config.overrides = cl.overrides;
	int code = parse(d, &cl, argc, argv);
	if (code >= 0)
		return code;
	confine_memory();
	struct node *n = daemon_open(d, &cl.config, cl.check, why, sizeof why);
	if (!n) {
		fprintf(stderr, "%s: %s\n", d->name, why);
		return 2;
	}
	if (cl.dump_config)
		config_dump(d->rows, n->options, n->config_tree, stdout);
	if (!cl.check)
		code = serve(n);
	daemon_shut(d, n);
	return code < 0 ? 0 : code;
}
