#include "node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "clock.h"
#include "crypto.h"
#include "daemon.h"
#include "eps_alg.h"
#include "fault.h"
#include "link.h"
#include "loop.h"
#include "passage.h"
#include "pbmem.h"
#include "rng.h"
#include "tls.h"
#include "trace.h"
#include "trust.h"

const struct config_word node_security_words[] = {
	{"tls", SECURITY_TLS}, {"none", SECURITY_NONE}, {0}};
const struct config_word node_log_level_words[] = {{"error", LOG_ERROR}, {"warn", LOG_WARN},
						   {"info", LOG_INFO},	 {"debug", LOG_DEBUG},
						   {"trace", LOG_TRACE}, {0}};
const struct config_word node_log_category_words[] = {{"default", -1},
						      {"error", LOG_ERROR},
						      {"warn", LOG_WARN},
						      {"info", LOG_INFO},
						      {"debug", LOG_DEBUG},
						      {"trace", LOG_TRACE},
						      {0}};
const struct config_word node_log_format_words[] = {{"text", LOG_TEXT}, {"json", LOG_JSON}, {0}};
const struct config_word node_sandbox_words[] = {
	{"auto", SANDBOX_AUTO}, {"off", SANDBOX_OFF}, {"require", SANDBOX_REQUIRE}, {0}};
const struct config_word node_eea_words[] = {{"eea0", EEA0}, {"eea2", EEA2}, {0}};
const struct config_word node_eia_words[] = {{"eia2", EIA2}, {0}};

static int open_files(struct node *n, const struct node_options *o, char *why, size_t why_len)
{
	if (o->log_file && log_to_file(o->log_file)) {
		snprintf(why, why_len, "log.file: %s: %s", o->log_file, strerror(errno));
		return KH_E_CONFIG;
	}
	if (o->keylog && keylog_open(&n->keylog, o->keylog, n->name)) {
		snprintf(why, why_len, "keylog: %s: %s", o->keylog,
			 errno ? strerror(errno) : "others may read it");
		return KH_E_CONFIG;
	}
	if (o->events && events_to_file(n->events, o->events)) {
		snprintf(why, why_len, "events: %s: %s", o->events, strerror(errno));
		return KH_E_CONFIG;
	}
	return 0;
}

static void on_first_key(void *arg)
{
	struct node *n = arg;

	loop_defer(n->loop, &n->forget);
}

static void on_forget(struct loop_task *task)
{
	crypto_forget(
		((struct node *)(void *)((char *)task - offsetof(struct node, forget)))->crypto);
}

int node_check(const struct node_options *o, char *why, size_t why_len)
{
	struct plmn plmn;

	if (!node_name_is_valid(o->name)) {
		snprintf(why, why_len, "node.name: \"%s\" is not a node name", o->name);
		return KH_E_CONFIG;
	}
	if (plmn_from_text(&plmn, o->mcc, o->mnc)) {
		snprintf(why, why_len, "node.plmn: %s %s is not a PLMN", o->mcc, o->mnc);
		return KH_E_CONFIG;
	}
	return node_net_check(o, why, why_len);
}

int node_open(struct node *n, const struct node_options *o, char *why, size_t why_len)
{
	n->options = o;
	n->name = o->name;
	n->started_us = clock_mono_us();
	int err = node_check(o, why, why_len);
	if (!err)
		err = plmn_from_text(&n->plmn, o->mcc, o->mnc);
	if (err)
		return err;
	log_init(n->name);
	log_set_format((enum log_format)o->log_format);
	node_apply_log_levels(n);
	n->loop = loop_new();
	n->crypto = crypto_new();
	n->mem = pbmem_new(o->decode_budget);
	n->events = events_new(n->name, o->event_ring);
	if (!n->loop || !n->crypto) {
		snprintf(why, why_len, "libevent or OpenSSL lacks what keyhop needs");
		return KH_E_CONFIG;
	}
	n->forget.run = on_forget;
	crypto_on_first_key(n->crypto, on_first_key, n);
	do
		n->instance = rng_u64();
	while (n->instance == 0);
	err = open_files(n, o, why, why_len);
	if (err)
		return err;
	node_net_open(n);
	return trust_open(n, why, why_len);
}

void node_apply_log_levels(struct node *n)
{
	const struct node_options *o = n->options;

	log_set_level((enum log_level)o->log_level);
	for (unsigned c = 0; c < LOG_CATS; c++)
		if (o->log_categories[c] >= 0)
			log_set_category((enum log_cat)c, (enum log_level)o->log_categories[c]);
}

void node_close(struct node *n)
{
	trust_stop(n);
	trace_stop(n);
	/* First these: links still to be closed send their close_notify, under the TLS context. */
	net_free(n->net);
	loop_free(n->loop);
	faults_free(n);
	tls_context_free(n->tls);
	keylog_close(n->keylog);
	events_free(n->events);
	pbmem_free(n->mem);
	crypto_free(n->crypto);
	log_close();
}

/* A peer that sends rubbish fills counters, not disks. */
static bool may_log(struct refusal_log *r, enum log_cat cat, int err)
{
	int64_t second = clock_mono_us() / 1000000;

	if (second != r->second) {
		if (r->left_out)
			log_warn(cat, "refused cause=%s: %u more not logged", err_name(err),
				 r->left_out);
		*r = (struct refusal_log){.second = second};
	}
	if (r->logged >= REFUSALS_LOGGED) {
		r->left_out++;
		return false;
	}
	r->logged++;
	return true;
}

