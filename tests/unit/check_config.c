#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"

struct item {
	uint32_t id;
	char *name;
};

struct options {
	char *name, *file;
	bool flag;
	uint32_t number, duration, size;
	uint16_t port;
	int32_t level, word;
	struct config_algs algs;
	struct config_list items;
};

#define OPT(m) offsetof(struct options, m)
static const struct config_word words[] = {{"red", 1}, {"green", 2}, {0}};
static const struct config_word file_words[] = {{"none", 0}, {0}};
static const struct config_row item_rows[] = {
	{.key = "id",
	 .type = CONFIG_U32,
	 .offset = offsetof(struct item, id),
	 .required = true,
	 .min = 1,
	 .max = 9},
	{.key = "name",
	 .type = CONFIG_STRING,
	 .offset = offsetof(struct item, name),
	 .def = "nobody"},
	{0},
};
static const struct config_row rows[] = {
	{.key = "node.name", .type = CONFIG_STRING, .offset = OPT(name), .required = true},
	{.key = "node.file", .type = CONFIG_FILE, .offset = OPT(file), .words = file_words},
	{.key = "flag", .type = CONFIG_BOOL, .offset = OPT(flag), .def = "true"},
	{.key = "number",
	 .type = CONFIG_U32,
	 .offset = OPT(number),
	 .def = "7",
	 .min = 5,
	 .max = 0x20},
	{.key = "wait",
	 .type = CONFIG_DURATION,
	 .offset = OPT(duration),
	 .def = "2s",
	 .min = 10,
	 .max = 7200000},
	{.key = "room", .type = CONFIG_SIZE, .offset = OPT(size), .def = "64KiB"},
	{.key = "port", .type = CONFIG_PORT, .offset = OPT(port), .def = "36512"},
	{.key = "offset",
	 .type = CONFIG_CDB,
	 .offset = OPT(level),
	 .def = "-1.5",
	 .min = -1500,
	 .max = 1500},
	{.key = "colour", .type = CONFIG_ENUM, .offset = OPT(word), .def = "green", .words = words},
	{.key = "colours",
	 .type = CONFIG_ALG_LIST,
	 .offset = OPT(algs),
	 .def = "red",
	 .words = words},
	{.key = "items",
	 .type = CONFIG_LIST,
	 .offset = OPT(items),
	 .rows = item_rows,
	 .item_size = sizeof(struct item),
	 .max_items = 2},
	{0},
};

static char path[] = "/tmp/keyhop-config-XXXXXX";
static struct options o;
static char why[CONFIG_WHY_LEN];

static void setup(void)
{
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	memset(&o, 0, sizeof o);
	why[0] = '\0';
}

