#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "crypto.h"
#include "ids.h"
#include "keys.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "rng.h"

#define RESERVE_BLOCK 1000
#define KEY_LEN 32
#define NONCE_LEN 12
#define TAG_LEN 16
#define APPLICATION_ID 0x6b686f70 /* "khop" */
#define STATEMENTS_MAX 16
#define LABEL_MAX 32

struct store {
	sqlite3 *db; /* NULL: in memory */
	struct store_settings s;
	struct loop_task task; /* a turn without output commits, too */
	bool touched, open; /* `open`: a transaction is */
	uint8_t key[KEY_LEN];
	uint64_t instance;
	sqlite3_stmt *statements[STATEMENTS_MAX];
	size_t n_statements;
	sqlite3_stmt *begin, *commit, *reserve;
};

static const char pragmas[] = "PRAGMA locking_mode=EXCLUSIVE;"
			      "PRAGMA journal_mode=WAL;"
			      "PRAGMA synchronous=FULL;";
static const char own_schema[] =
	"CREATE TABLE IF NOT EXISTS counter(name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;";
/* One statement reserves a block and says where it begins. */
static const char reserve_sql[] =
	"INSERT INTO counter(name, next) VALUES(?1, 1 + ?2) "
	"ON CONFLICT(name) DO UPDATE SET next = next + ?2 RETURNING next - ?2";

static void fatal(struct store *s, const char *what)
{
	log_error(LOG_CFG, "store: %s: %s: %s; ending, as what is not stored may not be told",
		  s->s.path, what, sqlite3_errmsg(s->db));
	exit(EXIT_FAILURE);
}

struct sqlite3_stmt *store_prepare(struct store *s, const char *sql)
{
	sqlite3_stmt *st = NULL;

	if (!s->db)
		return NULL;
	if (s->n_statements == STATEMENTS_MAX || sqlite3_prepare_v2(s->db, sql, -1, &st, NULL))
		fatal(s, sql);
	s->statements[s->n_statements++] = st;
	return st;
}

static void step(struct store *s, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		fatal(s, sqlite3_sql(st));
	if (sqlite3_reset(st) != SQLITE_OK)
		fatal(s, sqlite3_sql(st));
}

static void begin(struct store *s)
{
	if (s->open)
		return;
	step(s, s->begin);
	s->open = true;
	store_touch(s);
}

/* The barrier: runs before output leaves, and at the end of a turn. */
static void commit(void *arg)
{
	struct store *s = arg;

	if (!s->touched)
		return;
	if (s->s.flush)
		s->s.flush(s->s.arg);
	s->touched = false;
	if (!s->open)
		return;
	step(s, s->commit);
	s->open = false;
}

static void on_turn_end(struct loop_task *task)
{
	commit((void *)((char *)task - offsetof(struct store, task)));
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
	if (!s->db)
		return;
	begin(s);
	step(s, st);
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

/* ---- opening ---- */

static int refuse(struct store *s, const char *reason, char *why, size_t why_len)
{
	snprintf(why, why_len,
		 "store: %s: %s (put back a good copy with its key file, or move it away: then all "
		 "UEs "
		 "attach again)",
		 s->s.path, reason);
	return KH_E_CONFIG;
}

static int read_key_file(struct store *s, int fd)
{
	char hex[2 * KEY_LEN + 2] = "";
	struct stat st;
	int err = KH_E_CONFIG;

	if (fstat(fd, &st) == 0 && !(st.st_mode & 0077) && read(fd, hex, sizeof hex - 1) > 0) {
		hex[2 * KEY_LEN] = '\0';
		err = hex_decode(s->key, KEY_LEN, hex) ? KH_E_CONFIG : 0;
	}
	key_wipe(hex, sizeof hex);
	return err;
}

static int make_key_file(struct store *s, int fd)
{
	char hex[2 * KEY_LEN + 1];

	rng_bytes(s->key, KEY_LEN);
	hex_encode(hex, s->key, KEY_LEN);
	hex[2 * KEY_LEN] = '\n';
	int err = write(fd, hex, sizeof hex) == (ssize_t)sizeof hex && fsync(fd) == 0 ? 0
										      : KH_E_CONFIG;
	key_wipe(hex, sizeof hex);
	return err;
}

static int open_key(struct store *s, char *why, size_t why_len)
{
	char path[4096];
	int err;

	snprintf(path, sizeof path, "%s%s", s->s.key_path ? s->s.key_path : s->s.path,
		 s->s.key_path ? "" : ".key");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		err = read_key_file(s, fd);
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		err = fd < 0 ? KH_E_CONFIG : make_key_file(s, fd);
	}
	if (fd >= 0)
		close(fd);
	if (err)
		snprintf(why, why_len, "store: key file %s: %s", path,
			 fd < 0 ? strerror(errno) : "64 hex digits, mode 0600, and nothing else");
	return err;
}

static int64_t ask(struct store *s, const char *sql)
{
	sqlite3_stmt *st;
	int64_t out = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL))
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return out;
}

static bool is_sound(struct store *s)
{
	sqlite3_stmt *st;
	bool ok = false;

	if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check", -1, &st, NULL))
		return false;
	if (sqlite3_step(st) == SQLITE_ROW)
		ok = strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
	sqlite3_finalize(st);
	return ok;
}

