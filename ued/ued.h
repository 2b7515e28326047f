/* ued's context and its tables: cells in reach and UEs. */
#ifndef KEYHOP_UED_H
#define KEYHOP_UED_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "air.h"
#include "fsm.h"
#include "kdf.h"
#include "milenage.h"
#include "nas.pb-c.h"
#include "nas_msg.h"
#include "nas_sec.h"
#include "node.h"
#include "options.h"
#include "pdcp.h"
#include "rrc.pb-c.h"
#include "rrc_msg.h"
#include "subscriber.h"

#define HKEYS_KEPT 2 /* the two newest generations */
#define RSRP_UNKNOWN (-14000)

struct ctl_request;
struct loop_timer;
struct sqlite3_stmt;
struct store;
struct ue_node;
struct ue_scheme;
struct move;

/* One cell; its connection carries all UEs of this process. */
struct cell {
	struct ue_node *node;
	uint32_t id;
	char name[NODE_NAME_MAX + 1];
	struct conn_peer at; /* of its Uu */
	struct link *link;
	bool up;
	int64_t barred_until_us; /* its certificate was revoked: UEs look for another one by themselves */
	struct loop_timer *timer;
	unsigned attempts;
	struct ue *ues; /* by c_rnti, hh_rnti */
	UT_hash_handle hh;
};

/* Step 5: an H_key with its generation. Generation 0: none. */
struct hkey_slot {
	uint64_t generation;
	struct h_key h_key;
	enum kenb_input input;
};

struct measurement {
	uint32_t cell;
	int32_t rsrp_cdbm;
};

/* Where to go back to while a handover is not confirmed. Holds keys. */
struct fallback {
	struct cell *cell;
	uint16_t c_rnti;
	struct pdcp pdcp;
	uint64_t kenb_gen;
	char kenb_fp[FINGERPRINT_LEN];
	uint32_t target;
	uint8_t confirms; /* 10s sent */
	int64_t left_us;
	struct nas_pdu evidence; /* of each of them */
};

struct ping {
	struct ctl_request *req;
	struct loop_timer *timer;
	int64_t sent_us; /* 0: waits for the end of a handover */
	uint16_t seq;
	uint8_t data[16];
};

struct ue {
	struct ue_node *node;
	uint64_t number; /* rises from each to the next that is added */
	struct imsi imsi;
	struct subscriber_key k;
	struct opc opc;
	struct aka_sqn_array sqns;
	struct fsm_state fsm; /* ue_fsm.c */
	bool wanted; /* attached, or to be attached again when it is lost */
	bool rejected; /* so ended its last attach: the next one has to wait */
	uint8_t attempts; /* to attach again, in a row */
	uint8_t detaches; /* DETACH REQUESTs sent */
	uint16_t c_rnti;
	uint32_t last_cell; /* where it was attached last */
	uint32_t mme_ue_id;
	uint64_t identity; /* random, while SRB0 is in use */
	struct cell *cell; /* serving, or being tried */
	struct air air;
	struct kasme kasme;
	struct nas_sec nas;
	struct pdcp pdcp;
	struct hkey_slot hkeys[HKEYS_KEPT]; /* newest first */
	uint64_t gen_floor; /* newest generation a key was installed of, since EPS AKA */
	uint64_t kenb_gen;
	char kenb_fp[FINGERPRINT_LEN];
	struct fallback *fallback;
	struct measurement *measured;
	size_t n_measured;
	int32_t a3_offset_cdb;
	uint32_t a3_hysteresis_cdb, a3_time_to_trigger_ms;
	struct loop_timer *a3_timer;
	struct ctl_request *req; /* attach or detach that somebody waits for */
	struct ping *ping;
	struct move *move; /* on its way through cells, or NULL */
	uint16_t ping_seq;
	UT_hash_handle hh; /* by IMSI */
	UT_hash_handle hh_rnti; /* of the cell */
	UT_hash_handle hh_identity; /* by identity */
};

struct ue_node {
	struct node node; /* first */
	struct ued_options opt;
	struct cell *cells;
	struct ue *ues, *ues_by_identity;
	uint64_t ues_come; /* since the start */
	const struct ue_scheme *scheme;
	struct store *store; /* of the USIMs */
	struct sqlite3_stmt *put_usim;
	struct air_quality air; /* of all UEs that have none of their own, and of new ones */
};

extern const struct daemon ued_daemon;

/* cell.c */
struct cell *cell_find(struct ue_node *u, uint32_t id);
struct cell *cell_resolve(struct ue_node *u, const char *text);
int cells_open(struct ue_node *u, char *why, size_t why_len) KH_MUST_CHECK;
void cells_close(struct ue_node *u);

/* ue.c */
struct ue *ue_find(struct ue_node *u, const char *imsi);
struct ue *ue_find_rnti(struct cell *c, uint32_t c_rnti);
struct ue *ue_find_identity(struct ue_node *u, uint64_t identity);
struct ue *ue_add(struct ue_node *u,
		  const struct subscriber *s); /* NULL when it exists or at the limit */
/* Which of the two it was: KH_E_ALREADY_EXISTS or KH_E_NO_RESOURCES. */
int ue_add_refusal(struct ue_node *u, const struct subscriber *s);
/* From now on it attaches by itself, if it is wanted. */
void ue_start(struct ue *ue);
void ue_free(struct ue *ue);
/* The UE is known by `c_rnti` in `cell` from now on. */
void ue_bind(struct ue *ue, struct cell *cell, uint16_t c_rnti);
void ue_unbind(struct ue *ue);
/* A new random identity for SRB0, or none. */
void ue_new_identity(struct ue *ue);
void ue_drop_identity(struct ue *ue);
/* Wipes all that belongs to a connection or a registration. */
void ue_forget_security(struct ue *ue);
struct node_event ue_event(const struct ue *ue, const char *topic, const char *step);
struct uu_end ue_radio(struct ue *ue);
int ue_send(struct ue *ue, const Keyhop__Rrc__Rrc *msg);
int ue_send_srb0(struct ue *ue, const Keyhop__Rrc__Rrc *msg);
int nas_send(struct ue *ue, enum nas_header type, const Keyhop__Nas__Nas *msg);

/* usim.c: what a USIM remembers while this process is down. */
int usim_open(struct ue_node *u, char *why, size_t why_len) KH_MUST_CHECK;
void usim_close(struct ue_node *u);
/* An SQN was accepted; before its answer leaves. */
void usim_write(struct ue_node *u, const struct ue *ue);

/* dispatch_table.c */
void uu_dispatch(struct cell *c, const uint8_t *data, size_t len);

/* ctl_air.c: one line of the log about a radio that is not as it was. */
void air_warn(const char *whose, const struct air_quality *q);

/* traffic.c */
void traffic_ping(struct ue *ue, struct ctl_request *req);
void traffic_rx(struct ue *ue, const ProtobufCBinaryData *pdu);
void traffic_end(struct ue *ue, int err);
/* The UE has come to a state: a ping that waited for the end of a handover goes. */
void traffic_settled(struct ue *ue);

/* move.c: of a UE on its way through cells. It has arrived in a cell; it is not attached any more. */
void move_arrived(struct ue *ue);
void move_end(struct ue *ue, int err);

/* measurement.c */
void measurement_set(struct ue *ue, const struct measurement *m, size_t n);
/* The best neighbour for which A3 holds; NULL when it holds for none. */
const struct measurement *measurement_a3(const struct ue *ue);

/* passage.c: what is known of a message besides (daemon.h). */
void passage_tell(void *node, const struct passage *p, struct node_event *ev);

#endif
