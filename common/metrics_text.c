#include "metrics_text.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <jansson.h>

#include "clock.h"
#include "daemon.h"
#include "fault.h"
#include "node.h"
#include "tls.h"

#define MASK(role) (1U << (role))
#define MME MASK(ROLE_MME)
#define ENB MASK(ROLE_ENB)
#define UE MASK(ROLE_UE)
#define ALL (MME | ENB | UE)

struct page {
	struct node *node;
	json_t *status;
	struct evbuffer *out;
};

struct family {
	const char *name, *type, *labels, *help;
	unsigned daemons;
	void (*put)(const struct page *p, const struct family *f);
	const char *key; /* of a member of `status` */
	unsigned index; /* of a counter or a histogram */
};

typedef unsigned long long ull;

static const char *status_text(const struct page *p, const char *key)
{
	const char *text = json_string_value(json_object_get(p->status, key));

	return text ? text : "";
}

static json_int_t status_number(const struct page *p, const char *key)
{
	const json_t *v = json_object_get(p->status, key);

	return json_is_integer(v) ? json_integer_value(v) : json_is_true(v);
}

static void put_status(const struct page *p, const struct family *f)
{
	evbuffer_add_printf(p->out, "%s %lld\n", f->name, (long long)status_number(p, f->key));
}

static void put_build(const struct page *p, const struct family *f)
{
	evbuffer_add_printf(p->out, "%s{daemon=\"%s\",version=\"%s\"} 1\n", f->name,
			    p->node->role_name, KEYHOP_VERSION);
}

