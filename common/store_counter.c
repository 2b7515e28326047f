/* Numbers that only rise, reserved in blocks. */
#include "log.h"
#include "store_internal.h"

#define RESERVE_BLOCK 1000

void counter_init(struct counter *c, struct store *s, const char *name, uint64_t begin_at,
		  uint64_t max)
{
	*c = (struct counter){.store = s, .name = name, .begin = begin_at, .max = max};
}

static void take_block(void *arg, sqlite3_stmt *st)
{
	struct counter *c = arg;

	c->next = (uint64_t)sqlite3_column_int64(st, 0);
	c->limit = c->next + RESERVE_BLOCK;
}

static int reserve(struct counter *c)
{
	struct store *s = c->store;
	struct counter block = *c;

	if (!s->db) {
		c->next = c->limit ? c->limit : c->begin;
		c->limit = c->next + RESERVE_BLOCK;
		return 0;
	}
	int err = store_begin(s);
	if (err)
		return err;
	sqlite3_bind_text(s->reserve, 1, c->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->reserve, 2, RESERVE_BLOCK);
	err = store_step(s, s->reserve, take_block, &block);
	/* At once: the numbers may come into a keylog or an event before this turn ends. */
	if (!err)
		err = store_commit_now(s);
	if (!err)
		*c = block;
	return err;
}

int counter_next(struct counter *c, uint64_t *out)
{
	int err = c->next == c->limit ? reserve(c) : 0;

	if (err)
		return err;
	if (c->next > c->max)
		return KH_E_NO_RESOURCES;
	*out = c->next++;
	return 0;
}
