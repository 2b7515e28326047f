#include "trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "daemon.h"
#include "loop.h"
#include "mem.h"
#include "tls.h"

/* Looking is cheap, works on every file system and through links, and needs no instance of inotify: their number is small
 * where hundreds of eNodeBs run on one machine. */
#define LOOK_MS 200
#define SECOND_US 1000000LL
#define DAY_US (24 * 3600 * SECOND_US)

/* What tells one content of a file from the next. */
struct mark {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec written, changed;
};

enum ending { END_OWN, END_CA, END_CRL, ENDINGS };

struct trust {
	struct node *node;
	struct loop_timer *timer;
	struct mark seen, taken; /* of tls.crl: at the last look; when it was read */
	int64_t warned_us[ENDINGS];
};

static struct tls_settings settings_of(const struct node *n)
{
	const struct node_options *o = n->options;

	return (struct tls_settings){.ca = o->ca,
				     .cert = o->cert,
				     .key = o->key,
				     .keylog = o->tls_keylog,
				     .crl = o->crl};
}

int trust_open(struct node *n, char *why, size_t why_len)
{
	const struct node_options *o = n->options;
	const struct tls_settings settings = settings_of(n);

	if (n->role == ROLE_UE)
		return 0;
	if (o->security == SECURITY_NONE) {
		log_warn(LOG_TUNNEL,
			 "security: none: S1 and X2 are not protected, keys travel in clear");
		return 0;
	}
	if (!o->ca || !o->cert || !o->key) {
		snprintf(why, why_len, "security: tls needs tls.ca, tls.cert and tls.key");
		return KH_E_CONFIG;
	}
	return tls_context_new(&n->tls, &settings, why, why_len);
}

/* ---- the revocation list ---- */

static struct mark mark_of(const char *path)
{
	struct stat st = {0};

