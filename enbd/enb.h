/* enbd's context and its tables: the MME, neighbours, Uu links, UEs, floors. */
#ifndef KEYHOP_ENB_H
#define KEYHOP_ENB_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "keys.h"
#include "net.h"
#include "node.h"
#include "options.h"
#include "pdcp.h"
#include "rrc.pb-c.h"
#include "s1.pb-c.h"
#include "wrap.h"
#include "x2.pb-c.h"

struct ctl_request;
struct enb;
struct enb_scheme;
struct listener;
struct loop_timer;

enum assoc_state { ASSOC_DOWN, ASSOC_SETUP, ASSOC_UP };

/* The association with the MME. */
struct s1 {
	struct link *link; /* NULL while down */
	enum assoc_state state;
	char mme_name[NODE_NAME_MAX + 1];
	struct loop_timer *timer; /* to connect again, or for the answer to the setup */
	unsigned attempts;
};

/* One X2 connection; `nb` is set once X2 setup said who it is. */
struct x2_peer {
	struct enb *enb;
	struct link *link;
	struct neighbour *nb;
	bool outbound;
	char name[ENDPOINT_TEXT_LEN];
	struct loop_timer *timer; /* setup */
	struct x2_peer *prev, *next;
};

struct neighbour {
	struct enb *enb;
	uint32_t id;
	char name[NODE_NAME_MAX + 1];
	struct endpoint ep;
	bool configured;
	bool connecting;
	struct x2_peer *peer; /* set up, or NULL */
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
	int64_t begun_us;
	struct ctl_request *req; /* somebody waits for the outcome, or NULL */
	struct loop_timer *timer;
	UT_hash_handle hh;
};

struct ue {
	struct enb *enb;
	uint16_t c_rnti;
	uint8_t state;
	uint8_t eea_caps, eia_caps;
	bool list_asked; /* a 3 is on its way */
	uint32_t mme_ue_id;
	struct imsi label;
	struct uu_link *uu; /* NULL until 10 at the target, and after the radio was lost */
	struct pdcp pdcp;
	uint64_t kenb_gen;
	char kenb_fp[FINGERPRINT_LEN];
	struct key_list *list;
	uint64_t delivered_gen; /* newest message 5 handed to the UE */
	uint32_t decided; /* 6a: target of a decision not yet acted on */
	struct ho *ho; /* leaving */
	uint32_t source, source_ho_id; /* arriving: where from */
	struct loop_timer *timer; /* setup or arrival */
	uint8_t *evidence; /* of a 12 the MME has not answered yet */
	size_t evidence_len;
	struct ue *prev, *next; /* of the Uu link */
	UT_hash_handle hh; /* by c_rnti */
	UT_hash_handle hh_mme; /* by mme_ue_id */
	UT_hash_handle hh_label; /* by IMSI */
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
	enum wrap_type wrap;
	struct loop_timer *grace;
	struct listener *x2, *uu;
	struct neighbour *neighbours;
	struct x2_peer *x2_peers;
	struct uu_link *uu_links;
	struct ue *ues, *ues_by_mme_id, *ues_by_label;
	struct ho *hos;
	struct floor *floors;
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
void ue_set_label(struct ue *ue, const char *imsi);
void ue_bind_uu(struct ue *ue, struct uu_link *uu);
const char *ue_name(const struct ue *ue);
struct node_event ue_event(const struct ue *ue, const char *topic, const char *step);
int ue_send(struct ue *ue, const Keyhop__Rrc__Rrc *msg);
void ue_drop_list(struct ue *ue);

/* s1_association.c */
void s1_connect(struct enb *e);
void s1_close(struct enb *e, int cause);
int s1_send(struct enb *e, const Keyhop__S1__S1 *msg);
bool s1_is_up(const struct enb *e);

/* x2_association.c, neighbour.c */
int x2_listen(struct enb *e, char *why, size_t why_len) KH_MUST_CHECK;
void x2_close_all(struct enb *e);
void x2_connect(struct neighbour *nb);
void x2_drop(struct x2_peer *p, int cause);
void x2_retry(struct neighbour *nb);
int x2_send(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *msg);
struct neighbour *neighbour_find(struct enb *e, uint32_t id);
struct neighbour *neighbour_resolve(struct enb *e, const char *text);
struct neighbour *neighbour_add(struct enb *e, uint32_t id, const char *name,
				const struct endpoint *ep);
void neighbour_free(struct neighbour *nb);
/* Ids of the configured neighbours; at most `max`. */
size_t neighbour_ids(const struct enb *e, uint32_t *out, size_t max);

/* uu.c */
int uu_listen(struct enb *e, char *why, size_t why_len) KH_MUST_CHECK;
void uu_close_all(struct enb *e);

/* dispatch_table.c */
void s1_dispatch(struct enb *e, const uint8_t *data, size_t len);
void x2_dispatch(struct x2_peer *p, const uint8_t *data, size_t len);
void uu_dispatch(struct uu_link *uu, const uint8_t *data, size_t len);

/* Key ids known here; NULL is unknown-key-id. */
const struct mme_enb_key *key_by_id(const struct enb *e, uint32_t key_id);

#endif
