#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "check_main.h"
#include "crypto.h"
#include "loop.h"

/* What the disk answers: libsqlite3 finds these before libc's. */
static int sync_error, write_error;

int fsync(int fd)
{
	(void)fd;
	errno = sync_error;
	return sync_error ? -1 : 0;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

static unsigned
	writes_left; /* 0: as many as there are; else the process is killed before the last of them */

static ssize_t failing_pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (writes_left && --writes_left == 0)
		raise(SIGKILL);
	errno = write_error;
	return write_error ? -1 : pwrite(fd, data, len, at);
}

static void interpose_writes(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)failing_pwrite),
			 SQLITE_OK);
	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)failing_pwrite),
			 SQLITE_OK);
}

static char dir[] = "/tmp/keyhop-store-XXXXXX";
static char path[64], key_path[64], why[400];
static struct loop *loop;
static struct crypto *crypto;
static struct store *s;
static unsigned flushed, stored;
static enum store_room room;

static void on_flush(void *arg)
{
	(void)arg;
	flushed++;
}

static void on_stored(void *arg)
{
	(void)arg;
	stored++;
}

static void on_room(void *arg, enum store_room now)
{
	(void)arg;
	room = now;
}

/* One turn of the loop. */
static void turn(void)
{
	loop_stop(loop);
	loop_run(loop);
}

static int open_store(const char *file)
{
	const struct store_settings settings = {
		.path = file,
		.loop = loop,
		.crypto = crypto,
		.flush = on_flush,
		.stored = on_stored,
		.room = on_room,
		.schema = "CREATE TABLE IF NOT EXISTS t(v INTEGER) STRICT;"};

	return store_open(&s, &settings, why, sizeof why);
}

static void close_store(void)
{
	store_close(s);
	s = NULL;
}

static void setup(void)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s.db", dir);
	snprintf(key_path, sizeof key_path, "%s/s.db.key", dir);
	loop = loop_new();
	crypto = crypto_new();
	flushed = stored = 0;
	sync_error = write_error = 0;
	room = STORE_ROOM;
}