	if (stat(path, &st) != 0)
		return (struct mark){0};
	return (struct mark){st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same(const struct mark *a, const struct mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       same_time(&a->written, &b->written) && same_time(&a->changed, &b->changed);
}

/* "2026-11-23T15:04:05Z" */
static void end_text(int64_t seconds, char out[CLOCK_TEXT_LEN])
{
	clock_text(seconds * SECOND_US, out);
	char *fraction = strchr(out, '.');
	if (fraction)
		strcpy(fraction, "Z");
}

static void announce_own(struct node *n)
{
	struct node_event e = {.topic = "certificate.revoked", .err = KH_E_CERTIFICATE_REVOKED};

	if (!tls_context_revocation(n->tls))
		return;
	snprintf(e.detail, sizeof e.detail, "own certificate");
	events_emit(n->events, &e);
	log_error(LOG_TUNNEL, "own certificate is in the revocation list: peers refuse this node");
}

static void announce_crl(struct node *n)
{
	const struct tls_crl_facts *facts = tls_context_crl(n->tls);
	struct node_event e = {.topic = "crl.loaded"};
	char until[CLOCK_TEXT_LEN] = "none";

	if (facts->next_update)
		end_text(facts->next_update, until);
	snprintf(e.detail, sizeof e.detail, "number=%llu entries=%llu next_update=%s",
		 (unsigned long long)facts->number, (unsigned long long)facts->entries, until);
	node_count(n, METRIC_CRLS_LOADED);
	events_emit(n->events, &e);
	log_info(LOG_TUNNEL, "revocation list in force: %s", e.detail);
}

static void refuse_crl(struct node *n, int err, const char *why)
{
	struct node_event e = {.topic = "crl.refused", .err = err};

	snprintf(e.detail, sizeof e.detail, "%s", why);
	node_refuse(n, LOG_TUNNEL, err, NULL, "%s", why);
	events_emit(n->events, &e);
}

static int take_crl(struct trust *t, char *why, size_t why_len)
{
	struct node *n = t->node;
	int err = tls_context_load_crl(n->tls, n->options->crl, why, why_len);

	if (err)
		return err;
	t->warned_us[END_CRL] = 0;
	announce_crl(n);
	announce_own(n);
	if (n->daemon->crl_loaded)
		n->daemon->crl_loaded(n);
	return 0;
}

/* A file that somebody still writes to does not read well: it is refused when it has stood still for one look. */
static void look_at_crl(struct trust *t)
{
	const struct mark now = mark_of(t->node->options->crl);
	bool still = same(&now, &t->seen);
	char why[200] = "";
	int err;

	t->seen = now;
	if (same(&now, &t->taken))
		return;
	err = take_crl(t, why, sizeof why);
	if (!err || still)
		t->taken = now;
	if (err && still)
		refuse_crl(t->node, err, why);
}

/* ---- what ends ---- */

static const struct {
	const char *topic, *what;
	int err; /* once it has ended */
} endings[ENDINGS] = {
	[END_OWN] = {"certificate.expiring", "own", KH_E_CERTIFICATE_EXPIRED},
	[END_CA] = {"certificate.expiring", "ca", KH_E_CERTIFICATE_EXPIRED},
	[END_CRL] = {"crl.expired", "crl", KH_E_CRL_STALE},
};

static void warn(struct trust *t, enum ending which, int64_t end, int64_t now_us)
{
	struct node_event e = {.topic = endings[which].topic};
	long long days = (long long)((end * SECOND_US - now_us) / DAY_US);
	char until[CLOCK_TEXT_LEN];

	end_text(end, until);
	if (end * SECOND_US <= now_us)
		e.err = endings[which].err;
	snprintf(e.detail, sizeof e.detail, "%s%s days=%lld until=%s",
		 which == END_CRL ? "" : "certificate=", endings[which].what, days, until);
	events_emit(t->node->events, &e);
	log_warn(LOG_TUNNEL, "%s %s%s", e.err ? "has ended:" : "ends soon:", e.detail,
		 e.err && which == END_CRL ? ": what it names stays refused" : "");
}

/* From `ahead_ms` before its end on, once a day. */
static void watch_end(struct trust *t, enum ending which, int64_t end, uint32_t ahead_ms)
{
	int64_t now_us = clock_wall_us();

	if (!end || now_us < end * SECOND_US - (int64_t)ahead_ms * 1000)
		return;
	if (t->warned_us[which] && now_us < t->warned_us[which] + DAY_US)
		return;
	t->warned_us[which] = now_us;
	warn(t, which, end, now_us);
}

static void look(struct trust *t)
{
	const struct node *n = t->node;
	uint32_t ahead_ms = n->options->expiry_warning_ms;
	const struct tls_crl_facts *crl;

	if (n->options->crl)
		look_at_crl(t);
	crl = tls_context_crl(n->tls);
	watch_end(t, END_OWN, tls_context_expiry(n->tls), ahead_ms);
	watch_end(t, END_CA, tls_context_ca_expiry(n->tls), ahead_ms);
	watch_end(t, END_CRL, crl ? crl->next_update : 0, 0);
}

static void on_timer(void *arg)
{
	struct trust *t = arg;

	look(t);
	t->timer = loop_timer_start(t->node->loop, LOOK_MS, on_timer, t);
}

void trust_watch(struct node *n)
{
	if (!n->tls)
		return;
	n->trust = x_calloc(1, sizeof *n->trust);
	n->trust->node = n;
	on_timer(n->trust);
}

int trust_check(struct node *n, json_t *applied, char *why, size_t why_len)
{
	const struct tls_settings settings = settings_of(n);
	bool renewed = false;

	if (!n->trust)
		return 0;
	int err = tls_context_check(n->tls, &settings, &renewed, why, why_len);
	if (!err && renewed)
		json_array_append_new(applied, json_string("tls.cert"));
	return err;
}

int trust_reload(struct node *n, json_t *applied, char *why, size_t why_len)
{
	const struct tls_settings settings = settings_of(n);
	struct node_event e = {.topic = "certificate.loaded"};
	char until[CLOCK_TEXT_LEN];
	bool renewed = false;

	if (!n->trust)
		return 0;
	int err = tls_context_reload(n->tls, &settings, &renewed, why, why_len);
	if (err)
		return err;
	if (n->options->crl)
		look_at_crl(n->trust);
	if (!renewed)
		return 0;
	json_array_append_new(applied, json_string("tls.cert"));
	n->trust->warned_us[END_OWN] = 0;
	end_text(tls_context_expiry(n->tls), until);
	snprintf(e.detail, sizeof e.detail, "until=%s", until);
	events_emit(n->events, &e);
	log_info(LOG_TUNNEL, "own certificate renewed: %s, for new connections", e.detail);
	return 0;
}

void trust_stop(struct node *n)
{
	if (!n->trust)
		return;
	loop_timer_stop(&n->trust->timer);
	free(n->trust);
	n->trust = NULL;
}
