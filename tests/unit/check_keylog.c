#include "keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_main.h"
#include "log.h"

static char dir[] = "/tmp/keyhop-keylog-XXXXXX";
static char path[64], log_path[64];
static const uint8_t key[32] = {0xde, 0xad, 0xbe, 0xef, 0x01};

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/keys", dir);
	snprintf(log_path, sizeof log_path, "%s/log", dir);
	log_init("enb-1");
	ck_ok(log_to_file(log_path)); /* the warning belongs there */
}

static void teardown(void)
{
	log_close();
	unlink(path);
	unlink(log_path);
	ck_assert_int_eq(rmdir(dir), 0);
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
}

static void read_file(const char *name, char *out, size_t size)
{
	FILE *f = fopen(name, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	fclose(f);
}

static struct keylog *open_log(void)
{
	struct keylog *k = NULL;

	ck_ok(keylog_open(&k, path, "enb-1"));
	ck_assert_ptr_nonnull(k);
	return k;
}

START_TEST(mode)
{
	mode_t old = umask(0);
	struct keylog *k = open_log();
	struct stat st;
	char text[512];

	umask(old);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(st.st_size, 0);
	keylog_close(k);
	keylog_close(NULL);
	read_file(log_path, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, " WARN  enb-1 key "));
	ck_assert_ptr_nonnull(strstr(text, path));
}
END_TEST

static void check_refused(int want_errno)
{
	struct keylog *k = NULL;

	errno = 0;
	ck_err(keylog_open(&k, path, "enb-1"), KH_E_CONFIG);
	ck_assert_ptr_null(k);
	ck_assert_int_eq(errno, want_errno);
}

START_TEST(refused_when_others_may_read)
{
	static const mode_t bad[] = {0640, 0604, 0620, 0602, 0660, 0644, 0610};

	keylog_close(open_log());
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(chmod(path, bad[i]), 0);
		check_refused(EACCES);
	}
	ck_assert_int_eq(chmod(path, 0600), 0);
	keylog_close(open_log());
}
END_TEST

START_TEST(refused_unless_a_file)
{
	char target[80];

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	check_refused(ENXIO); /* no reader: and no wait for one */
	unlink(path);
	snprintf(target, sizeof target, "%s/elsewhere", dir);
	ck_assert_int_eq(symlink(target, path), 0);
	check_refused(ELOOP);
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	check_refused(EISDIR);
	rmdir(path);
	snprintf(path, sizeof path, "%s/none/keys", dir);
	check_refused(ENOENT);
}
END_TEST

#define HEX16 "deadbeef010000000000000000000000"

START_TEST(lines)
{
	static const struct keylog_tags whole = {.ue = "001010123456789",
						 .enb = 268435455,
						 .kid = 4294967295,
						 .gen = UINT64_MAX,
						 .has_gen = true,
						 .has_alg = true,
						 .alg = 2};
	static const struct keylog_tags attach = {.ue = "", .enb = 1, .has_gen = true};
	static const struct keylog_tags nas = {.ue = "001010123456789", .has_alg = true};
	struct keylog *k = open_log();
	char text[2048];

	keylog_write(k, KEY_K, key, 16, NULL);
	keylog_write(k, KEY_KENB, key, 32, &attach);
	keylog_write(k, KEY_K_NAS_ENC, key, 16, &nas);
	keylog_write(k, KEY_MME_ENB_KEY, key, 16, &whole);
	keylog_write(NULL, KEY_K, key, 16, &whole);
	keylog_write(k, KEY_K, text, sizeof text, NULL); /* longer than any key: nothing */
	keylog_close(k);
	read_file(path, text, sizeof text);
	ck_assert_str_eq(text,
			 "k node=enb-1 " HEX16 "\n"
			 "kenb node=enb-1 enb=1 gen=0 " HEX16 "00000000000000000000000000000000\n"
			 "k_nas_enc node=enb-1 ue=001010123456789 alg=0 " HEX16 "\n"
			 "mme_enb_key node=enb-1 ue=001010123456789 enb=268435455 "
			 "gen=18446744073709551615 kid=4294967295 alg=2 " HEX16 "\n");
}
END_TEST

START_TEST(appends)
{
	char text[512];

	for (unsigned i = 0; i < 3; i++) {
		struct keylog *k = open_log();

		keylog_write(k, KEY_OPC, key, 16, NULL);
		keylog_close(k);
	}
	read_file(path, text, sizeof text);
	ck_assert_str_eq(text, "opc node=enb-1 " HEX16 "\nopc node=enb-1 " HEX16
			       "\nopc node=enb-1 " HEX16 "\n");
}
END_TEST

/* The log itself, as it stands between people and keys. */
START_TEST(log_line)
{
	char text[4096], long_text[4000];
	int year, month, day, hour, minute, second, us, end = 0;

	errno = ENOTTY;
	log_info(LOG_TUNNEL, "up enb=%d", 2);
	ck_assert_int_eq(errno, ENOTTY);
	log_debug(LOG_TUNNEL, "not wanted");
	log_error(LOG_HO, "two\nlines\033[1m");
	memset(long_text, 'x', sizeof long_text);
	long_text[sizeof long_text - 1] = '\0';
	log_warn(LOG_CFG, "%s", long_text);
	read_file(log_path, text, sizeof text);
	ck_assert_int_eq(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%n", &year, &month, &day, &hour,
				&minute, &second, &us, &end),
			 7);
	ck_assert_int_eq(end, 27);
	ck_assert_int_eq(strncmp(text + end, " INFO  enb-1 tunnel up enb=2\n", 29), 0);
	ck_assert_ptr_null(strstr(text, "not wanted"));
	ck_assert_ptr_nonnull(strstr(text, " ERROR enb-1 ho two?lines?[1m\n"));
	ck_assert_uint_lt(strlen(text), 2500); /* cut */
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
}
END_TEST

START_TEST(log_levels)
{
	for (int i = 0; i < LOG_LEVELS; i++)
		ck_assert_int_eq(log_level_parse(log_level_name((enum log_level)i)), i);
	for (int i = 0; i < LOG_CATS; i++)
		ck_assert_int_eq(log_cat_parse(log_cat_name((enum log_cat)i)), i);
	ck_assert_int_eq(log_level_parse("loud"), -1);
	ck_assert_int_eq(log_cat_parse(""), -1);
	log_set_level(LOG_ERROR);
	log_set_category(LOG_NAS, LOG_TRACE);
	ck_assert(log_enabled(LOG_NAS, LOG_TRACE));
	ck_assert(!log_enabled(LOG_HO, LOG_WARN));
	ck_assert(log_enabled(LOG_HO, LOG_ERROR));
	ck_assert_int_eq(log_get_category(LOG_NAS), LOG_TRACE);
	log_set_category(LOG_HO, LOG_LEVELS); /* no such level */
	ck_assert_int_eq(log_get_category(LOG_HO), LOG_ERROR);
	ck_assert(!log_enabled(LOG_CATS, LOG_ERROR));
	ck_err(log_to_file("/nonexistent/log"), KH_E_CONFIG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keylog");

	CHECK_CASE_WITH(s, "keylog", setup, teardown, mode, refused_when_others_may_read,
			refused_unless_a_file, lines, appends);
	CHECK_CASE_WITH(s, "log", setup, teardown, log_line, log_levels);
	return check_main(s);
}
