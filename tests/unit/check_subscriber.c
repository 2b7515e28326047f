#include "subscriber.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_main.h"
#include "crypto.h"

#define K "00112233445566778899aabbccddeeff"
#define OPC "ffeeddccbbaa99887766554433221100"

static char path[] = "/tmp/keyhop-subscribers-XXXXXX";
static char why[300];
static struct crypto *crypto;
static struct subscriber seen[8];
static size_t n_seen;

static void setup(void)
{
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	crypto = crypto_new();
	n_seen = 0;
}

static void teardown(void)
{
	crypto_free(crypto);
	unlink(path);
}

static int take(void *arg, const struct subscriber *s)
{
	(void)arg;
	for (size_t i = 0; i < n_seen; i++)
		if (strcmp(seen[i].imsi.s, s->imsi.s) == 0)
			return KH_E_ALREADY_EXISTS;
	seen[n_seen++] = *s;
	return 0;
}

static int read_text(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	n_seen = 0;
	return subscriber_read(crypto, path, take, NULL, why, sizeof why);
}

START_TEST(lines)
{
	ck_assert_msg(read_text("# IMSI,K,OPc\n\n001010000000001," K "," OPC "\n"
				"001010000000002," K "," OPC ",000000000120\n"
				"  001010000000003 , " K " , op:" OPC "\n") == 0,
		      "%s", why);
	ck_assert_uint_eq(n_seen, 3);
	ck_assert_str_eq(seen[0].imsi.s, "001010000000001");
	ck_assert_uint_eq(seen[0].k.b[1], 0x11);
	ck_assert_uint_eq(seen[0].opc.b[0], 0xff);
	ck_assert_uint_eq(seen[0].sqn, 0);
	ck_assert_uint_eq(seen[1].sqn, 0x120);
	ck_assert_mem_ne(seen[2].opc.b, seen[0].opc.b, 16); /* computed from OP */
}
END_TEST

START_TEST(refusals_say_the_line)
{
	static const char *const wrong[] = {
		"00101000000000," K "," OPC "\n",
		"00101000000000x," K "," OPC "\n",
		"001010000000001,0011," OPC "\n",
		"001010000000001," K "," K "00\n",
		"001010000000001," K ",opx:" OPC "\n",
		"001010000000001," K "," OPC ",12\n",
		"001010000000001," K "," OPC ",00000000012g\n",
		"001010000000001," K "," OPC ",000000000120,more\n",
		"001010000000001\n",
		"001010000000001," K "\n",
		",,\n",
	};
	char text[400], where[100];

	snprintf(where, sizeof where, "%s:2:", path);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		snprintf(text, sizeof text, "# a comment\n%s", wrong[i]);
		ck_assert_msg(read_text(text) == KH_E_CONFIG, "accepted: %s", wrong[i]);
		ck_assert_msg(strstr(why, where) == why, "%s", why);
		ck_assert_msg(!strstr(why, K) && !strstr(why, OPC), "a key in: %s", why);
	}
}
END_TEST

START_TEST(refusals_say_the_column)
{
	static const struct {
		const char *line, *said;
	} wrong[] = {
		{"00101000000000x," K "," OPC, ":1: wrong imsi"},
		{"  001010000000001 x," K "," OPC, ":3: wrong imsi"},
		{"001010000000001, " K "x," OPC, ":18: wrong k"},
		{"001010000000001," K " 0," OPC, ":17: wrong k"},
		{"001010000000001," K ",op:" K "x", ":50: wrong opc"},
		{"001010000000001," K "," OPC ", 12", ":84: wrong sqn"},
		{"001010000000002-001010000000001," K "," OPC, ":1: wrong range of imsi"},
		{"001010000000001," K, ":1: wrong number of fields"},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_int_eq(read_text(wrong[i].line), KH_E_CONFIG);
		ck_assert_msg(strstr(why, wrong[i].said), "not %s in: %s", wrong[i].said, why);
	}
}
END_TEST

static int read_piece(const char *text, unsigned first)
{
	n_seen = 0;
	return subscriber_read_text(crypto, text, "piece.csv", first, take, NULL, why, sizeof why);
}

START_TEST(pieces_of_a_file)
{
	ck_ok(read_piece("", 1));
	ck_ok(read_piece("# nothing\n\n \t\n", 1));
	ck_assert_uint_eq(n_seen, 0);
	ck_ok(read_piece("001010000000001," K "," OPC "\r\n001010000000002," K "," OPC, 7));
	ck_assert_uint_eq(n_seen, 2);
	ck_err(read_piece("# a\n001010000000001," K "," OPC "\n001010000000001," K "," OPC "\n", 7),
	       KH_E_ALREADY_EXISTS);
	ck_assert_str_eq(why, "piece.csv:9:1: exists already");
	ck_err(read_piece("001010000000001,,\n", 1000), KH_E_BAD_FIELD);
	ck_assert_str_eq(why, "piece.csv:1000:17: wrong k");
}
END_TEST

