/* mmed's context and its tables: associations, eNodeBs, UEs, subscribers. */
#ifndef KEYHOP_MME_H
#define KEYHOP_MME_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "fsm.h"
#include "liveness.h"
#include "nas.pb-c.h"

#include "keys.h"
#include "milenage.h"
#include "nas_sec.h"
#include "node.h"
#include "options.h"
#include "s1.pb-c.h"
#include "store.h"
#include "subscriber.h"
#include "wrap.h"

#define NEIGHBOURS_MAX 256

struct listener;
struct loop_timer;
struct mme;
struct mme_scheme;
struct sent_list;
struct tls_peer;

/* One S1 association. Nameless until S1 setup; then `enb` is set. Owned by the mme's list. */
struct s1_peer {
	struct mme *mme;
	struct fsm_state fsm; /* s1_fsm.c */
	struct link *link; /* NULL once it ended by itself */
	struct enb *enb;
	char name[ENDPOINT_TEXT_LEN]; /* for the log: address, later the eNodeB's name */
	struct liveness liveness;
	struct s1_peer *prev, *next;
};

/* One eNodeB, kept while it is away: its key still opens entries in flight. */
struct enb {
	uint32_t id;
	char name[NODE_NAME_MAX + 1];
	uint64_t instance;
	bool to_store; /* its row in the store is not this one */
	struct s1_peer *peer; /* NULL while away */
	struct mme_enb_key
		key; /* acknowledged: wraps are made under it; id 0 while there is none */
	struct mme_enb_key offered; /* sent in a 2, not acknowledged yet; id 0 when none */
	uint64_t nonce; /* next GCM counter under `key` */
	int64_t key_us; /* when `key` was taken in use */
	struct tls_peer *certificate; /* of its last association; NULL without TLS */
	bool revoked; /* that certificate was, and no other came since */
	struct loop_timer *key_timer;
	struct ue *ues; /* those it serves */
	uint32_t ue_count;
	uint32_t attaches; /* under way here */
	UT_hash_handle hh;
};

/* What only an attach needs; gone once it is over. */
struct attach {
	struct aka_vector vector;
	struct subscriber_entry *subscriber;
	bool resynchronised;
};

struct ue {
	struct mme *mme;
	uint32_t id; /* MME-UE-id */
	uint32_t enb_id, enb_ue_id; /* serving; the eNodeB may be away */
	struct fsm_state fsm; /* ue_fsm.c */
	uint8_t eea_caps, eia_caps;
	struct imsi imsi;
	struct nas_sec nas;
	struct kasme kasme;
	uint64_t gen_issued; /* newest generation given to this UE */
	uint64_t gen_floor; /* newest generation proved used by evidence */
	uint8_t detaches; /* DETACH REQUESTs sent */
	uint8_t releases; /* UE CONTEXT RELEASE COMMANDs sent */
	int release_cause; /* of them */
	struct attach *attach;
	struct sent_list *sent; /* NULL: none since the start of this process */
	bool stored; /* a row of it is in the store */
	struct ue *prev, *next; /* of the serving eNodeB */
	struct ue *touched_prev, *touched_next; /* of mme.touched */
	struct ue *renewal_prev, *renewal_next; /* of mme.renewals */
	UT_hash_handle hh; /* by id */
	UT_hash_handle hh_imsi; /* by IMSI, once authenticated */
};

struct subscriber_entry {
	struct subscriber s;
	uint64_t number; /* rises from each to the next that comes */
	UT_hash_handle hh;
};

struct mme {
	struct node node; /* first */
	struct mme_options opt;
	struct listener *s1[1 + S1_LISTENERS_MAX];
	size_t n_s1;
	struct s1_peer *peers;
	uint32_t n_peers;
	struct enb *enbs;
	uint32_t enbs_up;
	uint32_t attaches; /* under way */
	struct ue *ues, *ues_by_imsi;
	struct subscriber_entry *subscribers;
	uint64_t subscribers_come; /* since the start */
	struct store *store;
	struct counter generations, key_ids, ue_ids;
	struct contexts *contexts; /* what the store keeps of UEs and eNodeBs */
	struct ue *touched; /* to be written at the end of this turn */
	struct ue *renewals; /* whose list is to be made anew */
	struct loop_timer *renewal_timer; /* while there are any */
	const struct mme_scheme *scheme;
	/* Room for one list of steps 4 and 13: nothing is allocated per neighbour. */
	struct key_list_room {
		Keyhop__S1__WrappedKey entry[NEIGHBOURS_MAX];
		Keyhop__S1__WrappedKey *at[NEIGHBOURS_MAX];
		uint8_t wrapped[NEIGHBOURS_MAX][WRAP_MAX_LEN];
		char kenb_fp[NEIGHBOURS_MAX][FINGERPRINT_LEN];
		uint32_t unknown[NEIGHBOURS_MAX];
	} room;
};

