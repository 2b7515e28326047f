/* Rows and lanes: order, agreement of fingerprints, and who can read what. */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "mem.h"
#include "seq.h"

#define FACTS_MAX 1000000

static const char *const protections[] = {
#define SEQ_PROTECTION_NAME(id, name, help) name,
	SEQ_PROTECTIONS(SEQ_PROTECTION_NAME)
#undef SEQ_PROTECTION_NAME
};

/* A microsecond may see several steps; this is the order of the contribution. */
static const char *const steps[] = {"1",  "2",	"3", "3a", "3b", "3c", "4",  "5",  "6",	 "6a", "7",
				    "7a", "8a", "8", "9",  "9a", "9b", "10", "11", "12", "13"};
#define N_STEPS (sizeof steps / sizeof steps[0])

const char *seq_protection_name(enum seq_protection p)
{
	return protections[p];
}

/* "lane key fingerprint": who holds it. "step UE generation eNodeB": which KeNB came of that step. */
struct seq_fact {
	char name[128], fp[12];
	UT_hash_handle hh;
};

static struct seq_fact *find_fact(const struct seq *s, const char *name)
{
	struct seq_fact *f;

	HASH_FIND_STR(s->facts, name, f); /* NOLINT(clang-analyzer-*): uthash */
	return f;
}

static void free_facts(struct seq *s)
{
	struct seq_fact *f, *tmp;

	HASH_ITER (hh, s->facts, f, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		HASH_DEL(s->facts, f);
		free(f);
	}
}

static void add_fact(struct seq *s, const char *name, const char *fp)
{
	struct seq_fact *f = find_fact(s, name);

	if (!f) {
		if (HASH_COUNT(s->facts) >= FACTS_MAX)
			free_facts(s);
		f = x_calloc(1, sizeof *f);
		snprintf(f->name, sizeof f->name, "%s", name);
		HASH_ADD_STR(s->facts, name, f); /* NOLINT(clang-analyzer-*): uthash */
	}
	snprintf(f->fp, sizeof f->fp, "%s", fp);
}

void seq_free(struct seq *s)
{
	free_facts(s);
	free(s->rows);
}

void seq_clear_rows(struct seq *s)
{
	s->n = 0;
}

unsigned seq_lane(struct seq *s, const char *name)
{
	for (unsigned i = 0; i < s->n_lanes; i++)
		if (strcmp(s->lanes[i].name, name) == 0)
			return i;
	if (s->n_lanes < SEQ_LANES_MAX) {
		struct seq_lane *lane = &s->lanes[s->n_lanes++];
		bool last = s->n_lanes == SEQ_LANES_MAX;
		snprintf(lane->name, sizeof lane->name, "%s", last ? "others" : name);
	}
	return s->n_lanes - 1;
}

/* One that says nothing itself is called by its number. */
unsigned seq_lane_of_enb(struct seq *s, uint32_t enb)
{
	char name[32];

	for (unsigned i = 0; i < s->n_lanes; i++)
		if (s->lanes[i].role == SEQ_ENB && s->lanes[i].enb == enb)
			return i;
	snprintf(name, sizeof name, "enb%u", enb);
	unsigned i = seq_lane(s, name);
	s->lanes[i].role = SEQ_ENB;
	s->lanes[i].enb = enb;
	return i;
}

unsigned seq_lane_of_role(struct seq *s, enum seq_role role, const char *name)
{
	for (unsigned i = 0; i < s->n_lanes; i++)
		if (s->lanes[i].role == role)
			return i;
	unsigned i = seq_lane(s, name);
	s->lanes[i].role = role;
	return i;
}

void seq_trace(struct seq *s, unsigned lane)
{
	s->lanes[lane].traced = true;
	s->traces = true;
}

struct seq_row *seq_add(struct seq *s)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->rows = x_realloc(s->rows, s->room * sizeof *s->rows);
	}
	s->rows[s->n] = (struct seq_row){.order = s->count++};
	return &s->rows[s->n++];
}

size_t seq_rank(const char *step)
{
	for (size_t i = 0; i < N_STEPS; i++)
		if (strcmp(steps[i], step) == 0)
			return i;
	return N_STEPS;
}

