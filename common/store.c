#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "crypto.h"
#include "keys.h"
#include "log.h"
#include "mem.h"
#include "rng.h"
#include "store_internal.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define LABEL_MAX 32
#define WATCH_MS 1000
#define ROOM_LOW (512U * 1024) /* octets: enough to end what is under way */

static void fatal(struct store *s, const char *what)
{
	log_error(LOG_CFG, "store: %s: %s: %s; ending, as what is not stored may not be told",
		  s->s.path, what, sqlite3_errmsg(s->db));
	exit(EXIT_FAILURE);
}

/* ---- room ---- */

static void set_room(struct store *s, enum store_room room)
{
	static const char *const text[] = {
		[STORE_ROOM] = "there is room again",
		[STORE_LOW] = "little room on its disk: nothing new is taken",
		[STORE_FULL] = ("no room on its disk: what could not be stored is not told, and is "
				"tried again"),
	};

	if (s->room == room)
		return;
	s->room = room;
	log_at(LOG_CFG, room == STORE_ROOM ? LOG_INFO : LOG_ERROR, "store: %s: %s", s->s.path,
	       text[room]);
	if (s->s.room)
		s->s.room(s->s.arg, room);
}

static void roll_back(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->open = false;
	store_settle_counters(s, false);
}

/* A full disk is not the end: this turn's changes stay in memory, and what would tell of them does not leave. */
static void ran_full(struct store *s)
{
	roll_back(s);
	/* The end of this turn may be under way: only that of the next is surely after all its output. */
	s->denied = 2;
	loop_defer(s->s.loop, &s->task);
	set_room(s, STORE_FULL);
}

static bool is_low(const struct store *s)
{
	struct statvfs fs;

	return statvfs(s->s.path, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < ROOM_LOW;
}

static void on_watch(void *arg)
{
	struct store *s = arg;

	s->watch = loop_timer_start(s->s.loop, WATCH_MS, on_watch, s);
	if (is_low(s)) {
		if (s->room == STORE_ROOM)
			set_room(s, STORE_LOW);
		return;
	}
	set_room(s, STORE_ROOM);
	if (s->left)
		store_touch(s);
}

enum store_room store_room(const struct store *s)
{
	return s->room;
}

/* ---- transactions ---- */

struct sqlite3_stmt *store_prepare(struct store *s, const char *sql)
{
	sqlite3_stmt *st = NULL;

	if (!s->db)
		return NULL;
	if (s->n_statements == STORE_STATEMENTS_MAX ||
	    sqlite3_prepare_v2(s->db, sql, -1, &st, NULL))
		fatal(s, sql);
	s->statements[s->n_statements++] = st;
	return st;
}

int store_step(struct store *s, sqlite3_stmt *st, void (*row)(void *arg, sqlite3_stmt *st),
	       void *arg)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW && row)
		row(arg, st);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		rc = sqlite3_reset(st);
	if (rc != SQLITE_OK && rc != SQLITE_FULL)
		fatal(s, sqlite3_sql(st));
	if (rc == SQLITE_OK)
		return 0;
	(void)sqlite3_reset(st);
	ran_full(s);
	return KH_E_STORE_FULL;
}

int store_begin(struct store *s)
{
	if (s->open)
		return 0;
	int err = store_step(s, s->begin, NULL, NULL);
	s->open = !err;
	store_touch(s);
	return err;
}

int store_commit_now(struct store *s)
{
	int err = store_step(s, s->commit, NULL, NULL);

	s->open = false;
	store_settle_counters(s, !err);
	return err;
}

/* The barrier: runs before output leaves, and at the end of a turn. False: what is in this turn's output may not. */
static bool commit(void *arg)
{
	struct store *s = arg;

	if (!s->touched)
		return !s->denied;
	if (s->s.flush)
		s->s.flush(s->s.arg);
	s->touched = false; /* by `flush` too */
	/* All of a turn or nothing. */
	if (s->denied)
		roll_back(s);
	s->left = s->denied || (s->open && store_commit_now(s));
	if (!s->left && s->s.stored)
		s->s.stored(s->s.arg);
	return !s->denied;
}

static void on_turn_end(struct loop_task *task)
{
	struct store *s = (void *)((char *)task - offsetof(struct store, task));

	if (s->denied && --s->denied)
		loop_defer(s->s.loop, &s->task);
	(void)commit(s);
}

void store_touch(struct store *s)
{
	if (!s->db || s->touched)
		return;
	s->touched = true;
	loop_defer(s->s.loop, &s->task);
}

void store_run(struct store *s, struct sqlite3_stmt *st)
{
	if (s->db && store_begin(s) == 0)
		(void)store_step(s, st, NULL, NULL);
}

bool store_is_durable(const struct store *s)
{
	return s->db != NULL;
}

uint64_t store_memory(void)
{
	return (uint64_t)sqlite3_memory_used();
}

uint64_t store_instance(const struct store *s)
{
	return s->instance;
}

int store_open(struct store **out, const struct store_settings *settings, char *why, size_t why_len)
{
	struct store *s = *out = x_calloc(1, sizeof *s);

	s->s = *settings;
	s->task.run = on_turn_end;
	if (!s->s.path || strcmp(s->s.path, "memory") == 0)
		return 0;
	int err = store_open_file(s, why, why_len);
	if (err)
		return err;
	loop_set_barrier(s->s.loop, commit, s);
	s->watch = loop_timer_start(s->s.loop, WATCH_MS, on_watch, s);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->db && s->commit)
		(void)commit(s);
	if (s->left)
		log_error(LOG_CFG, "store: %s: ends without what could not be stored", s->s.path);
	if (s->s.loop) {
		loop_timer_stop(&s->watch);
		loop_cancel(s->s.loop, &s->task);
		loop_set_barrier(s->s.loop, NULL, NULL);
	}
	for (size_t i = 0; i < s->n_statements; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	KEY_WIPE(&s->key);
	free(s);
}

/* ---- sealing ---- */

static size_t associate(char *aad, const char *label, uint64_t id)
{
	return (size_t)snprintf(aad, LABEL_MAX + 32, "keyhop-store %.*s %llu", LABEL_MAX, label,
				(unsigned long long)id);
}

int store_seal(struct store *s, const char *label, uint64_t id, const uint8_t *plain, size_t len,
	       uint8_t *out)
{
	char aad[LABEL_MAX + 64];
	size_t aad_len = associate(aad, label, id);

	rng_bytes(out, NONCE_LEN);
	return crypto_gcm_seal(s->s.crypto, s->key, STORE_KEY_LEN, out, NONCE_LEN, aad, aad_len,
			       plain, len, out + NONCE_LEN, out + NONCE_LEN + len);
}

int store_unseal(struct store *s, const char *label, uint64_t id, const uint8_t *in, size_t in_len,
		 uint8_t *plain)
{
	char aad[LABEL_MAX + 64];
	size_t aad_len = associate(aad, label, id);

	if (in_len < STORE_SEAL_OVERHEAD)
		return KH_E_UNWRAP_FAILED;
	size_t len = in_len - STORE_SEAL_OVERHEAD;
	return crypto_gcm_open(s->s.crypto, s->key, STORE_KEY_LEN, in, NONCE_LEN, aad, aad_len,
			       in + NONCE_LEN, len, in + NONCE_LEN + len, plain);
}