extern const struct daemon mme_daemon;

/* mme.c. Copies; KH_E_ALREADY_EXISTS, or KH_E_NO_RESOURCES at the limit. */
int mme_subscriber_add(struct mme *m, const struct subscriber *s) KH_MUST_CHECK;
/* Its keys are this node's: the keylog has them. */
void mme_subscriber_keys(struct mme *m, const struct subscriber *s);
/* Wipes and frees; KH_E_BUSY while an attach uses it. */
int mme_subscriber_remove(struct mme *m, struct subscriber_entry *entry) KH_MUST_CHECK;

/* enb.c */
struct enb *enb_find(struct mme *m, uint32_t id);
struct enb *enb_add(struct mme *m, uint32_t id, const char *name);
void enb_free(struct mme *m, struct enb *e);
/* A revocation list came: those whose certificate it names lose their key and, unless a newer certificate is why, their
 * UEs. */
void enb_crl_loaded(void *mme);
/* By number or name, for operators. */
struct enb *enb_resolve(struct mme *m, const char *text);
/* Sends on the eNodeB's association; KH_E_LINK_LOST while it is away. */
int enb_send(struct mme *m, struct enb *e, const Keyhop__S1__S1 *msg);

/* ue.c */
struct ue *ue_find(struct mme *m, uint32_t id);
struct ue *ue_find_imsi(struct mme *m, const char *imsi);
/* New context at `e`, state UE_NEW. NULL when the limit is reached. */
struct ue *ue_add(struct mme *m, struct enb *e, uint32_t enb_ue_id);
/* The same under an id that it had before a restart. */
struct ue *ue_add_as(struct mme *m, uint32_t id, struct enb *e, uint32_t enb_ue_id);
/* An authenticated UE is found by its IMSI. */
void ue_index_imsi(struct mme *m, struct ue *ue);
/* Ends the context, its timers and keys. */
void ue_free(struct mme *m, struct ue *ue);
/* Serving eNodeB changes. */
void ue_move(struct mme *m, struct ue *ue, struct enb *to, uint32_t enb_ue_id);
/* IMSI, or "ue-<id>" before it is known. */
const char *ue_name(const struct ue *ue);
void ue_attach_end(struct ue *ue);
struct node_event ue_event(const struct ue *ue, const char *topic, const char *step);

/* contexts.c: the part of mme.h that survives a restart. */
int contexts_open(struct mme *m, char *why, size_t why_len) KH_MUST_CHECK;
void contexts_close(struct mme *m);
/* Attached UEs and eNodeBs, as they were. KH_E_CONFIG when a row does not open. */
int contexts_load(struct mme *m, char *why, size_t why_len) KH_MUST_CHECK;
void contexts_touch_ue(struct mme *m, struct ue *ue);
void contexts_forget_ue(struct mme *m, struct ue *ue);
void contexts_touch_enb(struct mme *m, struct enb *e);
/* Before a vector with this SQN leaves. */
void contexts_write_sqn(struct mme *m, const struct subscriber *s);

/* s1_listen.c */
int s1_listen_check(const struct mme_options *opt, char *why, size_t why_len) KH_MUST_CHECK;
int s1_listen(struct mme *m, char *why, size_t why_len) KH_MUST_CHECK;
void s1_listen_end(struct mme *m);
struct json_t *s1_listeners_json(const struct mme *m);

/* s1_association.c: accepting and dropping associations. */
listener_accept_fn s1_accept;
void s1_close_all(struct mme *m);
/* Ends what the association was for, closes its link, frees it. */
void s1_free(struct mme *m, struct s1_peer *p);

/* dispatch_table.c */
void s1_dispatch(struct mme *m, struct s1_peer *p, const uint8_t *data, size_t len);
/* Error indication: what was wrong with message `number`; `ue_id` 0 when it is about no UE that is known. */
void s1_answer_error(struct mme *m, struct s1_peer *p, int err, uint32_t ue_id, unsigned number);
/* NAS of a UE, from UplinkNas or InitialUeMessage. */
int nas_dispatch(struct mme *m, struct ue *ue, const uint8_t *pdu, size_t len);
int nas_send(struct mme *m, struct ue *ue, enum nas_header type, const Keyhop__Nas__Nas *msg,
	     uint64_t hkey_generation);

/* passage.c: what is known of a message besides (daemon.h). */
void passage_tell(void *mme, const struct passage *p, struct node_event *ev);

#endif