static void teardown(void)
{
	char command[100];

	close_store();
	crypto_free(crypto);
	loop_free(loop);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static uint64_t next(struct counter *c)
{
	uint64_t n;

	ck_ok(counter_next(c, &n));
	return n;
}

START_TEST(counters_rise_over_restarts)
{
	struct counter c;
	uint64_t last = 0;

	for (int round = 0; round < 3; round++) {
		ck_assert_msg(open_store(path) == 0, "%s", why);
		counter_init(&c, s, "generation", 1, INT64_MAX);
		for (int i = 0; i < 1500; i++) {
			uint64_t n = next(&c);
			ck_assert_uint_gt(n, last);
			last = n;
		}
		close_store();
	}
}
END_TEST

static int64_t rows_seen_by_another(void)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	int64_t n = -1;
	char uri[400];

	/* The writer holds its lock; a copy shows what a crash would leave. */
	snprintf(uri, sizeof uri, "cp %s %s.copy; cp %s-wal %s.copy-wal 2>/dev/null; true", path,
		 path, path, path);
	ck_assert_int_eq(system(uri), 0);
	snprintf(uri, sizeof uri, "%s.copy", path);
	ck_assert_int_eq(sqlite3_open(uri, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &st, NULL),
			 SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* A turn is stored whole: that a counter runs short does not commit the half of it that is there. */
START_TEST(counters_do_not_end_a_turn)
{
	struct counter c;
	uint64_t last = 0;

	ck_ok(open_store(path));
	counter_init(&c, s, "generation", 1, INT64_MAX);
	sqlite3_stmt *insert = store_prepare(s, "INSERT INTO t VALUES(1)");
	for (int round = 1; round <= 5; round++) {
		ck_assert(loop_barrier(loop));
		store_run(s, insert);
		for (int i = 0; i < 900; i++)
			ck_assert_uint_eq(next(&c), ++last);
		ck_assert_int_eq(rows_seen_by_another(), round - 1);
	}
	/* More than are in hand: they are stored before they are told, and it with them. */
	for (int i = 0; i < 5000; i++)
		ck_assert_uint_eq(next(&c), ++last);
	ck_assert_int_eq(rows_seen_by_another(), 5);
}
END_TEST

/* The process ends without a word in the turn that has asked for more, or right after it; or the disk is full for that
 * turn: numbers that it gave out do not come again. */
START_TEST(what_was_asked_for_is_not_given_before_it_is_stored)
{
	struct counter c;
	uint64_t last = 0;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		if (open_store(path))
			_exit(1);
		counter_init(&c, s, "kid", 1, UINT32_MAX);
		while (loop_barrier(loop) && last < (uint64_t)_i * 500)
			if (counter_next(&c, &last))
				_exit(1);
		for (int i = 0; i < 700; i++) /* without a word */
			if (counter_next(&c, &last))
				_exit(1);
		_exit(write(ends[1], &last, sizeof last) != sizeof last);
	}
	ck_assert_int_eq(read(ends[0], &last, sizeof last), sizeof last);
	close(ends[0]);
	close(ends[1]);
	waitpid(child, NULL, 0);
	ck_assert_uint_eq(last, (uint64_t)_i * 500 + 700);
	ck_ok(open_store(path));
	interpose_writes();
	counter_init(&c, s, "kid", 1, UINT32_MAX);
	ck_assert(loop_barrier(loop));
	uint64_t first = next(&c);
	ck_assert_uint_gt(first, last);
	ck_assert_uint_eq(next(&c), first + 1); /* asks for more */
	write_error = ENOSPC;
	ck_assert(!loop_barrier(loop));
	for (uint64_t n = first + 2; n < first + 1000; n++)
		ck_assert_uint_eq(next(&c), n);
	ck_err(counter_next(&c, &last), KH_E_STORE_FULL);
	write_error = 0;
	turn();
	turn();
	for (uint64_t n = first + 1000; n < first + 4000; n++)
		ck_assert_uint_eq(next(&c), n);
	last = first + 3999;
	close_store();
	ck_ok(open_store(path));
	counter_init(&c, s, "kid", 1, UINT32_MAX);
	ck_assert_uint_gt(next(&c), last);
}
END_TEST

#define NUMBERS 2500

/* Tells every number it gets; a turn takes 100 of them, and stores something else first. */
static void take_until_killed(int out, unsigned writes)
{
	struct counter c;

	interpose_writes();
	writes_left = writes;
	if (open_store(path)) {
		fputs(why, stderr);
		_exit(1);
	}
	counter_init(&c, s, "kid", 1, UINT32_MAX);
	sqlite3_stmt *insert = store_prepare(s, "INSERT INTO t VALUES(1)");
	turn();
	for (int i = 0; i < NUMBERS; i++) {
		if (i % 100 == 0)
			store_run(s, insert);
		uint64_t n = next(&c);
		if (write(out, &n, sizeof n) != sizeof n)
			_exit(1);
		if (i % 100 == 99)
			turn();
	}
	_exit(0);
}

/* One process after the other is killed before its first, second, ... write to the disk. */
START_TEST(counters_rise_over_a_kill_at_any_write)
{
	uint64_t last = 0, n;
	unsigned kills = 0;
	int status = 1;

	ck_ok(open_store(
		path)); /* one that is killed before its file has a word in it leaves an empty one */
	close_store();
	for (unsigned writes = 1; status; writes++) {
		int pair[2];
		ck_assert_int_eq(pipe(pair), 0);
		pid_t child = fork();
		if (child == 0)
			take_until_killed(pair[1], writes);
		close(pair[1]);
		while (read(pair[0], &n, sizeof n) == sizeof n) {
			ck_assert_uint_gt(n, last);
			last = n;
		}
		close(pair[0]);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(!status || WTERMSIG(status) == SIGKILL, "status %d", status);
		kills += status != 0;
	}
	ck_assert_uint_gt(kills, 50);
	ck_assert_uint_gt(last, NUMBERS);
}
END_TEST

START_TEST(counters_are_apart_and_end)
{
	struct counter a, b;
	uint64_t n;

	ck_ok(open_store(path));
	counter_init(&a, s, "a", 1, 3);
	counter_init(&b, s, "b", 1, 100);
	for (uint64_t i = 1; i <= 3; i++)
		ck_assert_uint_eq(next(&a), i);
	ck_err(counter_next(&a, &n), KH_E_NO_RESOURCES);
	ck_assert_uint_eq(next(&b), 1);
}
END_TEST

START_TEST(memory_begins_where_it_is_told)
{
	struct counter c;

	ck_ok(open_store("memory"));
	ck_assert(!store_is_durable(s));
	ck_assert_uint_eq(store_instance(s), 0);
	counter_init(&c, s, "g", 5000, UINT32_MAX);
	ck_assert_uint_eq(next(&c), 5000);
	ck_assert_uint_eq(next(&c), 5001);
	store_touch(s);
	store_run(s, NULL);
	ck_assert(loop_barrier(loop));
	ck_assert_uint_eq(flushed, 0);
}
END_TEST

/* One transaction a turn; the barrier, which comes before any output, is what commits it. */
START_TEST(nothing_is_told_before_it_is_stored)
{
	ck_ok(open_store(path));
	sqlite3_stmt *insert = store_prepare(s, "INSERT INTO t VALUES(1)");

	store_run(s, insert);
	store_run(s, insert);
	store_touch(s);
	ck_assert_int_eq(rows_seen_by_another(), 0);
	ck_assert(loop_barrier(loop));
	ck_assert_uint_eq(flushed, 1);
	ck_assert_int_eq(rows_seen_by_another(), 2);
	ck_assert(loop_barrier(loop));
	ck_assert_uint_eq(flushed, 1);
}
END_TEST

START_TEST(what_is_left_is_committed_at_the_end)
{
	ck_ok(open_store(path));
	store_run(s, store_prepare(s, "INSERT INTO t VALUES(1)"));
	close_store();
	ck_assert_int_eq(rows_seen_by_another(), 1);
}
END_TEST

/* A full disk: all of the turn is undone, none of it is told, and the next one that finds room is whole again. */
START_TEST(a_full_disk_denies_the_turn)
{
	struct counter c;
	uint64_t n;

	ck_ok(open_store(path));
	interpose_writes();
	counter_init(&c, s, "c", 1, 5000);
	sqlite3_stmt *insert = store_prepare(s, "INSERT INTO t VALUES(1)");
	store_run(s, insert);
	write_error = ENOSPC;
	ck_assert(!loop_barrier(loop));
	ck_assert(!loop_barrier(loop)); /* for every link of this turn */
	ck_assert_int_eq(room, STORE_FULL);
	ck_assert_int_eq(store_room(s), STORE_FULL);
	ck_assert_uint_eq(stored, 0);
	ck_err(counter_next(&c, &n), KH_E_STORE_FULL);
	turn();
	turn();
	ck_assert(loop_barrier(loop)); /* a turn without changes has something to say */
	store_touch(s);
	store_run(s, insert);
	ck_assert(!loop_barrier(loop));
	write_error = 0;
	turn();
	turn();
	ck_assert_int_eq(rows_seen_by_another(), 0);
	store_run(s, insert);
	ck_assert(loop_barrier(loop));
	ck_assert_uint_eq(stored, 1);
	ck_assert_int_eq(rows_seen_by_another(), 1);
	ck_ok(counter_next(&c, &n));
	ck_assert_uint_eq(n, 1);
}
END_TEST

/* What fsync() could not promise may not be told, and asking again proves nothing: the process ends. */
START_TEST(a_failed_fsync_ends_the_process)
{
	ck_ok(open_store(path));
	store_run(s, store_prepare(s, "INSERT INTO t VALUES(1)"));
	sync_error = EIO;
	(void)!loop_barrier(loop);
	_exit(0); /* not reached */
}
END_TEST

START_TEST(seals_are_bound_to_their_place)
{
	const uint8_t plain[5] = "keys";
	uint8_t sealed[5 + STORE_SEAL_OVERHEAD], out[5], again[5 + STORE_SEAL_OVERHEAD];

	ck_ok(open_store(path));
	ck_ok(store_seal(s, "ue", 7, plain, sizeof plain, sealed));
	ck_ok(store_unseal(s, "ue", 7, sealed, sizeof sealed, out));
	ck_assert_mem_eq(out, plain, sizeof plain);
	ck_err(store_unseal(s, "ue", 8, sealed, sizeof sealed, out), KH_E_UNWRAP_FAILED);
	ck_err(store_unseal(s, "enb", 7, sealed, sizeof sealed, out), KH_E_UNWRAP_FAILED);
	ck_err(store_unseal(s, "ue", 7, sealed, STORE_SEAL_OVERHEAD - 1, out), KH_E_UNWRAP_FAILED);
	for (size_t i = 0; i < sizeof sealed; i++) {
		memcpy(again, sealed, sizeof sealed);
		again[i] ^= 0x10;
		ck_err(store_unseal(s, "ue", 7, again, sizeof again, out), KH_E_UNWRAP_FAILED);
	}
	ck_ok(store_seal(s, "ue", 7, plain, sizeof plain, again));
	ck_assert_mem_ne(sealed, again, 12); /* never the same nonce */
}
END_TEST

START_TEST(the_instance_stays_with_the_file)
{
	ck_ok(open_store(path));
	uint64_t instance = store_instance(s);
	ck_assert_uint_ne(instance, 0);
	close_store();
	ck_ok(open_store(path));
	ck_assert_uint_eq(store_instance(s), instance);
	close_store();
	unlink(path);
	ck_ok(open_store(path));
	ck_assert_uint_ne(store_instance(s), instance);
}
END_TEST

static void overwrite(const char *file, const void *data, size_t len, off_t at)
{
	int fd = open(file, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, data, len, at), (ssize_t)len);
	close(fd);
}