static void put_cpu(const struct page *p, const struct family *f)
{
	struct rusage u = {0};

	getrusage(RUSAGE_SELF, &u);
	evbuffer_add_printf(p->out, "%s %.6f\n", f->name,
			    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
				    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

/* Field `index` of /proc/self/statm, in pages. */
static void put_memory(const struct page *p, const struct family *f)
{
	long pages[2] = {0};
	FILE *statm = fopen("/proc/self/statm", "re");

	if (statm) {
		if (fscanf(statm, "%ld %ld", &pages[0], &pages[1]) != 2)
			pages[0] = pages[1] = 0;
		fclose(statm);
	}
	evbuffer_add_printf(p->out, "%s %ld\n", f->name, pages[f->index] * sysconf(_SC_PAGESIZE));
}

static void put_start(const struct page *p, const struct family *f)
{
	int64_t at = clock_wall_us() - (clock_mono_us() - p->node->started_us);

	evbuffer_add_printf(p->out, "%s %.3f\n", f->name, (double)at / 1e6);
}

/* The first state is that of all who are counted in no other. */
static void put_ues(const struct page *p, const struct family *f)
{
	const struct fsm *m = p->node->daemon->machines[0];
	const uint32_t *counts = p->node->metrics.ue_states;
	json_int_t first = status_number(p, "ues");

	for (unsigned s = 1; s < m->state_count; s++)
		first -= counts[s];
	for (unsigned s = 0; s < m->state_count; s++)
		evbuffer_add_printf(p->out, "%s{state=\"%s\"} %lld\n", f->name, m->states[s],
				    s ? (long long)counts[s] : (long long)first);
}

/* Of `all` so many are up. */
static void put_up_down(const struct page *p, const struct family *f, json_int_t all, json_int_t up)
{
	evbuffer_add_printf(p->out, "%s{state=\"up\"} %lld\n%s{state=\"down\"} %lld\n", f->name,
			    (long long)up, f->name, (long long)(all - up));
}

static void put_enbs(const struct page *p, const struct family *f)
{
	put_up_down(p, f, status_number(p, "enbs"), status_number(p, "enbs_up"));
}

static void put_neighbours(const struct page *p, const struct family *f)
{
	put_up_down(p, f, status_number(p, "neighbours"), status_number(p, "x2_up"));
}

static void put_cells(const struct page *p, const struct family *f)
{
	put_up_down(p, f, status_number(p, "cells"), status_number(p, "cells_up"));
}

static void put_counter(const struct page *p, const struct family *f)
{
	evbuffer_add_printf(p->out, "%s %llu\n", f->name, (ull)p->node->metrics.count[f->index]);
}

static void put_handovers(const struct page *p, const struct family *f)
{
	const struct metrics *m = &p->node->metrics;
	const char *scheme = status_text(p, "scheme");

	evbuffer_add_printf(p->out, "%s{scheme=\"%s\",result=\"completed\",cause=\"\"} %llu\n",
			    f->name, scheme, (ull)m->count[METRIC_HANDOVERS_COMPLETED]);
#define FAILED(id, number, cause, code, text) \
	evbuffer_add_printf(p->out, "%s{scheme=\"%s\",result=\"failed\",cause=\"%s\"} %llu\n", \
			    f->name, scheme, cause, (ull)m->handovers_failed[number]);
	KH_ERRORS(FAILED)
#undef FAILED
}

static void put_histogram(const struct page *p, const struct family *f, enum histogram_id id)
{
	const struct histogram_row *row = &histogram_rows[id];
	const struct histogram *h = &p->node->metrics.histogram[id];
	ull sum = 0;
	char labels[128];

	snprintf(labels, sizeof labels, "scheme=\"%s\"%s%s", status_text(p, "scheme"),
		 *row->label ? "," : "", row->label);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS && row->bounds->upper[i]; i++) {
		sum += h->bucket[i];
		evbuffer_add_printf(p->out, "%s_bucket{%s,le=\"%g\"} %llu\n", f->name, labels,
				    (double)row->bounds->upper[i] / row->bounds->divisor, sum);
	}
	evbuffer_add_printf(p->out,
			    "%s_bucket{%s,le=\"+Inf\"} %llu\n%s_sum{%s} %.6f\n%s_count{%s} %llu\n",
			    f->name, labels, (ull)h->count, f->name, labels,
			    (double)h->sum / row->bounds->divisor, f->name, labels, (ull)h->count);
}

static void put_histograms(const struct page *p, const struct family *f)
{
	for (unsigned id = 0; id < HISTOGRAM_COUNT; id++)
		if (strcmp(histogram_rows[id].family, f->name) == 0)
			put_histogram(p, f, (enum histogram_id)id);
}

/* rx and tx of each message. */
static void put_both_ways(const struct page *p, const struct family *f, const uint64_t *rx,
			  const uint64_t *tx)
{
	for (size_t i = 0; i < message_row_count; i++)
		for (int out = 0; out < 2; out++)
			evbuffer_add_printf(p->out, "%s{direction=\"%s\",message=\"%s.%s\"} %llu\n",
					    f->name, out ? "tx" : "rx",
					    iface_name(message_rows[i].iface), message_rows[i].name,
					    (ull)(out ? tx[i] : rx[i]));
}

static void put_messages(const struct page *p, const struct family *f)
{
	put_both_ways(p, f, p->node->metrics.rx, p->node->metrics.tx);
}

static void put_octets(const struct page *p, const struct family *f)
{
	put_both_ways(p, f, p->node->metrics.rx_bytes, p->node->metrics.tx_bytes);
}

static void put_keys(const struct page *p, const struct family *f)
{
	for (unsigned k = 0; k < KEY_KIND_COUNT; k++)
		evbuffer_add_printf(p->out, "%s{key=\"%s\"} %llu\n", f->name,
				    key_kind_name((enum key_kind)k), (ull)p->node->metrics.keys[k]);
}

static void put_wraps(const struct page *p, const struct family *f)
{
	for (unsigned w = WRAP_AES_GCM; w < WRAP_TYPES; w++)
		evbuffer_add_printf(p->out, "%s{wrap=\"%s\"} %llu\n", f->name,
				    wrap_name((enum wrap_type)w), (ull)p->node->metrics.wrapped[w]);
}

static void put_unwraps(const struct page *p, const struct family *f)
{
	const struct metrics *m = &p->node->metrics;

	for (unsigned w = WRAP_AES_GCM; w < WRAP_TYPES; w++)
		evbuffer_add_printf(p->out,
				    "%s{wrap=\"%s\",result=\"opened\"} %llu\n"
				    "%s{wrap=\"%s\",result=\"refused\"} %llu\n",
				    f->name, wrap_name((enum wrap_type)w), (ull)m->unwrapped[w],
				    f->name, wrap_name((enum wrap_type)w),
				    (ull)m->not_unwrapped[w]);
}

static void put_stale(const struct page *p, const struct family *f)
{
	const uint64_t *refused = p->node->metrics.refused;
	ull stale = refused[err_to_cause(KH_E_STALE_GENERATION)];

	stale += refused[err_to_cause(KH_E_UNKNOWN_KEY_ID)];
	evbuffer_add_printf(p->out, "%s %llu\n", f->name, stale);
}

static void put_hkeys(const struct page *p, const struct family *f)
{
	for (unsigned r = 0; r < HKEY_REASON_COUNT; r++)
		evbuffer_add_printf(p->out, "%s{reason=\"%s\"} %llu\n", f->name,
				    hkey_reason_names[r], (ull)p->node->metrics.hkeys[r]);
}

static void put_key_age(void *arg, uint32_t enb, int64_t since_us)
{
	evbuffer_add_printf(arg, "keyhop_enb_key_age_seconds{enb=\"%u\"} %.3f\n", enb,
			    (double)(clock_mono_us() - since_us) / 1e6);
}

static void put_key_ages(const struct page *p, const struct family *f)
{
	(void)f;
	p->node->daemon->key_ages(p->node, put_key_age, p->out);
}

static void put_handshakes(const struct page *p, const struct family *f)
{
	static const struct tls_handshakes none;
	const struct tls_handshakes *h =
		p->node->tls ? tls_context_handshakes(p->node->tls) : &none;

	evbuffer_add_printf(p->out, "%s{result=\"done\"} %llu\n%s{result=\"failed\"} %llu\n",
			    f->name, (ull)h->done, f->name, (ull)h->failed);
}

static void put_expiry(const struct page *p, const struct family *f)
{
	const struct tls_context *tls = p->node->tls;

	evbuffer_add_printf(p->out, "%s{certificate=\"own\"} %lld\n%s{certificate=\"ca\"} %lld\n",
			    f->name, tls ? (long long)tls_context_expiry(tls) : 0, f->name,
			    tls ? (long long)tls_context_ca_expiry(tls) : 0);
}

/* `index`: 0 nextUpdate, 1 entries. */
static void put_crl(const struct page *p, const struct family *f)
{
	static const struct tls_crl_facts none;
	const struct tls_crl_facts *crl = p->node->tls ? tls_context_crl(p->node->tls) : NULL;

	if (!crl)
		crl = &none;
	evbuffer_add_printf(p->out, "%s %lld\n", f->name,
			    f->index ? (long long)crl->entries : (long long)crl->next_update);
}

static void put_faults(const struct page *p, const struct family *f)
{
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++)
		evbuffer_add_printf(p->out, "%s{fault=\"%s\"} %llu\n", f->name,
				    fault_kind_name((enum fault_kind)k),
				    (ull)p->node->metrics.faults[k]);
}

