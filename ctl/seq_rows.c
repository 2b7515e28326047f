/* Rows and lanes: order, agreement of fingerprints, and who can read what. */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "seq.h"

static const char *const protections[] = {
#define SEQ_PROTECTION_NAME(id, name, help) name,
	SEQ_PROTECTIONS(SEQ_PROTECTION_NAME)
#undef SEQ_PROTECTION_NAME
};

/* A microsecond may see several steps; this is the order of the contribution. */
static const char *const steps[] = {"1", "2", "3",  "3a", "3b", "3c", "4",  "5",  "6",	"6a", "7",
				    "7a", "8a", "8", "9",  "9a", "9b", "10", "11", "12", "13"};
#define N_STEPS (sizeof steps / sizeof steps[0])

const char *seq_protection_name(enum seq_protection p)
{
	return protections[p];
}

void seq_free(struct seq *s)
{
	free(s->rows);
}

unsigned seq_lane(struct seq *s, const char *name)
{
	for (unsigned i = 0; i < s->n_lanes; i++)
		if (strcmp(s->lanes[i].name, name) == 0)
			return i;
	if (s->n_lanes < SEQ_LANES_MAX)
		snprintf(s->lanes[s->n_lanes++].name, sizeof s->lanes[0].name, "%s", name);
	return s->n_lanes - 1;
}

struct seq_row *seq_add(struct seq *s)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->rows = x_realloc(s->rows, s->room * sizeof *s->rows);
	}
	s->rows[s->n] = (struct seq_row){.order = s->n};
	return &s->rows[s->n++];
}

static size_t rank(const struct seq_row *r)
{
	for (size_t i = 0; i < N_STEPS; i++)
		if (strcmp(steps[i], r->step) == 0)
			return i;
	return N_STEPS;
}

static int by_time(const void *a, const void *b)
{
	const struct seq_row *x = a, *y = b;
	int order = strcmp(x->ts, y->ts);

	if (order)
		return order;
	if (rank(x) != rank(y))
		return rank(x) < rank(y) ? -1 : 1;
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

/* The KeNB that the UE derived (9a) is that of the MME (3b) and of the target (7a), or not. */
static int agreement(const struct seq *s, const struct seq_row *mine)
{
	bool mme = false, target = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct seq_row *r = &s->rows[i];
		if (strcmp(r->key, "kenb") != 0 || r->gen != mine->gen || r->about != mine->about ||
		    strcmp(r->ue, mine->ue) != 0 || strcmp(r->fp, mine->fp) != 0)
			continue;
		mme |= strcmp(r->step, "3b") == 0;
		target |= strcmp(r->step, "7a") == 0;
	}
	return mme && target ? 1 : -1;
}

static void drop_others(struct seq *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!s->ue[0] || !s->rows[i].ue[0] || strcmp(s->rows[i].ue, s->ue) == 0)
			s->rows[kept++] = s->rows[i];
	s->n = kept;
}

void seq_finish(struct seq *s)
{
	drop_others(s);
	sort_lanes(s);
	if (s->n)
		qsort(s->rows, s->n, sizeof *s->rows, by_time);
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->rows[i].step, "9a") == 0 && s->rows[i].fp[0])
			s->rows[i].match = agreement(s, &s->rows[i]);
}

static bool holds(const struct seq *s, const struct seq_row *row, unsigned lane)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct seq_row *r = &s->rows[i];
		if (r->protection == SEQ_NOTE && r->from == lane && strcmp(r->fp, row->fp) == 0 &&
		    strcmp(r->key, row->key) == 0)
			return true;
	}
	return false;
}

bool seq_can_read(const struct seq *s, const struct seq_row *row, unsigned lane)
{
	enum seq_role role = s->lanes[lane].role;
	bool is_end = lane == row->from || lane == row->to;

	switch (row->protection) {
	case SEQ_CLEAR:
		return true;
	case SEQ_TUNNEL:
	case SEQ_RRC:
		return is_end;
	case SEQ_NAS:
		return role == SEQ_MME || is_end;
	case SEQ_NOTE:
	case SEQ_PROTECTION_COUNT:
		break;
	}
	return is_end || (row->fp[0] && holds(s, row, lane));
}
