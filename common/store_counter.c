/* Numbers that only rise, reserved in blocks. */
#include <stdlib.h>

#include "log.h"
#include "store_internal.h"

#define RESERVE_BLOCK 1000

static void take_block(void *arg, sqlite3_stmt *st)
{
	struct counter_block *b = arg;
	uint64_t begin = (uint64_t)sqlite3_column_int64(st, 0);

	if (!b->end)
		b->begin = begin;
	b->wanted = begin + RESERVE_BLOCK;
}

/* In this turn's transaction: the numbers are there once it is committed. */
static int ask(struct store *s, struct counter_block *b)
{
	int err = store_begin(s);

	if (err)
		return err;
	sqlite3_bind_text(s->reserve, 1, b->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->reserve, 2, RESERVE_BLOCK);
	return store_step(s, s->reserve, take_block, b);
}

void store_settle_counters(struct store *s, bool committed)
{
	for (size_t i = 0; i < s->n_blocks; i++) {
		struct counter_block *b = &s->blocks[i];
		if (committed && b->wanted)
			b->end = b->wanted;
		b->wanted = 0;
	}
}

void counter_init(struct counter *c, struct store *s, const char *name, uint64_t begin,
		  uint64_t max)
{
	*c = (struct counter){.store = s, .max = max};
	if (!s->db) {
		c->next = begin;
		return;
	}
	if (s->n_blocks == STORE_COUNTERS_MAX) {
		log_error(LOG_CFG, "store: no room for counter %s", name);
		abort();
	}
	c->block = &s->blocks[s->n_blocks++];
	c->block->name = name;
	/* On a full disk it is asked for again when a number is wanted. */
	(void)ask(s, c->block);
}

/* A block ahead, so that there are numbers until the turn that asks for more is committed. A turn that uses all of them
 * is committed in its middle: numbers may come into a keylog or an event before it ends, so they must be on the disk. */
static int refill(struct counter *c)
{
	struct store *s = c->store;
	struct counter_block *b = c->block;
	uint64_t left = b->end - c->next;
	int err = 0;

	if (left >= RESERVE_BLOCK)
		return 0;
	if (!b->wanted && (left == 0 || s->room != STORE_FULL))
		err = ask(s, b);
	if (left > 0)
		return 0;
	if (!err)
		err = store_commit_now(s);
	if (!err && !c->next)
		c->next = b->begin;
	return err;
}

int counter_next(struct counter *c, uint64_t *out)
{
	/* Before its first number it stands at 0, and so may its block have been committed since. */
	if (c->block && !c->next && c->block->end)
		c->next = c->block->begin;
	int err = c->block ? refill(c) : 0;

	if (err)
		return err;
	if (c->next > c->max)
		return KH_E_NO_RESOURCES;
	*out = c->next++;
	return 0;
}