static void put_refusals(const struct page *p, const struct family *f)
{
#define REFUSAL(id, number, cause, code, text) \
	evbuffer_add_printf(p->out, "%s{cause=\"%s\"} %llu\n", f->name, cause, \
			    (ull)p->node->metrics.refused[number]);
	KH_ERRORS(REFUSAL)
#undef REFUSAL
}

static void put_clients(const struct page *p, const struct family *f)
{
	evbuffer_add_printf(p->out, "%s %u\n", f->name, ctl_clients(p->node->ctl));
}

static void put_dropped(const struct page *p, const struct family *f)
{
	evbuffer_add_printf(p->out, "%s %llu\n", f->name, (ull)ctl_events_dropped(p->node->ctl));
}

_Static_assert(FAULT_KIND_COUNT <= METRIC_FAULTS_MAX, "room for every kind of fault");

#define STATUS(name, daemons, key, help) \
	{ \
		name, "gauge", "", help, daemons, put_status, key, 0 \
	}
#define OWN_true(id, name, help) \
	{"keyhop_" name "_total", "counter", "", help, ALL, put_counter, NULL, METRIC_##id},
#define OWN_false(id, name, help)
#define COUNTER(id, name, own, help) OWN_##own(id, name, help)

/* clang-format off */
static const struct family families[] = {
	{"keyhop_build_info", "gauge", "daemon,version", "Version of this daemon.", ALL, put_build, NULL, 0},
	{"process_cpu_seconds_total", "counter", "", "Processor time, user and system.", ALL, put_cpu, NULL, 0},
	{"process_virtual_memory_bytes", "gauge", "", "Virtual memory.", ALL, put_memory, NULL, 0},
	{"process_resident_memory_bytes", "gauge", "", "Resident memory.", ALL, put_memory, NULL, 1},
	{"process_start_time_seconds", "gauge", "", "Start, in seconds since 1970.", ALL, put_start, NULL, 0},
	STATUS("process_open_fds", ALL, "fds", "Open descriptors."),
	STATUS("keyhop_heap_bytes", ALL, "heap_bytes", "Heap in use, without SQLite."),
	STATUS("keyhop_store_bytes", ALL, "store_bytes", "Heap in use by SQLite."),
	{"keyhop_ues", "gauge", "state", "UE contexts in each state.", ALL, put_ues, NULL, 0},
	{"keyhop_enbs", "gauge", "state", "eNodeBs known, with and without an association.", MME, put_enbs, NULL, 0},
	STATUS("keyhop_subscribers", MME, "subscribers", "Subscribers."),
	STATUS("keyhop_s1_up", ENB, "s1_up", "Is the association with the MME up?"),
	{"keyhop_neighbours", "gauge", "state", "Neighbours, with and without an association.", ENB, put_neighbours, NULL, 0},
	{"keyhop_cells", "gauge", "state", "Cells, in reach or not.", UE, put_cells, NULL, 0},
	{"keyhop_handovers_total", "counter", "scheme,result,cause", "Handovers that ended here.", ALL, put_handovers, NULL, 0},
	{"keyhop_handover_duration_seconds", "histogram", "scheme,phase",
	 "Phases: prepare 7 to 9 and execute 9 to 11 at the source, complete 10 to 13 at the target.", ALL, put_histograms, NULL, 0},
	{"keyhop_ue_interruption_seconds", "histogram", "scheme",
	 "No user data: 9 to the acknowledgement of 10, at the UE.", ALL, put_histograms, NULL, 0},
	{"keyhop_messages_total", "counter", "direction,message", "Messages.", ALL, put_messages, NULL, 0},
	{"keyhop_message_bytes_total", "counter", "direction,message",
	 "Octets of messages, without framing and TLS.", ALL, put_octets, NULL, 0},
	{"keyhop_key_derivations_total", "counter", "key", "Keys this node came to hold.", ALL, put_keys, NULL, 0},
	{"keyhop_key_wraps_total", "counter", "wrap", "KeNBs wrapped (3c).", ALL, put_wraps, NULL, 0},
	{"keyhop_key_unwraps_total", "counter", "wrap,result", "Wrapped keys opened or refused (7a).", ALL, put_unwraps, NULL, 0},
	{"keyhop_wrapped_keys_stale_total", "counter", "",
	 "Wrapped keys refused for an old generation or an unknown key id.", ALL, put_stale, NULL, 0},
	{"keyhop_hkey_issues_total", "counter", "reason", "H_keys issued (3a).", ALL, put_hkeys, NULL, 0},
	{"keyhop_wrapped_list_entries", "histogram", "scheme", "Wrapped keys in a list (4, 13).", ALL, put_histograms, NULL, 0},
	{"keyhop_enb_key_age_seconds", "gauge", "enb", "Age of the MME-eNB_key in use.", MME | ENB, put_key_ages, NULL, 0},
	{"keyhop_tls_handshakes_total", "counter", "result", "TLS handshakes.", ALL, put_handshakes, NULL, 0},
	{"keyhop_certificate_expiry_timestamp_seconds", "gauge", "certificate",
	 "End of own certificate and of that of the CA, in seconds since 1970; 0 without TLS.", MME | ENB, put_expiry, NULL, 0},
	{"keyhop_crl_next_update_timestamp_seconds", "gauge", "",
	 "When the revocation list should be replaced, in seconds since 1970; 0: none.", MME | ENB, put_crl, NULL, 0},
	{"keyhop_crl_entries", "gauge", "", "Certificates in the revocation list.", MME | ENB, put_crl, NULL, 1},
	{"keyhop_faults_fired_total", "counter", "fault", "Faults on purpose that met their message.", ALL, put_faults, NULL, 0},
	{"keyhop_refusals_total", "counter", "cause", "What was refused.", ALL, put_refusals, NULL, 0},
	{"keyhop_control_clients", "gauge", "", "Clients of the control socket.", ALL, put_clients, NULL, 0},
	{"keyhop_events_dropped_total", "counter", "",
	 "Events that slow readers of the control socket missed.", ALL, put_dropped, NULL, 0},
	METRICS(COUNTER)
};
/* clang-format on */

void metrics_text(struct node *n, struct evbuffer *out)
{
	const struct page p = {n, daemon_status(n), out};

	for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
		const struct family *f = &families[i];
		if (!(f->daemons & MASK(n->role)))
			continue;
		evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name,
				    f->type);
		f->put(&p, f);
	}
	json_decref(p.status);
}

json_t *metric_families_json(const struct daemon *d)
{
	json_t *out = json_array();

	for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
		const struct family *f = &families[i];
		if (f->daemons & MASK(d->role))
			json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s}", "name",
							     f->name, "type", f->type, "labels",
							     f->labels, "help", f->help));
	}
	return out;
}