static void teardown(void)
{
	config_clear(rows, &o);
	unlink(path);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static int load_from(const char *const *files, size_t n_files,
		     const struct config_override *overrides, size_t n)
{
	const struct config_source from = {files, n_files, overrides, n};

	return config_load(rows, &o, &from, NULL, why);
}

static int load_file(const char *file)
{
	return load_from(&file, 1, NULL, 0);
}

static int load_with(const char *text, const struct config_override *overrides, size_t n)
{
	config_clear(rows, &o);
	memset(&o, 0, sizeof o);
	write_file(text);
	const char *file = path;

	return load_from(&file, 1, overrides, n);
}

static int load(const char *text)
{
	return load_with(text, NULL, 0);
}

START_TEST(defaults)
{
	ck_assert_msg(load("node: {name: n1}\n") == 0, "%s", why);
	ck_assert_str_eq(o.name, "n1");
	ck_assert_ptr_null(o.file);
	ck_assert(o.flag);
	ck_assert_uint_eq(o.number, 7);
	ck_assert_uint_eq(o.duration, 2000);
	ck_assert_uint_eq(o.size, 65536);
	ck_assert_uint_eq(o.port, 36512);
	ck_assert_int_eq(o.level, -150);
	ck_assert_int_eq(o.word, 2);
	ck_assert_uint_eq(o.algs.n, 1);
	ck_assert_uint_eq(o.items.n, 0);
}
END_TEST

START_TEST(values)
{
	ck_assert_msg(load("node: {name: '01', file: a/b}\nflag: false\nnumber: 0x1f\nwait: "
			   "2h\nroom: 1MiB\n"
			   "port: 0\noffset: 0.25\ncolour: red\ncolours: [green, red]\n"
			   "items:\n  - {id: 3}\n  - id: 9\n    name: no\n") == 0,
		      "%s", why);
	ck_assert_str_eq(o.name, "01");
	ck_assert_str_eq(o.file, "/tmp/a/b"); /* beside the configuration file */
	ck_assert(!o.flag);
	ck_assert_uint_eq(o.number, 31);
	ck_assert_uint_eq(o.duration, 7200000);
	ck_assert_uint_eq(o.size, 1048576);
	ck_assert_int_eq(o.level, 25);
	ck_assert_int_eq(o.word, 1);
	ck_assert_uint_eq(o.algs.n, 2);
	ck_assert_uint_eq(o.algs.id[0], 2);
	ck_assert_uint_eq(o.items.n, 2);
	const struct item *items = o.items.items;
	ck_assert_uint_eq(items[0].id, 3);
	ck_assert_str_eq(items[0].name, "nobody");
	ck_assert_str_eq(items[1].name, "no"); /* not a boolean: the row says text */
}
END_TEST

/* What is refused, where, and what is said. */
static const struct {
	const char *text, *where, *said;
} refused[] = {
	{"flag: true\n", "", "node.name"},
	{"node: {nam: x}\n", ":1:8:", "did you mean \"name\"?"},
	{"node: {name: x}\nnothing_like_it: 1\n", ":2:1:", "nothing_like_it"},
	{"node: {name: x}\nnumber: 6\nnumber: 6\n", ":3:1:", "number"},
	{"node: {name: x}\nnumber: 4\n", ":2:9:", "number"},
	{"node: {name: x}\nnumber: 0x21\n", ":2:9:", "number"},
	{"node: {name: x}\nnumber: 1e1\n", ":2:9:", "number"},
	{"node: {name: x}\nnumber: -6\n", ":2:9:", "number"},
	{"node: {name: x}\nnumber: 99999999999999999999\n", ":2:9:", "number"},
	{"node: {name: x}\nnumber: [6]\n", ":2:9:", "number"},
	{"node: {name: x}\nflag: yes\n", ":2:7:", "flag"},
	{"node: {name: x}\nwait: 5\n", ":2:7:", "wait"},
	{"node: {name: x}\nwait: 9ms\n", ":2:7:", "wait"},
	{"node: {name: x}\nwait: 3h\n", ":2:7:", "wait"},
	{"node: {name: x}\nwait: 5 s\n", ":2:7:", "wait"},
	{"node: {name: x}\nroom: 5GiB\n", ":2:7:", "room"},
	{"node: {name: x}\nroom: -1\n", ":2:7:", "room"},
	{"node: {name: x}\nport: 65536\n", ":2:7:", "port"},
	{"node: {name: x}\noffset: 15.01\n", ":2:9:", "offset"},
	{"node: {name: x}\noffset: 1.234\n", ":2:9:", "offset"},
	{"node: {name: x}\ncolour: gren\n", ":2:9:", "green"},
	{"node: {name: x}\ncolours: [red, red]\n", ":2:", "red"},
	{"node: {name: x}\ncolours: red\n", ":2:", "colours"},
	{"node: {name: x}\nitems: [{id: 0}]\n", ":2:14:", "id"},
	{"node: {name: x}\nitems: [{name: y}]\n", ":2:", "id"},
	{"node: {name: x}\nitems: [{id: 1}, {id: 2}, {id: 3}]\n", ":2:", "items"},
	{"node: {name: x}\nitems: {id: 1}\n", ":2:", "items"},
	{"node: x\n", ":1:7:", "node"},
	{"node: &a {name: x}\n", ":1:", "anchors"},
	{"node: {name: !!str x}\n", ":1:", "tags"},
	{"node: {name: x}\nflag: *a\n", ":2:", ""},
	{"node: {name: x}\n---\nflag: true\n", ":2:", "more than one document"},
	{"%YAML 1.1\n---\nnode: {name: x}\n", ":1:", "directives"},
	{"[1, 2]\n", ":1:1:", "mapping"},
	{"node: {name: x\n", ":", ""},
	{"node:\n\tname: x\n", ":2:", ""},
};

START_TEST(refusals_say_where_and_what)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		char where[64];

		ck_assert_msg(load(refused[i].text) == KH_E_CONFIG, "accepted: %s",
			      refused[i].text);
		ck_assert_msg(strstr(why, path) == why, "no file in: %s", why);
		snprintf(where, sizeof where, "%s", refused[i].where);
		ck_assert_msg(strstr(why, where) != NULL, "not %s in: %s", where, why);
		ck_assert_msg(strstr(why, refused[i].said) != NULL, "not %s in: %s",
			      refused[i].said, why);
	}
}
END_TEST

/* A word in place of a file is not one beside the configuration file. */
START_TEST(a_word_in_place_of_a_file)
{
	ck_assert_msg(load("node: {name: x, file: none}\n") == 0, "%s", why);
	ck_assert_str_eq(o.file, "none");
}
END_TEST

START_TEST(no_such_file)
{
	ck_err(load_file("/nowhere/at.all"), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "/nowhere/at.all"));
}
END_TEST