static int by_time(const void *a, const void *b)
{
	const struct seq_row *x = a, *y = b;
	int order = strcmp(x->ts, y->ts);

	if (order)
		return order;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool is_before(const struct seq_lane *x, const struct seq_lane *y)
{
	static const int place[] = {[SEQ_OTHER] = 3, [SEQ_MME] = 0, [SEQ_ENB] = 1, [SEQ_UE] = 2};

	if (place[x->role] != place[y->role])
		return place[x->role] < place[y->role];
	return x->enb != y->enb ? x->enb < y->enb : strcmp(x->name, y->name) < 0;
}

static void sort_lanes(struct seq *s)
{
	unsigned at[SEQ_LANES_MAX] = {0};
	struct seq_lane sorted[SEQ_LANES_MAX];

	for (unsigned i = 0; i < s->n_lanes; i++)
		for (unsigned k = 0; k < s->n_lanes; k++)
			at[i] += is_before(&s->lanes[k], &s->lanes[i]);
	for (unsigned i = 0; i < s->n_lanes; i++)
		sorted[at[i]] = s->lanes[i];
	memcpy(s->lanes, sorted, s->n_lanes * sizeof sorted[0]);
	for (size_t i = 0; i < s->n; i++) {
		s->rows[i].from = at[s->rows[i].from];
		s->rows[i].to = at[s->rows[i].to];
	}
}

static void fact_of_kenb(const char *step, const struct seq_row *r, char *out, size_t len)
{
	snprintf(out, len, "%s %s %llu %u", step, r->ue, (unsigned long long)r->gen, r->about);
}

static void fact_of_lane(const struct seq *s, unsigned lane, const char *key, const char *fp,
			 char *out, size_t len)
{
	snprintf(out, len, "%.63s %s %s", s->lanes[lane].name, key, fp);
}

static void learn_facts(struct seq *s, const struct seq_row *r)
{
	char name[128];

	if (r->protection != SEQ_NOTE)
		return;
	fact_of_lane(s, r->from, "serves", r->ue, name, sizeof name);
	add_fact(s, name, "");
	if (!r->fp[0])
		return;
	fact_of_lane(s, r->from, r->key, r->fp, name, sizeof name);
	add_fact(s, name, r->fp);
	if (strcmp(r->step, "3b") != 0 && strcmp(r->step, "7a") != 0)
		return;
	fact_of_kenb(r->step, r, name, sizeof name);
	add_fact(s, name, r->fp);
}

/* 0: what came of that step is not known; 1: the same KeNB; -1: another one. */
static int compared(const struct seq *s, const char *step, const struct seq_row *mine)
{
	char name[128];

	fact_of_kenb(step, mine, name, sizeof name);
	const struct seq_fact *f = find_fact(s, name);
	if (!f)
		return 0;
	return strcmp(f->fp, mine->fp) == 0 ? 1 : -1;
}

/* The KeNB that the UE derived (9a) is that of the MME (3b) and of the target (7a), or not, or nobody else's is known. */
static int agreement(const struct seq *s, const struct seq_row *mine)
{
	if (strcmp(mine->step, "9a") != 0 || !mine->fp[0])
		return 0;
	int mme = compared(s, "3b", mine), target = compared(s, "7a", mine);
	if (mme < 0 || target < 0)
		return -1;
	return mme && target;
}

static void drop_others(struct seq *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!s->ue[0] || !s->rows[i].ue[0] || strcmp(s->rows[i].ue, s->ue) == 0)
			s->rows[kept++] = s->rows[i];
	s->n = kept;
}

void seq_settle(struct seq *s)
{
	drop_others(s);
	if (s->n)
		qsort(s->rows, s->n, sizeof *s->rows, by_time);
	for (size_t i = 0; i < s->n; i++)
		learn_facts(s, &s->rows[i]);
	for (size_t i = 0; i < s->n; i++) {
		s->rows[i].match = agreement(s, &s->rows[i]);
		s->mismatch = s->mismatch || s->rows[i].match < 0;
	}
}

void seq_finish(struct seq *s)
{
	seq_settle(s);
	sort_lanes(s);
}

static bool is_fact(const struct seq *s, unsigned lane, const char *key, const char *fp)
{
	char name[128];

	fact_of_lane(s, lane, key, fp, name, sizeof name);
	return find_fact(s, name) != NULL;
}

/* NAS is between the MME and the UE itself; the eNodeB at the end of a hop relays it unread. */
static bool reads_nas(const struct seq *s, const struct seq_row *row, unsigned lane)
{
	bool is_end = lane == row->from || lane == row->to;

	if (s->lanes[lane].role != SEQ_UE)
		return s->lanes[lane].role == SEQ_MME;
	return is_end || !row->ue[0] || is_fact(s, lane, "serves", row->ue);
}

bool seq_can_read(const struct seq *s, const struct seq_row *row, unsigned lane)
{
	bool is_end = lane == row->from || lane == row->to;

	switch (row->protection) {
	case SEQ_CLEAR:
		return true;
	case SEQ_TUNNEL:
	case SEQ_RRC:
		return is_end;
	case SEQ_NAS:
		return reads_nas(s, row, lane);
	case SEQ_NOTE:
	case SEQ_PROTECTION_COUNT:
		break;
	}
	return is_end || (row->fp[0] && is_fact(s, lane, row->key, row->fp));
}
