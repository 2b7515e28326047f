/* capture.start, capture.stop, capture.status */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"

static const struct ctl_param start_params[] = {
	{"file", CTL_STRING, true, 0, 0,
	 "pcapng file; relative to capture_dir, or else to the configuration file. An older "
	 "capture is "
	 "replaced"},
	{"max_size", CTL_INT, false, 0, INT64_C(1) << 40,
	 "octets after which the next file begins; 0 is no limit"},
	{"max_age_ms", CTL_INT, false, 0, UINT32_MAX,
	 "age after which the next file begins; 0 is no limit"},
	{"files", CTL_INT, false, 0, 1000, "older files kept (default 1)"},
	{0},
};

/* Names are relative to capture_dir, or to the configuration file, as those in it are. */
static int absolute(const struct node *n, const char *name, char *out, size_t len)
{
	const char *dir = n->options->capture_dir;
	const char *slash = strrchr(n->config_file, '/');
	int dir_len = dir ? (int)strlen(dir) : slash ? (int)(slash - n->config_file) : 0;

	if (name[0] == '/' || (!dir && !slash))
		return snprintf(out, len, "%s", name) < (int)len ? 0 : KH_E_USAGE;
	return snprintf(out, len, "%.*s/%s", dir_len, dir ? dir : n->config_file, name) < (int)len
		       ? 0
		       : KH_E_USAGE;
}

static void start(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct node *n = ctx;
	char path[PATH_MAX], why[PATH_MAX + 100] = "";
	const struct capture_settings s = {
		.file = path,
		.max_size = (uint64_t)ctl_int(params, "max_size", 0),
		.max_age_ms = (uint32_t)ctl_int(params, "max_age_ms", 0),
		.files = (uint32_t)ctl_int(params, "files", 1),
	};
	int err = absolute(n, ctl_string(params, "file", ""), path, sizeof path);

	if (!err)
		err = capture_start(n, &s, why, sizeof why);
	if (err)
		ctl_fail(req, err, why);
	else
		ctl_reply(req, capture_status(n));
}

static void stop(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct node *n = ctx;
	json_t *last = capture_status(n);

	(void)params;
	if (!n->capture) {
		json_decref(last);
		ctl_fail(req, KH_E_NOT_FOUND, "no capture runs");
		return;
	}
	json_object_set_new(last, "running", json_false());
	capture_stop(n, 0, NULL);
	ctl_reply(req, last);
}

static void status(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)params;
	ctl_reply(req, capture_status(ctx));
}

static const struct ctl_param none[] = {{0}};

const struct ctl_method capture_methods[] = {
	{"capture.start", start_params, start, "write every message of this node's links to a file",
	 false},
	{"capture.stop", none, stop, "end the capture", false},
	{"capture.status", none, status, "the capture that runs", true},
	{0},
};
