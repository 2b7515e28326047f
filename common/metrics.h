/* Counters of a node: one per named cause, one per message and direction, and those of the procedures. */
#ifndef KEYHOP_METRICS_H
#define KEYHOP_METRICS_H

#include <stdint.h>

#include "err.h"
#include "keys.h"
#include "message.h"
#include "wrap.h"

/* X(constant, name in metrics.get, is it a metric of its own for Prometheus?, help). Those that are not have a labelled
 * family there (metrics_text.c). */
/* clang-format off */
#define METRICS(X) \
	X(LINKS_UP, "links_up", true, "Associations of S1, X2 and Uu that came up.") \
	X(LINKS_DOWN, "links_down", true, "Associations of S1, X2 and Uu that ended.") \
	X(ATTACHES, "attaches", true, "UEs attached.") \
	X(DETACHES, "detaches", true, "UEs detached.") \
	X(RESYNCHRONISATIONS, "resynchronisations", true, "SQN resynchronisations of EPS AKA.") \
	X(HKEYS_ISSUED, "hkeys_issued", false, "H_keys picked.") \
	X(HKEYS_RECEIVED, "hkeys_received", true, "H_keys that reached the UE (5).") \
	X(KENBS_DERIVED, "kenbs_derived", false, "KeNBs derived (3b, 9a).") \
	X(KEYS_WRAPPED, "keys_wrapped", false, "KeNBs wrapped (3c).") \
	X(KEYS_UNWRAPPED, "keys_unwrapped", false, "KeNBs unwrapped (7a).") \
	X(MEASUREMENT_REPORTS, "measurement_reports", true, "Measurement reports (6).") \
	X(HANDOVERS_STARTED, "handovers_started", true, "Handovers decided on (6a).") \
	X(HANDOVERS_COMPLETED, "handovers_completed", false, "Handovers completed.") \
	X(HANDOVERS_FAILED, "handovers_failed", false, "Handovers failed.") \
	X(HANDOVERS_WAITED, "handovers_waited_for_list", true, \
	  "Handovers that waited for a list of wrapped keys.") \
	X(REESTABLISHMENTS, "reestablishments", true, "UEs back at the source under the old keys.") \
	X(CRLS_LOADED, "crls_loaded", true, "Certificate revocation lists taken into force.") \
	X(PINGS, "pings", true, "User data there and back.") \
	X(UDP_SHORT, "sctp_udp_short", true, "Datagrams too short for SCTP, dropped.") \
	X(UDP_CRC32C, "sctp_udp_bad_crc32c", true, "Datagrams with a wrong CRC32c, dropped.") \
	X(UDP_NO_LISTENER, "sctp_udp_no_listener", true, \
	  "Datagrams that want an association where nobody listens, dropped.") \
	X(UDP_LIMIT, "sctp_udp_limit", true, "INITs and cookies beyond what is answered, dropped.") \
	X(UDP_NOT_SENT, "sctp_udp_not_sent", true, "Datagrams that could not be sent.") \
	X(UDP_IMPAIRED, "sctp_udp_impaired", true, "Datagrams lost, doubled or late on purpose.") \
	X(AIR_LOST, "air_lost", true, "Messages that the radio lost on purpose.") \
	X(AIR_DELAYED, "air_delayed", true, "Messages that the radio brought late on purpose.") \
	X(FAULTS_FIRED, "faults_fired", false, "Faults on purpose that met their message.")
/* clang-format on */

enum metric {
#define METRIC_ENUM(id, name, own, help) METRIC_##id,
	METRICS(METRIC_ENUM)
#undef METRIC_ENUM
		METRIC_COUNT
};

/* X(constant, family, label, bounds): phases of handovers are measured where both ends of the phase are seen */
/* clang-format off */
#define HISTOGRAMS(X) \
	X(PREPARE, "keyhop_handover_duration_seconds", "phase=\"prepare\"", TIMES) \
	X(EXECUTE, "keyhop_handover_duration_seconds", "phase=\"execute\"", TIMES) \
	X(COMPLETE, "keyhop_handover_duration_seconds", "phase=\"complete\"", TIMES) \
	X(INTERRUPTION, "keyhop_ue_interruption_seconds", "", TIMES) \
	X(LIST_ENTRIES, "keyhop_wrapped_list_entries", "", SIZES)
/* clang-format on */

enum histogram_id {
#define HISTOGRAM_ENUM(id, family, label, bounds) HISTOGRAM_##id,
	HISTOGRAMS(HISTOGRAM_ENUM)
#undef HISTOGRAM_ENUM
		HISTOGRAM_COUNT
};

#define HISTOGRAM_BUCKETS 14

/* Upper ends of the buckets: microseconds, printed as seconds, or numbers. Unused ones are 0. */
struct histogram_bounds {
	int64_t upper[HISTOGRAM_BUCKETS];
	double divisor;
};

struct histogram_row {
	const char *family, *label;
	const struct histogram_bounds *bounds;
};

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS]; /* each counted once; sums are made for who reads */
	uint64_t count;
	int64_t sum;
};

/* X(constant, reason): why an H_key was issued */
#define HKEY_REASONS(X) \
	X(REQUEST, "request") \
	X(LOCATION_UPDATE, "location-update") \
	X(OPERATOR, "operator") \
	X(RENEWAL, "renewal")

enum hkey_reason {
#define HKEY_REASON_ENUM(id, name) HKEY_##id,
	HKEY_REASONS(HKEY_REASON_ENUM)
#undef HKEY_REASON_ENUM
		HKEY_REASON_COUNT
};

#define METRIC_STATES_MAX 32
#define METRIC_FAULTS_MAX 16

struct metrics {
	uint64_t count[METRIC_COUNT];
	uint64_t refused[KH_CAUSE_MAX];
	uint64_t handovers_failed[KH_CAUSE_MAX];
	uint64_t rx[MESSAGE_ROWS_MAX], tx[MESSAGE_ROWS_MAX];
	uint64_t rx_bytes[MESSAGE_ROWS_MAX], tx_bytes[MESSAGE_ROWS_MAX];
	uint64_t keys[KEY_KIND_COUNT];
	uint64_t wrapped[WRAP_TYPES], unwrapped[WRAP_TYPES], not_unwrapped[WRAP_TYPES];
	uint64_t hkeys[HKEY_REASON_COUNT];
	uint64_t faults[METRIC_FAULTS_MAX];
	uint32_t ue_states[METRIC_STATES_MAX]; /* UE contexts in each state but the first */
	struct histogram histogram[HISTOGRAM_COUNT];
};

struct json_t;

const char *metric_name(enum metric m);
extern const struct histogram_row histogram_rows[HISTOGRAM_COUNT];
extern const char *const hkey_reason_names[HKEY_REASON_COUNT];
/* `value` in microseconds, or a number: the unit of its bounds. */
void histogram_add(struct metrics *m, enum histogram_id id, int64_t value);
/* {"counters": {..}, "refused": {..}, "rx": {"s1.enb_key": n}, "tx": {..}}; every name is there, zeros too. */
struct json_t *metrics_json(const struct metrics *m);

#endif