static void refused(const char *said)
{
	ck_err(open_store(path), KH_E_CONFIG);
	ck_assert_msg(strstr(why, path) && strstr(why, said), "%s", why);
	close_store();
}

START_TEST(damaged_files_are_refused)
{
	static const uint8_t junk[200] = "this is not a database, nor was it one";

	ck_ok(open_store(path));
	close_store();
	overwrite(path, junk, sizeof junk, 0);
	refused("move it away");
	unlink(path);
	overwrite(path, junk, sizeof junk, 0);
	refused("");
}
END_TEST

static void set_version(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(another_version_is_refused)
{
	ck_ok(open_store(path));
	close_store();
	set_version("PRAGMA user_version=0");
	refused("schema version 0");
	set_version("PRAGMA user_version=99");
	refused("schema version 99");
	set_version("PRAGMA user_version=1");
	ck_ok(open_store(path));
}
END_TEST

/* A copy that ended early, at any page and in the middle of one. */
START_TEST(truncated_files_are_refused)
{
	struct stat st;
	char *whole;

	ck_ok(open_store(path));
	sqlite3_stmt *insert = store_prepare(s, "INSERT INTO t VALUES(1)");
	for (int i = 0; i < 200; i++)
		store_run(s, insert);
	close_store();
	ck_assert_int_eq(stat(path, &st), 0);
	whole = malloc((size_t)st.st_size);
	int fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, whole, (size_t)st.st_size), st.st_size);
	close(fd);
	for (off_t len = 0; len < st.st_size; len += 1500) {
		overwrite(path, whole, (size_t)st.st_size, 0);
		ck_assert_int_eq(truncate(path, len), 0);
		refused("move it away");
	}
	free(whole);
}
END_TEST

