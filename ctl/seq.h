/* A run as a sequence of rows: an arrow for each message between two lanes, a note for each key that a node comes to
 * hold. Made from events or from captures; drawn as text, Mermaid, PlantUML or a page. */
#ifndef KEYHOP_CTL_SEQ_H
#define KEYHOP_CTL_SEQ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define SEQ_LANES_MAX 64

/* X(constant, name, help) */
/* clang-format off */
#define SEQ_PROTECTIONS(X) \
	X(NOTE, "note", "inside a node") \
	X(CLEAR, "clear", "not protected") \
	X(TUNNEL, "tunnel", "TLS between the two ends") \
	X(NAS, "nas", "between UE and MME, relayed unread") \
	X(RRC, "rrc", "between UE and its eNodeB")
/* clang-format on */

enum seq_protection {
#define SEQ_PROTECTION_ENUM(id, name, help) SEQ_##id,
	SEQ_PROTECTIONS(SEQ_PROTECTION_ENUM)
#undef SEQ_PROTECTION_ENUM
		SEQ_PROTECTION_COUNT
};
const char *seq_protection_name(enum seq_protection p);

enum seq_role { SEQ_OTHER, SEQ_MME, SEQ_ENB, SEQ_UE };

struct seq_lane {
	char name[64];
	enum seq_role role;
	uint32_t enb; /* 0: not known */
	bool traced; /* it tells of its messages */
};

struct seq_row {
	char ts[32]; /* as in events */
	char step[8], ue[16], key[24], fp[12];
	char text[128];
	unsigned from, to; /* lanes; the same for a note */
	enum seq_protection protection;
	uint32_t about; /* an eNodeB: whose key, or which target; 0: none */
	uint64_t gen;
	size_t rank, order; /* among rows of one time: by step, then as they came */
	int match; /* 1: MME, target and UE agree; -1: one has another key; 0: not all are known */
};

struct seq {
	struct seq_lane lanes[SEQ_LANES_MAX];
	unsigned n_lanes;
	struct seq_row *rows;
	size_t n, room, count; /* there are now; were added in all */
	char ue[16]; /* rows of this UE only; "": all */
	bool all; /* every message, as a capture or traces tell of them */
	bool traces; /* some lane is traced */
	bool mismatch; /* some row has one */
	struct seq_fact *facts; /* who holds what */
};

void seq_free(struct seq *s);
/* The lane of a name; a new one when there is room, else the last, which stands for all others. */
unsigned seq_lane(struct seq *s, const char *name);
/* The lane of an eNodeB or of the only node of another role; a new one of that name when nobody is known. */
unsigned seq_lane_of_enb(struct seq *s, uint32_t enb);
unsigned seq_lane_of_role(struct seq *s, enum seq_role role, const char *name);
/* A new row, the last one. */
struct seq_row *seq_add(struct seq *s);
/* Rows by time and, in one microsecond, by the order of the steps; drops those of other UEs; agreement of
 * fingerprints. */
void seq_settle(struct seq *s);
/* All that, and lanes in order: MME, eNodeBs, UEs. */
void seq_finish(struct seq *s);
/* Empties the rows; who holds what stays known. */
void seq_clear_rows(struct seq *s);

/* One event of a node. What an event means needs lanes that may be learnt later: first all of them to seq_learn(), then
 * all to seq_event(). */
void seq_learn(struct seq *s, const json_t *event);
void seq_event(struct seq *s, const json_t *event);
/* The lane's node tells of its messages: they stand for those that procedures tell of. */
void seq_trace(struct seq *s, unsigned lane);
/* What an event tells beside its node's lane, if anything; it is no arrow then. */
void seq_note(struct seq *s, const json_t *event);
bool seq_is_arrow(struct seq *s, const json_t *event);
/* What the message of a step is called; NULL for no step of a message. */
const char *seq_step_text(const char *step);
/* Place of a step in the order of the contribution. */
size_t seq_rank(const char *step);
/* All packets of a capture. 0, or -1 after a printed error. */
int seq_capture(struct seq *s, const char *path);
/* Events of all nodes of a run directory as they come, until interrupted. An exit code. */
int seq_follow(struct seq *s, const char *dir, bool print, FILE *out);

/* May the node of `lane` read this row? It has the keys of its protection, or holds the same key. */
bool seq_can_read(const struct seq *s, const struct seq_row *row, unsigned lane);

/* What a row says: "7a kenb gen 1 fp 16aa9816", or step and name of a message. */
void seq_label(const struct seq_row *row, char *out, size_t len);

/* The same without the fingerprint, short enough for a box. */
void seq_note_label(const struct seq_row *row, char *out, size_t len);

void seq_text_head(const struct seq *s, FILE *out);
void seq_text_row(const struct seq *s, const struct seq_row *row, FILE *out);
void seq_text(const struct seq *s, FILE *out);
void seq_mermaid(const struct seq *s, FILE *out);
void seq_plantuml(const struct seq *s, FILE *out);
void seq_html(const struct seq *s, FILE *out);

#endif