/* A new file gets a random instance, sealed: it shows later that the key file is the right one. */
static int make_instance(struct store *s)
{
	uint8_t plain[8], sealed[8 + STORE_SEAL_OVERHEAD];
	sqlite3_stmt *st = store_prepare(s, "INSERT INTO meta(name, value) VALUES('instance', ?1)");

	do
		s->instance = rng_u64() >> 1;
	while (s->instance == 0);
	put_be64(plain, s->instance);
	int err = store_seal(s, "instance", 0, plain, sizeof plain, sealed);
	sqlite3_bind_blob(st, 1, sealed, sizeof sealed, SQLITE_STATIC);
	step(s, st);
	return err;
}

static int read_instance(struct store *s)
{
	sqlite3_stmt *st = store_prepare(s, "SELECT value FROM meta WHERE name = 'instance'");
	uint8_t plain[8];
	int err = KH_E_NOT_FOUND;

	if (sqlite3_step(st) == SQLITE_ROW) {
		err = KH_E_UNWRAP_FAILED;
		if (sqlite3_column_bytes(st, 0) == 8 + STORE_SEAL_OVERHEAD)
			err = store_unseal(s, "instance", 0, sqlite3_column_blob(st, 0),
					   8 + STORE_SEAL_OVERHEAD, plain);
	}
	sqlite3_reset(st);
	if (err == KH_E_NOT_FOUND)
		return make_instance(s);
	if (!err)
		s->instance = get_be64(plain);
	return err;
}

static int open_db(struct store *s, char *why, size_t why_len)
{
	char set_id[64];
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	mode_t before = umask(0077);
	int rc = sqlite3_open_v2(s->s.path, &s->db, flags, NULL);

	umask(before);
	if (rc || sqlite3_exec(s->db, pragmas, NULL, NULL, NULL))
		return refuse(s, sqlite3_errmsg(s->db), why, why_len);
	int64_t id = ask(s, "PRAGMA application_id");
	if (id != APPLICATION_ID && ask(s, "SELECT count(*) FROM sqlite_schema") != 0)
		return refuse(s, "a database of something else", why, why_len);
	if (!is_sound(s))
		return refuse(s, "damaged", why, why_len);
	snprintf(set_id, sizeof set_id, "PRAGMA application_id=%d", APPLICATION_ID);
	if (sqlite3_exec(s->db, set_id, NULL, NULL, NULL) ||
	    sqlite3_exec(s->db, own_schema, NULL, NULL, NULL) ||
	    (s->s.schema && sqlite3_exec(s->db, s->s.schema, NULL, NULL, NULL)))
		return refuse(s, sqlite3_errmsg(s->db), why, why_len);
	return 0;
}

int store_open(struct store **out, const struct store_settings *settings, char *why, size_t why_len)
{
	struct store *s = *out = x_calloc(1, sizeof *s);

	s->s = *settings;
	s->task.run = on_turn_end;
	if (!s->s.path || strcmp(s->s.path, "memory") == 0)
		return 0;
	int err = open_key(s, why, why_len);
	if (!err)
		err = open_db(s, why, why_len);
	if (err)
		return err;
	s->begin = store_prepare(s, "BEGIN IMMEDIATE");
	s->commit = store_prepare(s, "COMMIT");
	s->reserve = store_prepare(s, reserve_sql);
	if (read_instance(s))
		return refuse(s, "sealed by another key", why, why_len);
	loop_set_barrier(s->s.loop, commit, s);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->db && s->commit)
		commit(s);
	if (s->s.loop) {
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
	return crypto_gcm_seal(s->s.crypto, s->key, KEY_LEN, out, NONCE_LEN, aad, aad_len, plain,
			       len, out + NONCE_LEN, out + NONCE_LEN + len);
}

int store_unseal(struct store *s, const char *label, uint64_t id, const uint8_t *in, size_t in_len,
		 uint8_t *plain)
{
	char aad[LABEL_MAX + 64];
	size_t aad_len = associate(aad, label, id);

	if (in_len < STORE_SEAL_OVERHEAD)
		return KH_E_UNWRAP_FAILED;
	size_t len = in_len - STORE_SEAL_OVERHEAD;
	return crypto_gcm_open(s->s.crypto, s->key, KEY_LEN, in, NONCE_LEN, aad, aad_len,
			       in + NONCE_LEN, len, in + NONCE_LEN + len, plain);
}

/* ---- counters ---- */

void counter_init(struct counter *c, struct store *s, const char *name, uint64_t begin_at,
		  uint64_t max)
{
	*c = (struct counter){.store = s, .name = name, .begin = begin_at, .max = max};
}

static void reserve(struct counter *c)
{
	struct store *s = c->store;

	if (!s->db) {
		c->next = c->limit ? c->limit : c->begin;
		c->limit = c->next + RESERVE_BLOCK;
		return;
	}
	begin(s);
	sqlite3_bind_text(s->reserve, 1, c->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->reserve, 2, RESERVE_BLOCK);
	if (sqlite3_step(s->reserve) != SQLITE_ROW)
		fatal(s, c->name);
	c->next = (uint64_t)sqlite3_column_int64(s->reserve, 0);
	c->limit = c->next + RESERVE_BLOCK;
	sqlite3_reset(s->reserve);
	/* At once: the numbers may come into a keylog or an event before this turn ends. */
	step(s, s->commit);
	s->open = false;
}

int counter_next(struct counter *c, uint64_t *out)
{
	if (c->next == c->limit)
		reserve(c);
	if (c->next > c->max)
		return KH_E_NO_RESOURCES;
	*out = c->next++;
	return 0;
}