START_TEST(a_device_without_an_end)
{
	ck_err(load_file("/dev/zero"), KH_E_CONFIG);
	ck_assert_str_eq(why, "/dev/zero: larger than 1 MiB");
}
END_TEST

/* /dev/stdin, and a shell's <(...). */
START_TEST(a_pipe)
{
	static const char text[] = "node: {name: piped}\n";
	char fd[32];
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	snprintf(fd, sizeof fd, "/dev/fd/%d", ends[0]);
	ck_assert_int_eq(write(ends[1], text, sizeof text - 1), sizeof text - 1);
	close(ends[1]);
	ck_assert_msg(load_file(fd) == 0, "%s", why);
	ck_assert_str_eq(o.name, "piped");
	close(ends[0]);
}
END_TEST

START_TEST(an_empty_file_lacks_what_is_required)
{
	ck_assert_int_eq(load(""), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "node.name"));
}
END_TEST

START_TEST(overrides)
{
	const struct config_override good[] = {
		{"number", "9"}, {"items.0.name", "eve"}, {"node.name", "n2"}};
	const struct config_override unknown[] = {{"numbr", "9"}};
	const struct config_override wrong[] = {{"number", "nine"}};
	const struct config_override outside[] = {{"items.1.name", "eve"}};
	const char *text = "node: {name: n1}\nitems: [{id: 1}]\n";

	ck_assert_msg(load_with(text, good, 3) == 0, "%s", why);
	ck_assert_uint_eq(o.number, 9);
	ck_assert_str_eq(o.name, "n2");
	ck_assert_str_eq(((const struct item *)o.items.items)[0].name, "eve");
	ck_assert_int_eq(load_with(text, unknown, 1), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "did you mean \"number\"?"));
	ck_assert_int_eq(load_with(text, wrong, 1), KH_E_CONFIG);
	ck_assert_int_eq(load_with(text, outside, 1), KH_E_CONFIG);
}
END_TEST

START_TEST(printed_as_typed)
{
	static const struct {
		const char *key, *text;
	} want[] = {{"flag", "true"},  {"number", "7"},	   {"wait", "2s"},     {"room", "64KiB"},
		    {"port", "36512"}, {"offset", "-1.5"}, {"colour", "green"}};
	char out[100];

	ck_assert_int_eq(load("node: {name: n1}\n"), 0);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		for (const struct config_row *row = rows; row->key; row++) {
			if (strcmp(row->key, want[i].key) != 0)
				continue;
			config_print(row, &o, out, sizeof out);
			ck_assert_str_eq(out, want[i].text);
		}
}
END_TEST

START_TEST(credentials)
{
	static const struct {
		const char *name, *folder;
	} bad[] = {{"tls.key", NULL},
		   {"", "/run/credentials/x"},
		   {"../passwd", "/run/credentials/x"},
		   {"..", "/run/credentials/x"}};
	char value[64];
	const struct config_override set[] = {{"node.name", "a"}, {"node.file", value}};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(value, sizeof value, "credential:%s", bad[i].name);
		if (bad[i].folder)
			setenv("CREDENTIALS_DIRECTORY", bad[i].folder, 1);
		else
			unsetenv("CREDENTIALS_DIRECTORY");
		ck_assert_int_eq(load_from(NULL, 0, set, 2), KH_E_CONFIG);
		ck_assert_msg(strstr(why, "credential:NAME"), "%s", why);
		config_clear(rows, &o);
	}
	snprintf(value, sizeof value, "credential:tls.key");
	ck_assert_int_eq(load_from(NULL, 0, set, 2), 0);
	ck_assert_str_eq(o.file, "/run/credentials/x/tls.key");
	ck_assert(config_is_credential(o.file));
	ck_assert(!config_is_credential("/run/credentials/xy"));
	config_clear(rows, &o);
	unsetenv("CREDENTIALS_DIRECTORY");
	ck_assert(!config_is_credential("/run/credentials/x/tls.key"));
}
END_TEST

START_TEST(nearest)
{
	ck_assert_str_eq(config_nearest(rows, "colur"), "colour");
	ck_assert_str_eq(config_nearest(rows, "flagg"), "flag");
	ck_assert_str_eq(config_nearest(rows, "falg"), "flag"); /* a swap is one slip */
	ck_assert_ptr_null(config_nearest(rows, "zebra"));
	ck_assert_ptr_null(config_nearest(rows, ""));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config");

	CHECK_CASE_WITH(s, "config", setup, teardown, defaults, values, refusals_say_where_and_what,
			a_word_in_place_of_a_file, no_such_file, a_device_without_an_end, a_pipe,
			an_empty_file_lacks_what_is_required, overrides, printed_as_typed,
			credentials, nearest);
	return check_main(s);
}
