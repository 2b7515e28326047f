/* Opening a store: its key file, its pragmas, and everything that may be wrong with what is found. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ids.h"
#include "keys.h"
#include "rng.h"
#include "store_internal.h"

#define APPLICATION_ID 0x6b686f70 /* "khop" */
#define VERSION 1 /* of the tables and of the rows in them, of all daemons */

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

static int refuse(struct store *s, const char *reason, char *why, size_t why_len)
{
	snprintf(why, why_len,
		 "store: %s: %s (put back a good copy with its key file, or move it away with its "
		 "-wal file: then all UEs attach again)",
		 s->s.path, reason);
	return KH_E_CONFIG;
}

static int read_key_file(struct store *s, int fd)
{
	char hex[2 * STORE_KEY_LEN + 2] = "";
	struct stat st;
	int err = KH_E_CONFIG;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & 0077) &&
	    read(fd, hex, sizeof hex - 1) > 0) {
		hex[2 * STORE_KEY_LEN] = '\0';
		err = hex_decode(s->key, STORE_KEY_LEN, hex) ? KH_E_CONFIG : 0;
	}
	key_wipe(hex, sizeof hex);
	return err;
}

static int make_key_file(struct store *s, int fd)
{
	char hex[2 * STORE_KEY_LEN + 1];

	rng_bytes(s->key, STORE_KEY_LEN);
	hex_encode(hex, s->key, STORE_KEY_LEN);
	hex[2 * STORE_KEY_LEN] = '\n';
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
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0) {
		err = read_key_file(s, fd);
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		err = fd < 0 ? KH_E_CONFIG : make_key_file(s, fd);
	}
	if (fd >= 0)
		close(fd);
	if (err)
		snprintf(why, why_len, "%s: key file %s: %s", s->s.key_path ? "store_key" : "store",
			 path,
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
	return err ? err : store_step(s, st, NULL, NULL);
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

/* Is it ours, of this version, and whole? A file that is not is left as it is. */
static int examine(struct store *s, char *why, size_t why_len)
{
	char text[80];
	int64_t id = ask(s, "PRAGMA application_id");
	int64_t version = ask(s, "PRAGMA user_version");

	if (ask(s, "SELECT count(*) FROM sqlite_schema") == 0)
		return 0;
	if (id != APPLICATION_ID)
		return refuse(s, "a database of something else", why, why_len);
	if (version != VERSION) {
		snprintf(text, sizeof text, "schema version %lld, and this program has %d",
			 (long long)version, VERSION);
		return refuse(s, text, why, why_len);
	}
	return is_sound(s) ? 0 : refuse(s, "damaged", why, why_len);
}

/* What SQLite would take without a word: a file that was cut to nothing, the log of another one, a part of a log. */
static const char *what_is_wrong(const struct store *s)
{
	char wal[4096];
	struct stat st;

	snprintf(wal, sizeof wal, "%s-wal", s->s.path);
	if (stat(s->s.path, &st))
		return stat(wal, &st) == 0 && st.st_size ? "not there, but its -wal file is" : NULL;
	if (st.st_size == 0)
		return "empty";
	return store_wal_is_damaged(wal) ? "its -wal file is damaged" : NULL;
}

static int open_db(struct store *s, char *why, size_t why_len)
{
	char mark[100];
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	const char *wrong = what_is_wrong(s);

	if (wrong)
		return refuse(s, wrong, why, why_len);
	mode_t before = umask(0077);
	int rc = sqlite3_open_v2(s->s.path, &s->db, flags, NULL);

	umask(before);
	if (rc || sqlite3_exec(s->db, pragmas, NULL, NULL, NULL))
		return refuse(s, sqlite3_errmsg(s->db), why, why_len);
	int err = examine(s, why, why_len);
	if (err)
		return err;
	snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 APPLICATION_ID, VERSION);
	if (sqlite3_exec(s->db, mark, NULL, NULL, NULL) ||
	    sqlite3_exec(s->db, own_schema, NULL, NULL, NULL) ||
	    (s->s.schema && sqlite3_exec(s->db, s->s.schema, NULL, NULL, NULL)))
		return refuse(s, sqlite3_errmsg(s->db), why, why_len);
	return 0;
}

int store_open_file(struct store *s, char *why, size_t why_len)
{
	int err = open_key(s, why, why_len);

	if (!err)
		err = open_db(s, why, why_len);
	if (err)
		return err;
	s->begin = store_prepare(s, "BEGIN IMMEDIATE");
	s->commit = store_prepare(s, "COMMIT");
	s->reserve = store_prepare(s, reserve_sql);
	err = read_instance(s);
	if (!err)
		return 0;
	return refuse(s, err == KH_E_STORE_FULL ? "no room on its disk" : "sealed by another key",
		      why, why_len);
}
