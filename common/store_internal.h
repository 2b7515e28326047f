/* Between store.c (transactions), store_open.c (opening a file) and store_counter.c (numbers that only rise). */
#ifndef KEYHOP_STORE_INTERNAL_H
#define KEYHOP_STORE_INTERNAL_H

#include <stdbool.h>

#include <sqlite3.h>

#include "loop.h"
#include "store.h"

#define STORE_KEY_LEN 32
#define STORE_STATEMENTS_MAX 16
#define STORE_COUNTERS_MAX 4

/* Numbers of one counter that this process alone may give. */
struct counter_block {
	const char *name;
	uint64_t begin, end; /* on the disk; 0: none yet */
	uint64_t wanted; /* `end` once this turn is committed; 0: nothing was asked for */
};

struct store {
	sqlite3 *db; /* NULL: in memory */
	struct store_settings s;
	struct loop_task task; /* a turn without output commits, too */
	struct loop_timer *watch; /* of the room that is left */
	enum store_room room;
	bool touched, open; /* `open`: a transaction is */
	unsigned denied; /* ends of turns until output may leave again: something was not stored */
	bool left; /* changes wait in memory for room */
	uint8_t key[STORE_KEY_LEN];
	uint64_t instance;
	sqlite3_stmt *statements[STORE_STATEMENTS_MAX];
	size_t n_statements;
	struct counter_block blocks[STORE_COUNTERS_MAX];
	size_t n_blocks;
	sqlite3_stmt *begin, *commit, *reserve;
};

/* Opens the key file and the database, or makes them; KH_E_CONFIG with `why`. */
int store_open_file(struct store *s, char *why, size_t why_len) KH_MUST_CHECK;
/* Runs a statement to its end, or to its first row, and resets it; `row` is called with that one. KH_E_STORE_FULL, and
 * the transaction is rolled back; any other failure ends the process. */
int store_step(struct store *s, sqlite3_stmt *st, void (*row)(void *arg, sqlite3_stmt *st),
	       void *arg);
/* Begins this turn's transaction, or goes on with it. */
int store_begin(struct store *s);
/* Ends it now, without calling `flush`. */
int store_commit_now(struct store *s);
/* What counters asked for in this transaction is theirs, or is not. */
void store_settle_counters(struct store *s, bool committed);

/* Would SQLite forget commits of this -wal file that were told already? */
bool store_wal_is_damaged(const char *path);

#endif
