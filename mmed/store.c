#include "store.h"

#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "clock.h"
#include "log.h"
#include "mem.h"

#define RESERVE_BLOCK 1000
#define SECONDS_2020 1577836800

struct store {
	sqlite3 *db; /* NULL: in memory */
	sqlite3_stmt *reserve;
};

static const char schema[] = "PRAGMA journal_mode=WAL;"
			     "PRAGMA synchronous=FULL;"
			     "CREATE TABLE IF NOT EXISTS counter("
			     "name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;";

/* One statement reserves a block and says where it begins. */
static const char reserve_sql[] =
	"INSERT INTO counter(name, next) VALUES(?1, 1 + ?2) "
	"ON CONFLICT(name) DO UPDATE SET next = next + ?2 RETURNING next - ?2";

static int fail(struct store *s, const char *path, char *why, size_t why_len)
{
	snprintf(why, why_len,
		 "store: %s: %s (move it away to begin anew; all UEs then attach again)", path,
		 sqlite3_errmsg(s->db));
	return KH_E_CONFIG;
}

int store_open(struct store **out, const char *path, char *why, size_t why_len)
{
	struct store *s = *out = x_calloc(1, sizeof *s);

	if (!path)
		return 0;
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ||
	    sqlite3_exec(s->db, schema, NULL, NULL, NULL) ||
	    sqlite3_prepare_v2(s->db, reserve_sql, -1, &s->reserve, NULL))
		return fail(s, path, why, why_len);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->reserve);
	sqlite3_close(s->db);
	free(s);
}

void counter_init(struct counter *c, struct store *s, const char *name, uint64_t max)
{
	*c = (struct counter){.store = s, .name = name, .max = max};
}

/* Without a file: microseconds for wide counters, seconds for 32-bit ones. */
static uint64_t begin_in_memory(const struct counter *c)
{
	uint64_t us = (uint64_t)clock_wall_us();

	return c->max > UINT32_MAX ? us : us / 1000000 - SECONDS_2020;
}

static int reserve(struct counter *c)
{
	struct store *s = c->store;

	if (!s->db) {
		c->next = c->limit ? c->limit : begin_in_memory(c);
		c->limit = c->next + RESERVE_BLOCK;
		return 0;
	}
	sqlite3_bind_text(s->reserve, 1, c->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->reserve, 2, RESERVE_BLOCK);
	int rc = sqlite3_step(s->reserve);
	if (rc == SQLITE_ROW) {
		c->next = (uint64_t)sqlite3_column_int64(s->reserve, 0);
		c->limit = c->next + RESERVE_BLOCK;
	} else {
		log_error(LOG_MME, "store: cannot reserve %s: %s", c->name, sqlite3_errmsg(s->db));
	}
	/* The commit happens here; a number is given out only after it. */
	int end = sqlite3_reset(s->reserve);
	return rc == SQLITE_ROW && end == SQLITE_OK ? 0 : KH_E_INTERNAL;
}

int counter_next(struct counter *c, uint64_t *out)
{
	if (c->next == c->limit) {
		int err = reserve(c);
		if (err)
			return err;
	}
	if (c->next > c->max)
		return KH_E_NO_RESOURCES;
	*out = c->next++;
	return 0;
}
