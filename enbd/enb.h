/* enbd's context and its tables: the MME, neighbours, Uu links, UEs, floors. */
#ifndef KEYHOP_ENB_H
#define KEYHOP_ENB_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "fsm.h"
#include "keys.h"
#include "liveness.h"
#include "node.h"
#include "options.h"
#include "pdcp.h"
#include "rrc.pb-c.h"
#include "rrc_msg.h"
#include "s1.pb-c.h"
#include "wrap.h"
#include "x2.pb-c.h"

struct ctl_request;
struct enb;
struct enb_scheme;
struct listener;
struct loop_timer;

/* The association with the MME. */
struct s1 {
	struct link *link; /* NULL while down */
	struct fsm_state fsm; /* s1_fsm.c */
	char mme_name[NODE_NAME_MAX + 1];
	uint64_t
		mme_instance; /* of the last setup; another one: the MME has lost its UE contexts */
	struct liveness liveness;
	unsigned attempts;
	bool held; /* an operator wants it down */
	bool source_updates; /* location_update: source, as the MME said in S1 setup */
};

/* One X2 connection; `nb` is set once X2 setup said who it is. */
struct x2_peer {
	struct enb *enb;
	struct fsm_state fsm; /* x2_fsm.c */
	struct link *link; /* NULL before it is made, and once it ended by itself */
	struct neighbour *nb;
	bool outbound;
	char name[ENDPOINT_TEXT_LEN];
	struct liveness liveness;
	struct x2_peer *prev, *next;
};

struct neighbour {
	struct enb *enb;
	uint32_t id;
	char name[NODE_NAME_MAX + 1];
	struct conn_peer at; /* of its X2 */
	bool configured;
	bool connecting;
	bool revoked; /* its certificate is; until it comes with another one */
	struct x2_peer *peer; /* set up, or NULL */
	struct ctl_request *probe; /* somebody waits for its heartbeat, or NULL */
	struct loop_timer *probe_timer; /* while somebody waits */
	int64_t probed_us;
	struct loop_timer *timer;
	unsigned attempts;
	UT_hash_handle hh;
};

/* One connection of a ued; carries many UEs. */
struct uu_link {
	struct enb *enb;
	struct link *link;
	char name[ENDPOINT_TEXT_LEN];
	struct ue *ues;
	struct uu_link *prev, *next;
};

/* An entry of a list (messages 4 and 13); opaque to this eNodeB. */
struct key_entry {
	uint32_t enb_id, key_id;
	uint8_t len;
	bool burnt; /* sent in a 7, whatever came of it */
	uint8_t wrapped[WRAP_MAX_LEN];
};

struct key_list {
	uint64_t generation;
	int64_t taken_us; /* when it came */
	size_t n;
	struct key_entry entry[];
};

/* One handover attempt at the source. */
struct ho {
	uint32_t id;
	struct enb *enb;
	uint16_t c_rnti; /* of the UE here */
	uint32_t target;
	uint64_t generation;
	int64_t begun_us, requested_us, commanded_us;
	struct ctl_request *req; /* somebody waits for the outcome, or NULL */
	bool may_wait; /* for a list, and for a second one when the target knows the key no more */
	bool second; /* this is the attempt with the second list */
	bool sent; /* the target knows of it: 7 went out */
	bool newer; /* a newer H_key was handed to the UE since then */
	UT_hash_handle hh;
};

/* A NAS PDU that is kept for a while. */
struct held_nas {
	uint8_t *pdu; /* NULL: none */
	size_t len;
};

struct ue {
	struct enb *enb;
	uint64_t number; /* rises from each to the next that comes */
	uint16_t c_rnti;
	struct fsm_state fsm; /* ue_fsm.c */
	uint8_t eea_caps, eia_caps;
	int64_t list_asked_us; /* when a 3 went out that is not answered yet; 0: none */
	uint32_t mme_ue_id;
	struct imsi label;
	struct uu_link *uu; /* NULL until 10 at the target, and after the radio was lost */
	struct pdcp pdcp;
	uint64_t kenb_gen;
	char kenb_fp[FINGERPRINT_LEN];
	struct key_list *list;
	struct key_list *relayed; /* a 13 by way of the old source, until the MME's 5 names it */
	uint64_t delivered_gen; /* newest message 5 handed to the UE */
	uint32_t decided; /* 6a: target of a decision not yet acted on */
	struct ho *ho; /* leaving */
	uint32_t left_for; /* target of the last attempt: what a re-establishment names */
	int64_t returned_us; /* when it asked for one last */
	struct arrival {
		uint32_t source,
			ho_id; /* where it came from, and how that eNodeB calls the attempt */
		int64_t confirmed_us; /* its 10; 0 when its 12 was answered */
	} arrival;
	struct held_nas held; /* ATTACH ACCEPT, until the UE can take it */
	struct held_nas evidence; /* of a 12 the MME has not answered yet */
	struct ue *pending_prev, *pending_next; /* of enb.pending */
	struct ue *prev, *next; /* of the Uu link */
	UT_hash_handle hh; /* by c_rnti */
	UT_hash_handle hh_mme; /* by mme_ue_id */
	UT_hash_handle hh_label; /* by IMSI */
	UT_hash_handle hh_arrival; /* by arrival, once it came by handover */
};

/* Highest generation accepted for a UE in a 7. Worth keeping as long as the key it came under. */
struct floor {
	uint32_t mme_ue_id, key_id;
	uint64_t generation;
	UT_hash_handle hh;
};