START_TEST(a_wal_without_its_file_is_refused)
{
	char wal[80];

	snprintf(wal, sizeof wal, "%s-wal", path);
	overwrite(wal, "rows of another day", 19, 0);
	refused("-wal");
	unlink(wal);
	ck_ok(open_store(path));
}
END_TEST

/* What a crash leaves: a -wal file with `n` commits. `path` is that of a copy of both. */
static off_t crash_with_commits(int n)
{
	char command[400];
	struct stat st;

	ck_ok(open_store(path));
	sqlite3_stmt *insert = store_prepare(s, "INSERT INTO t VALUES(1)");
	for (int i = 0; i < n; i++) {
		store_run(s, insert);
		ck_assert(loop_barrier(loop));
	}
	snprintf(command, sizeof command, "cp %s %s.crash; cp %s-wal %s.crash-wal", path, path,
		 path, path);
	ck_assert_int_eq(system(command), 0);
	close_store();
	snprintf(command, sizeof command, "mv %s.crash %s; mv %s.crash-wal %s-wal", path, path,
		 path, path);
	ck_assert_int_eq(system(command), 0);
	snprintf(command, sizeof command, "%s-wal", path);
	ck_assert_int_eq(stat(command, &st), 0);
	return st.st_size;
}

/* Only the last commit can have been torn by a power cut; anything before it is damage. */
START_TEST(a_damaged_wal_is_refused)
{
	char wal[80];
	off_t len = crash_with_commits(6);
	const off_t frame = 24 + 4096;

	snprintf(wal, sizeof wal, "%s-wal", path);
	for (off_t at = 4; at < len - 2 * frame; at += frame / 3) {
		uint8_t was, now;
		int fd = open(wal, O_RDWR);
		ck_assert_int_eq(pread(fd, &was, 1, at), 1);
		now = was ^ 1;
		ck_assert_int_eq(pwrite(fd, &now, 1, at), 1);
		refused("-wal file is damaged");
		ck_assert_int_eq(pwrite(fd, &was, 1, at), 1);
		close(fd);
	}
	ck_assert_int_eq(truncate(wal, len - 100), 0); /* torn */
	ck_ok(open_store(path));
	close_store();
}
END_TEST

