/* The files of a TLS context: certificates, key, key log. */
#include "tls.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_main.h"
#include "log.h"
#include "test_tls.h"

static struct test_pki pki;

static void setup(void)
{
	test_pki_make(&pki);
	log_set_category(LOG_TUNNEL, LOG_ERROR); /* a key log is warned of */
}

static void teardown(void)
{
	test_pki_remove(&pki);
}

static int open_context(const char *ca, const char *cert, const char *key, const char *keylog,
			char why[200])
{
	struct tls_settings s = {.ca = ca, .cert = cert, .key = key, .keylog = keylog};
	struct tls_context *context = NULL;
	int err = tls_context_new(&context, &s, why, 200);

	tls_context_free(err == 0 ? context : NULL);
	return err;
}

static void files_of_enb1(char ca[TEST_PKI_PATH], char cert[TEST_PKI_PATH], char key[TEST_PKI_PATH])
{
	test_pki_path(&pki, "ca", ".pem", ca);
	test_pki_path(&pki, "enb1", ".pem", cert);
	test_pki_path(&pki, "enb1", ".key", key);
}

START_TEST(files_refused)
{
	char ca[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH], other[TEST_PKI_PATH];
	char why[200];

	files_of_enb1(ca, cert, key);
	test_pki_path(&pki, "enb2", ".key", other);
	ck_ok(open_context(ca, cert, key, NULL, why));
	ck_err(open_context("/nonexistent", cert, key, NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "/nonexistent"));
	ck_err(open_context(ca, "/nonexistent", key, NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "/nonexistent: No such file"));
	ck_err(open_context(ca, cert, "/nonexistent", NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "/nonexistent: No such file"));
	ck_err(open_context(ca, key, key, NULL, why), KH_E_CONFIG);
	ck_err(open_context(ca, cert, cert, NULL, why), KH_E_CONFIG);
	ck_err(open_context(ca, cert, other, NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "mismatch"));
	ck_err(open_context(NULL, cert, key, NULL, why), KH_E_CONFIG);
	ck_assert_int_eq(chmod(key, 0644), 0);
	ck_err(open_context(ca, cert, key, NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "others may read it"));
	ck_assert_int_eq(chmod(key, 0640), 0);
	ck_ok(open_context(ca, cert, key, NULL, why));
}
END_TEST

/* Nobody writes to the FIFO: whoever opens it to read would wait for ever. */
START_TEST(what_is_no_file_is_refused)
{
	char ca[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH], fifo[TEST_PKI_PATH];
	char why[200];

	files_of_enb1(ca, cert, key);
	test_pki_path(&pki, "fifo", ".pem", fifo);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	const char *const bad[] = {fifo, "/dev/zero", pki.dir};
	for (size_t i = 0; i < 9; i++) {
		const char *files[] = {ca, cert, key};
		files[i % 3] = bad[i / 3];
		ck_err(open_context(files[0], files[1], files[2], NULL, why), KH_E_CONFIG);
		ck_assert_msg(strstr(why, "not a regular file") != NULL, "%s", why);
		ck_assert_msg(strstr(why, bad[i / 3]) != NULL, "%s", why);
	}
	ck_assert_int_eq(truncate(ca, 5L * 1024 * 1024), 0);
	ck_err(open_context(ca, cert, key, NULL, why), KH_E_CONFIG);
	ck_assert_msg(strstr(why, "too long") != NULL, "%s", why);
}
END_TEST

START_TEST(key_log)
{
	char path[TEST_PKI_PATH], line[512];
	struct tls_pair p = {0};
	struct stat st;
	int lines = 0;
	FILE *f;

	test_pki_path(&pki, "keys", ".log", path);
	p.client.context = test_pki_context(&pki, "enb1", "ca", path);
	p.client.tls = tls_new(p.client.context, false, TEST_ALPN);
	tls_end_open(&p.server, &pki, "mme", "ca", true, TEST_ALPN);
	tls_pair_run(&p, SIZE_MAX);
	tls_pair_expect_up(&p);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f)) {
		ck_assert_int_eq(line[strlen(line) - 1], '\n');
		lines++;
	}
	fclose(f);
	ck_assert_int_ge(lines, 4);
	tls_pair_close(&p);
}
END_TEST

START_TEST(key_log_refused)
{
	char ca[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH], path[TEST_PKI_PATH];
	char why[200];
	int fd;

	files_of_enb1(ca, cert, key);
	test_pki_path(&pki, "keys", ".log", path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, 0640), 0);
	ck_err(open_context(ca, cert, key, path, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, path));
	ck_assert_int_eq(fchmod(fd, 0600), 0);
	ck_ok(open_context(ca, cert, key, path, why));
	close(fd);
	ck_err(open_context(ca, cert, key, "/dev/null", why), KH_E_CONFIG);
	ck_err(open_context(ca, cert, key, "/nonexistent/keys", why), KH_E_CONFIG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls-files");

	CHECK_CASE_WITH(s, "files", setup, teardown, files_refused, what_is_no_file_is_refused,
			key_log, key_log_refused);
	return check_main(s);
}