/* What stands before a peer's name in the log: it may be the IMSI of a UE, and a UE without a name has some words. */
static const char *peer_mark(const char *peer)
{
	struct imsi imsi;

	if (imsi_parse(&imsi, peer) == 0)
		return " ue=";
	return strchr(peer, ' ') ? " " : " peer=";
}

void node_refuse(struct node *n, enum log_cat cat, int err, const char *peer, const char *fmt, ...)
{
	struct node_event e = {.topic = "refused", .err = err};
	va_list ap;

	n->metrics.refused[err_to_cause(err)]++;
	va_start(ap, fmt);
	vsnprintf(e.detail, sizeof e.detail, fmt, ap);
	va_end(ap);
	if (may_log(&n->refusal_logs[err_to_cause(err)], cat, err))
		log_warn(cat, "refused cause=%s%s%s %s (%s)", err_name(err),
			 peer ? peer_mark(peer) : "", peer ? peer : "", e.detail, err_text(err));
	events_emit(n->events, &e);
}

static void log_message(struct node *n, const struct passage *p, enum log_level level)
{
	const struct message_row *row = p->row;
	char ue[32] = "", id[32] = "", enb[32] = "", gen[32] = "";
	struct node_event about = {0};

	passage_about(n, p, &about);
	if (about.ue.s[0] && strcmp(about.ue.s, about.peer) != 0)
		snprintf(ue, sizeof ue, " ue=%s", about.ue.s);
	if (about.mme_ue_id)
		snprintf(id, sizeof id, " mme_ue_id=%u", about.mme_ue_id);
	if (about.enb)
		snprintf(enb, sizeof enb, " enb=%u", about.enb);
	if (about.has_gen)
		snprintf(gen, sizeof gen, " gen=%llu", (unsigned long long)about.gen);
	log_write(p->cat, level, "%s %s.%s%s%s %s%s%s%s%s%s%s", p->tx ? "tx" : "rx",
		  iface_name(row->iface), row->name, row->step ? " step=" : "",
		  row->step ? row->step : "", p->tx ? "to" : "from", peer_mark(about.peer),
		  about.peer, ue, id, enb, gen);
}

void node_message(struct node *n, const struct passage *p)
{
	const struct message_row *row = p->row;
	enum log_level level = row->routine ? LOG_DEBUG : LOG_INFO;
	uint64_t *counts = p->tx ? n->metrics.tx : n->metrics.rx;

	counts[message_index(row)]++;
	(p->tx ? n->metrics.tx_bytes : n->metrics.rx_bytes)[message_index(row)] += p->len;
	if (n->capture)
		capture_note(n, p);
	if (n->trace)
		trace_message(n, p);
	if (log_enabled(p->cat, level))
		log_message(n, p, level);
}

/* Of a message of S1 or X2. */
static enum protection of_the_link(const struct node *n)
{
	return n->tls ? PROTECTION_TUNNEL : PROTECTION_CLEAR;
}

int node_send(struct node *n, struct link *link, enum iface iface, enum log_cat cat,
	      const char *peer, const struct ProtobufCMessage *msg)
{
	const struct message_row *row = message_row_of(iface, msg);
	int err = KH_E_INTERNAL;

	if (row)
		err = n->faults ? fault_send(n, link, row, msg) : link_send(link, msg);

	if (err)
		node_refuse(n, cat, err, peer, "%s.%s not sent", iface_name(iface),
			    row ? row->name : "?");
	else
		node_message(n, &(struct passage){.tx = true,
						  .protection = of_the_link(n),
						  .cat = cat,
						  .peer = peer,
						  .row = row,
						  .msg = msg,
						  .len = protobuf_c_message_get_packed_size(msg)});
	return err;
}

int node_decode_inner(struct node *n, enum iface iface, enum role from, const uint8_t *data,
		      size_t len, struct ProtobufCMessage **out, struct passage *p)
{
	struct message_fault fault = {0};
	int err = message_decode(n->mem, iface, from, data, len, out, &p->row, &fault);

	p->msg = *out;
	p->len = len;
	if (err)
		node_refuse(n, p->cat, err, p->peer, "%s.%s%s%s", iface_name(iface),
			    fault.row ? fault.row->name : "message", fault.field ? " field " : "",
			    fault.field ? fault.field : "");
	else
		node_message(n, p);
	return err;
}

int node_decode(struct node *n, enum iface iface, enum role from, enum log_cat cat,
		const char *peer, const uint8_t *data, size_t len, struct ProtobufCMessage **out,
		const struct message_row **row)
{
	struct passage p = {.protection = of_the_link(n), .cat = cat, .peer = peer};
	int err = node_decode_inner(n, iface, from, data, len, out, &p);

	*row = p.row;
	return err;
}

void node_done(struct node *n)
{
	pbmem_reset(n->mem);
}

void node_key_event(struct node *n, struct node_event *e, enum key_kind kind, const void *key,
		    size_t len, const struct keylog_tags *tags)
{
	n->metrics.keys[kind]++;
	if (n->keylog)
		keylog_write(n->keylog, kind, key, len, tags);
	if (!e || !events_wanted(n->events))
		return;
	e->key = key_kind_name(kind);
	key_fingerprint(n->crypto, kind, key, len, e->fp);
	events_emit(n->events, e);
}
