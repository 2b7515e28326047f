/* What must survive a restart: an SQLite file (WAL, synchronous=FULL) with one transaction for each turn of the
 * event loop, committed before anything of that turn leaves the process. Keys in it are sealed by a key file. */
#ifndef KEYHOP_STORE_H
#define KEYHOP_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct crypto;
struct loop;
struct sqlite3_stmt;
struct store;

/* On the disk of the file. LOW: what is new should be refused. FULL: a change was not stored. */
enum store_room { STORE_ROOM, STORE_LOW, STORE_FULL };

struct store_settings {
	const char *path; /* NULL or "memory": nothing is kept */
	const char *key_path; /* NULL: path with ".key"; made when it is not there, mode 0600 */
	const char *schema; /* the daemon's own tables, CREATE TABLE IF NOT EXISTS */
	struct loop *loop;
	struct crypto *crypto;
	/* Writes what was touched and is not stored yet; called before each commit. May be NULL. */
	void (*flush)(void *arg);
	/* What `flush` wrote is on the disk. May be NULL. */
	void (*stored)(void *arg);
	/* The room has changed. May be NULL. */
	void (*room)(void *arg, enum store_room room);
	void *arg;
};

/* KH_E_CONFIG with `why` when the file is damaged, not ours, of another version, in use, or sealed by another key; it is
 * then not changed. Strings of the settings are borrowed. */
int store_open(struct store **out, const struct store_settings *s, char *why,
	       size_t why_len) KH_MUST_CHECK;
/* Commits what is left. NULL is allowed. */
void store_close(struct store *s);
enum store_room store_room(const struct store *s);
/* False: everything below does nothing. */
bool store_is_durable(const struct store *s);
/* Octets that SQLite holds in this process. */
uint64_t store_memory(void);
/* Random, made with the file: names the set of contexts that it holds. 0 in memory. */
uint64_t store_instance(const struct store *s);

/* A statement of this store, finalised by store_close(). A wrong statement is a bug of ours and ends the process. */
struct sqlite3_stmt *store_prepare(struct store *s, const char *sql);
/* Something was touched: `flush` is called and a commit made before this turn's output leaves. */
void store_touch(struct store *s);
/* Runs a bound statement that gives no rows, inside this turn's transaction. When the disk is full all of this turn is
 * undone in the file and its output does not leave (loop_barrier()); `flush` is called again when there is room. Any
 * other failure, fsync() before all, ends the process: what was not written may not be told to anybody. */
void store_run(struct store *s, struct sqlite3_stmt *st);

/* Seals `len` octets of `plain` for the place named by `label`: writes len + STORE_SEAL_OVERHEAD octets. */
#define STORE_SEAL_OVERHEAD 28
int store_seal(struct store *s, const char *label, uint64_t id, const uint8_t *plain, size_t len,
	       uint8_t *out) KH_MUST_CHECK;
/* KH_E_UNWRAP_FAILED when it was sealed for another place, by another key, or was changed. */
int store_unseal(struct store *s, const char *label, uint64_t id, const uint8_t *in, size_t in_len,
		 uint8_t *plain) KH_MUST_CHECK;

/* A counter that never goes back, not over restarts either: numbers are reserved in blocks, so that a crash skips
 * some and repeats none. In memory it begins at `begin`. */
struct counter {
	struct store *store;
	struct counter_block *block; /* of the store; NULL in memory */
	uint64_t next, max;
};

/* `max` is the largest number it may give. A few in a store; `name` is borrowed. */
void counter_init(struct counter *c, struct store *s, const char *name, uint64_t begin,
		  uint64_t max);
/* Next number (1 and up). KH_E_NO_RESOURCES at the end of the range, KH_E_STORE_FULL. */
int counter_next(struct counter *c, uint64_t *out) KH_MUST_CHECK;

#endif
