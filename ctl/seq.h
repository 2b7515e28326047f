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
};

struct seq_row {
	char ts[32]; /* as in events */
	char step[8], ue[16], key[24], fp[12];
	char text[128];
	unsigned from, to; /* lanes; the same for a note */
	enum seq_protection protection;
	uint32_t about; /* an eNodeB: whose key, or which target; 0: none */
	uint64_t gen;
	uint64_t order;
	int match; /* 1: MME, target and UE agree; -1: they do not; 0: nothing to compare */
};

struct seq {
	struct seq_lane lanes[SEQ_LANES_MAX];
	unsigned n_lanes;
	struct seq_row *rows;
	size_t n, room;
	char ue[16]; /* rows of this UE only; "": all */
};

void seq_free(struct seq *s);
/* The lane of a name; a new one when there is room, else the last. */
unsigned seq_lane(struct seq *s, const char *name);
struct seq_row *seq_add(struct seq *s);
/* MME, eNodeBs, UEs; rows by time and, in one microsecond, by the order of the steps; agreement of fingerprints. */
void seq_finish(struct seq *s);

/* One event of a node. What an event means needs lanes that may be learnt later: first all of them to seq_learn(), then
 * all to seq_event(). */
void seq_learn(struct seq *s, const json_t *event);
void seq_event(struct seq *s, const json_t *event);
/* All packets of a capture. 0, or -1 after a printed error. */
int seq_capture(struct seq *s, const char *path);

/* May the node of `lane` read this row? It has the keys of its protection, or holds the same key. */
bool seq_can_read(const struct seq *s, const struct seq_row *row, unsigned lane);

void seq_text_head(const struct seq *s, FILE *out);
void seq_text_row(const struct seq *s, const struct seq_row *row, FILE *out);
void seq_text(const struct seq *s, FILE *out);
void seq_mermaid(const struct seq *s, FILE *out);
void seq_plantuml(const struct seq *s, FILE *out);
void seq_html(const struct seq *s, FILE *out);

#endif