struct enb {
	struct node node; /* first */
	struct enb_options opt;
	struct s1 s1;
	struct mme_enb_key key, previous; /* id 0: none */
	int64_t key_us; /* when `key` was installed */
	struct loop_timer *grace;
	struct listener *x2, *uu;
	struct neighbour *neighbours;
	struct x2_peer *x2_peers;
	uint32_t n_x2_peers;
	struct uu_link *uu_links;
	uint32_t n_uu_links;
	struct ue *ues, *ues_by_mme_id, *ues_by_label, *ues_by_arrival;
	struct ue *pending; /* the MME owes an answer to a 3 or a 12 */
	struct loop_timer *pending_timer; /* while there are any */
	struct loop_timer *list_timer; /* lists that grow old */
	struct ho *hos;
	struct floor *floors;
	uint64_t ues_come; /* since the start */
	uint32_t next_ho_id;
	uint16_t next_c_rnti;
	const struct enb_scheme *scheme;
};

extern const struct daemon enb_daemon;

/* ue.c */
struct ue *ue_find(struct enb *e, uint32_t c_rnti);
struct ue *ue_find_mme_id(struct enb *e, uint32_t mme_ue_id);
/* By IMSI, MME-UE-id or "rnti-<n>", for operators. */
struct ue *ue_resolve(struct enb *e, const char *text);
struct ue *ue_add(struct enb *e); /* NULL when the limit is reached */
void ue_free(struct ue *ue);
void ue_bind_mme_id(struct ue *ue, uint32_t mme_ue_id);
/* Operators find the UE by its IMSI, unless another context has it: the one that is served takes it over. */
void ue_set_label(struct ue *ue, const char *imsi);
void ue_take_label(struct ue *ue);
void ue_bind_uu(struct ue *ue, struct uu_link *uu);
const char *ue_name(const struct ue *ue);
struct node_event ue_event(const struct ue *ue, const char *topic, const char *step);
struct uu_end ue_radio(struct ue *ue);
int ue_send(struct ue *ue, const Keyhop__Rrc__Rrc *msg);
void ue_drop_list(struct ue *ue);
/* The arrival that `source` calls `ho_id`, also once it is complete. */
struct ue *ue_find_arrival(struct enb *e, uint32_t source, uint32_t ho_id);
void ue_set_arrival(struct ue *ue, uint32_t source, uint32_t ho_id);
void held_nas_keep(struct held_nas *h, const uint8_t *pdu, size_t len);
void held_nas_drop(struct held_nas *h);
/* Between RRC connection and ATTACH ACCEPT; served by this cell and not about to leave. */
bool ue_is_attaching(const struct ue *ue);
bool ue_is_served(const struct ue *ue);

/* s1_association.c */
int s1_peer(const struct enb_options *opt, struct conn_peer *out, char *why,
	    size_t why_len) KH_MUST_CHECK;
void s1_close(struct enb *e);
/* The association is down: closes its link, and tells those who cannot go on without it. */
void s1_gone(struct enb *e, bool was_up);
/* The association is up: what waited for the MME goes on. */
void s1_back(struct enb *e);
/* A revocation list came. Own certificate in it: UEs begin anew elsewhere. */
void s1_crl_loaded(void *enb);
int s1_send(struct enb *e, const Keyhop__S1__S1 *msg);
bool s1_is_up(const struct enb *e);

/* x2_association.c, neighbour.c */
int x2_check(const struct enb_options *opt, char *why, size_t why_len) KH_MUST_CHECK;
int x2_listen(struct enb *e, char *why, size_t why_len) KH_MUST_CHECK;
void x2_close_all(struct enb *e);
void x2_connect(struct neighbour *nb);
/* Ends what the association was for, closes its link, frees it. */
void x2_free(struct x2_peer *p);
void x2_retry(struct neighbour *nb);
int x2_send(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *msg);
struct neighbour *neighbour_find(struct enb *e, uint32_t id);
struct neighbour *neighbour_resolve(struct enb *e, const char *text);
#define NEIGHBOURS_KNOWN_MAX 1024 /* those that came by themselves, too */
/* NULL: there are as many as can be. */
struct neighbour *neighbour_add(struct enb *e, uint32_t id, const char *name,
				const struct conn_peer *at);
/* Its certificate is in the revocation list: UEs go there no more. */
void neighbour_revoke(struct neighbour *nb);
/* 0, or why no UE can be handed over to it now; NULL is no neighbour. */
int neighbour_reach(const struct neighbour *nb);
void neighbour_free(struct neighbour *nb);
/* ctl_links.c: the neighbour answered a heartbeat (0), or is gone, or did not answer in time: whoever asked is told. */
void neighbour_probed(struct neighbour *nb, int err);
/* Ids of the configured neighbours, without revoked ones; at most `max`. */
size_t neighbour_ids(const struct enb *e, uint32_t *out, size_t max);

/* uu.c */
int uu_check(const struct enb_options *opt, char *why, size_t why_len) KH_MUST_CHECK;
int uu_listen(struct enb *e, char *why, size_t why_len) KH_MUST_CHECK;
void uu_close_all(struct enb *e);
/* On SRB0; `c_rnti` is 0 before the UE has one. */
int uu_send(struct uu_link *uu, uint32_t c_rnti, const Keyhop__Rrc__Rrc *msg);

/* dispatch_table.c */
void s1_dispatch(struct enb *e, const uint8_t *data, size_t len);
void x2_dispatch(struct x2_peer *p, const uint8_t *data, size_t len);
void uu_dispatch(struct uu_link *uu, const uint8_t *data, size_t len);

/* Key ids known here; NULL is unknown-key-id. */
const struct mme_enb_key *key_by_id(const struct enb *e, uint32_t key_id);

/* passage.c: what is known of a message besides (daemon.h). */
void passage_tell(void *enb, const struct passage *p, struct node_event *ev);

#endif