/* A line that is too long is not two lines, and not a shorter one. */
START_TEST(long_lines)
{
	char text[2000];

	for (int blanks = 150; blanks < 400; blanks++) {
		/* Room for 254 octets and the end of the line. */
		bool fits = 15 + 1 + 32 + 1 + 32 + blanks <= 254;
		snprintf(text, sizeof text,
			 "001010000000001," K "," OPC "%*s\n001010000000002," K "," OPC "\n",
			 blanks, "");
		ck_err(read_text(text), fits ? 0 : KH_E_CONFIG);
		ck_assert_uint_eq(n_seen, fits ? 2 : 0);
		ck_err(read_piece(text, 1), fits ? 0 : KH_E_BAD_FIELD);
		ck_assert_uint_eq(n_seen, fits ? 2 : 0);
		if (!fits)
			ck_assert_ptr_nonnull(strstr(why, "piece.csv:1:1: wrong length"));
		/* The last line without an end. */
		text[15 + 1 + 32 + 1 + 32 + blanks] = '\0';
		ck_err(read_text(text), fits ? 0 : KH_E_CONFIG);
		ck_err(read_piece(text, 1), fits ? 0 : KH_E_BAD_FIELD);
	}
}
END_TEST

START_TEST(ranges)
{
	ck_ok(read_text("001010000000009-001010000000012," K "," OPC "\n"));
	ck_assert_uint_eq(n_seen, 4);
	ck_assert_str_eq(seen[0].imsi.s, "001010000000009");
	ck_assert_str_eq(seen[3].imsi.s, "001010000000012");
	ck_assert_mem_eq(seen[3].k.b, seen[0].k.b, 16);
	ck_err(read_text("001010000000009-001010000000008," K "," OPC "\n"), KH_E_CONFIG);
	ck_err(read_text("001010000000009-," K "," OPC "\n"), KH_E_CONFIG);
	ck_err(read_text("001010000000009-00101000000010," K "," OPC "\n"), KH_E_CONFIG);
	ck_err(read_text("001010000000000-001019999999999," K "," OPC "\n"), KH_E_CONFIG);
	ck_assert_uint_eq(n_seen, 0);
	ck_err(read_text("001010000000002-001010000000003," K "," OPC "\n001010000000003," K "," OPC
			 "\n"),
	       KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, ":2:"));
}
END_TEST

START_TEST(the_same_imsi_twice)
{
	ck_err(read_text("001010000000001," K "," OPC "\n001010000000001," K "," OPC "\n"),
	       KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, ":2:"));
}
END_TEST

START_TEST(files_that_others_may_read)
{
	ck_ok(read_text("001010000000001," K "," OPC "\n"));
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_err(subscriber_read(crypto, path, take, NULL, why, sizeof why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, path));
	ck_err(subscriber_read(crypto, "/nowhere/s.csv", take, NULL, why, sizeof why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "/nowhere/s.csv"));
}
END_TEST

START_TEST(from_texts)
{
	struct subscriber s;
	const char *field = NULL;

	ck_ok(subscriber_parse(crypto, "001010000000001", K, OPC, NULL, &s, &field));
	ck_err(subscriber_parse(crypto, "1", K, OPC, NULL, &s, &field), KH_E_BAD_FIELD);
	ck_assert_ptr_nonnull(field);
	ck_err(subscriber_parse(crypto, "001010000000001", "k", OPC, NULL, &s, &field),
	       KH_E_BAD_FIELD);
	ck_err(subscriber_parse(crypto, "001010000000001", K, "", NULL, &s, &field),
	       KH_E_BAD_FIELD);
	ck_err(subscriber_parse(crypto, "001010000000001", K, OPC, "0", &s, &field),
	       KH_E_BAD_FIELD);
}
END_TEST

START_TEST(what_is_no_file)
{
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_err(subscriber_read(crypto, path, take, NULL, why, sizeof why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "not a regular file"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("subscriber");

	CHECK_CASE_WITH(s, "subscriber", setup, teardown, lines, refusals_say_the_line,
			refusals_say_the_column, pieces_of_a_file, long_lines, ranges,
			the_same_imsi_twice, files_that_others_may_read, what_is_no_file,
			from_texts);
	return check_main(s);
}