START_TEST(a_whole_wal_is_taken)
{
	(void)crash_with_commits(6);
	ck_ok(open_store(path));
	close_store();
	ck_assert_int_eq(rows_seen_by_another(), 6);
}
END_TEST

START_TEST(another_key_is_refused)
{
	char hex[65];

	ck_ok(open_store(path));
	close_store();
	memset(hex, '0', sizeof hex - 1);
	overwrite(key_path, hex, 64, 0);
	refused("another key");
	ck_assert_int_eq(truncate(key_path, 10), 0);
	refused("64 hex digits");
	ck_assert_int_eq(chmod(key_path, 0640), 0);
	refused("0600");
	ck_assert_int_eq(unlink(key_path), 0);
	ck_assert_int_eq(mkfifo(key_path, 0600), 0);
	refused("nothing else");
}
END_TEST

START_TEST(two_at_once_are_refused)
{
	struct store *first;

	ck_ok(open_store(path));
	first = s;
	ck_err(open_store(path), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "locked"));
	close_store();
	s = first;
}
END_TEST

START_TEST(files_are_for_their_owner)
{
	struct stat st;

	ck_ok(open_store(path));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0077, 0);
	ck_assert_int_eq(stat(key_path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0077, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");

	CHECK_CASE_WITH(suite, "store", setup, teardown, counters_rise_over_restarts,
			counters_do_not_end_a_turn, counters_rise_over_a_kill_at_any_write,
			counters_are_apart_and_end, memory_begins_where_it_is_told,
			nothing_is_told_before_it_is_stored, what_is_left_is_committed_at_the_end,
			a_full_disk_denies_the_turn, seals_are_bound_to_their_place,
			the_instance_stays_with_the_file, damaged_files_are_refused,
			truncated_files_are_refused, another_version_is_refused,
			a_wal_without_its_file_is_refused, a_damaged_wal_is_refused,
			a_whole_wal_is_taken, another_key_is_refused, two_at_once_are_refused,
			files_are_for_their_owner);
	TCase *asked = tcase_create("asked");
	tcase_add_checked_fixture(asked, setup, teardown);
	tcase_add_loop_test(asked, what_was_asked_for_is_not_given_before_it_is_stored, 0, 6);
	suite_add_tcase(suite, asked);
	TCase *ends = tcase_create("ends");
	tcase_add_checked_fixture(ends, setup, teardown);
	tcase_add_exit_test(ends, a_failed_fsync_ends_the_process, EXIT_FAILURE);
	suite_add_tcase(suite, ends);
	return check_main(suite);
}
