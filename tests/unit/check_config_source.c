/* A configuration out of several files and overrides: what counts, where it stands, what has changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "config.h"

struct item {
	uint32_t id;
	char *name;
};

struct options {
	char *name, *file, *note;
	uint32_t number;
	struct config_algs algs;
	struct config_list items;
};

#define OPT(m) offsetof(struct options, m)
static const struct config_word words[] = {{"red", 1}, {"green", 2}, {0}};
static const struct config_row item_rows[] = {
	{.key = "id",
	 .type = CONFIG_U32,
	 .offset = offsetof(struct item, id),
	 .required = true,
	 .min = 1,
	 .max = 9},
	{.key = "name", .type = CONFIG_STRING, .offset = offsetof(struct item, name)},
	{0},
};
static const struct config_row rows[] = {
	{.key = "node.name", .type = CONFIG_STRING, .offset = OPT(name), .required = true},
	{.key = "node.file", .type = CONFIG_FILE, .offset = OPT(file)},
	{.key = "note", .type = CONFIG_STRING, .offset = OPT(note)},
	{.key = "number", .type = CONFIG_U32, .offset = OPT(number), .def = "7"},
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
	 .max_items = 3},
	{0},
};

#define FILES 2
static char folder[64], paths[FILES][96];
static const char *files[FILES] = {paths[0], paths[1]};
static struct options o;
static struct config_tree *tree; /* of what was loaded last */
static char why[CONFIG_WHY_LEN];

static void setup(void)
{
	strcpy(folder, "/tmp/keyhop-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (size_t i = 0; i < FILES; i++)
		snprintf(paths[i], sizeof paths[i], "%s/%zu.yaml", folder, i + 1);
	memset(&o, 0, sizeof o);
}

static void teardown(void)
{
	config_clear(rows, &o);
	config_tree_free(tree);
	tree = NULL;
	for (size_t i = 0; i < FILES; i++)
		unlink(paths[i]);
	rmdir(folder);
}

static void write_file(size_t i, const char *text)
{
	FILE *f = fopen(paths[i], "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static struct config_source source(const char *first, const char *second,
				   const struct config_override *set, size_t n)
{
	write_file(0, first);
	write_file(1, second);
	return (struct config_source){files, FILES, set, n};
}

static int load(const struct config_source *from)
{
	config_clear(rows, &o);
	memset(&o, 0, sizeof o);
	config_tree_free(tree);
	return config_load(rows, &o, from, &tree, why);
}

static int load_two(const char *first, const char *second)
{
	struct config_source from = source(first, second, NULL, 0);

	return load(&from);
}

static int load_set(const char *path, const char *value)
{
	const struct config_override set = {path, value};
	struct config_source from = source(
		"node: {name: n1}\nitems: [{id: 1, name: a}, {id: 2, name: b}]\n", "", &set, 1);

	return load(&from);
}

static const struct item *item(size_t i)
{
	ck_assert_uint_lt(i, o.items.n);
	return &((const struct item *)o.items.items)[i];
}

START_TEST(the_later_file_counts)
{
	ck_assert_msg(load_two("node: {name: n1, file: a}\nnumber: 1\nitems: [{id: 1}, {id: 2}]\n",
			       "number: 2\nnode: {name: n2}\nitems: [{id: 3}]\nnote: x\n") == 0,
		      "%s", why);
	ck_assert_str_eq(o.name, "n2");
	ck_assert_str_eq(o.note, "x");
	ck_assert_uint_eq(o.number, 2);
	ck_assert_uint_eq(o.items.n, 1);
	ck_assert_uint_eq(item(0)->id, 3);
	ck_assert_ptr_nonnull(strstr(o.file, "/a"));
	ck_assert_int_eq(strncmp(o.file, folder, strlen(folder)), 0);
	/* A section without anything in it takes nothing away; an option without a value has its default. */
	ck_ok(load_two("node: {name: n1}\nnumber: 1\n", "node:\nnumber:\nitems: []\n"));
	ck_assert_str_eq(o.name, "n1");
	ck_assert_uint_eq(o.number, 7);
	ck_ok(load_two("# nothing yet\n", "node: {name: n2}\n"));
	ck_assert_str_eq(o.name, "n2");
}
END_TEST

START_TEST(each_file_is_strict)
{
	static const struct {
		const char *first, *second, *said;
	} wrong[] = {
		{"node: {name: a}\n", "numbr: 1\n", "2.yaml:1:1: unknown key"},
		{"node: {name: a}\n", "number: 1\nnumber: 2\n", "2.yaml:2:1: duplicate key"},
		{"node: {name: a}\n", "node: {file: a, file: b}\n", "2.yaml:1:17: duplicate key"},
		{"node: {name: a}\nnumber: 1\nnumber: 2\n", "number: 3\n", "1.yaml:3:1: duplicate"},
		{"node: {name: a}\n", "node: b\n", "2.yaml:1:7: \"node\" wants a mapping"},
		{"node: b\n", "note: c\n", "1.yaml:1:7: \"node\" wants a mapping"},
		{"node: {name: a}\n", "number: x\n", "2.yaml:1:9: "},
		{"node: {name: a}\n", "items: [{id: 1}, {id: 10}]\n", "2.yaml:1:23: "},
		{"node: {name: a}\n", "[1]\n", "2.yaml:1:1: "},
		{"number: 1\n", "number: 2\n", "1.yaml: missing \"node.name\""},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_int_eq(load_two(wrong[i].first, wrong[i].second), KH_E_CONFIG);
		ck_assert_msg(strstr(why, wrong[i].said), "not %s in: %s", wrong[i].said, why);
	}
}
END_TEST

START_TEST(lists_and_items_on_the_command_line)
{
	ck_assert_msg(load_set("items", "[{id: 5, name: e}, {id: 6}]") == 0, "%s", why);
	ck_assert_uint_eq(o.items.n, 2);
	ck_assert_str_eq(item(0)->name, "e");
	ck_assert_uint_eq(item(1)->id, 6);
	ck_ok(load_set("items", "[]"));
	ck_assert_uint_eq(o.items.n, 0);
	ck_ok(load_set("items.1", "{id: 7}"));
	ck_assert_uint_eq(item(1)->id, 7);
	ck_assert_ptr_null(item(1)->name);
	ck_assert_str_eq(item(0)->name, "a");
	ck_ok(load_set("items.1.name", "z"));
	ck_assert_str_eq(item(1)->name, "z");
	ck_ok(load_set("colours", "[green, red]"));
	ck_assert_uint_eq(o.algs.n, 2);
}
END_TEST

START_TEST(what_is_wrong_on_the_command_line)
{
	static const struct {
		const char *path, *value, *said;
	} wrong[] = {
		{"items", "[{id: 5}", "-o items:2:1: "},
		{"items", "5", "-o items:1:1: \"items\" wants a list"},
		{"items", "", "-o items"},
		{"items", "[{id: 5}]\nnode: {name: x}", "-o items:2:"},
		{"items", "[{id: 5, name: x, size: 1}]", "-o items:1:19: unknown key \"size\""},
		{"items", "[{id: 1}, {id: 2}, {id: 3}, {id: 4}]", "more than 3 items"},
		{"items", "[&a {id: 5}]", "anchors"},
		{"items.2", "{id: 5}", "has only 2 items"},
		{"items.x", "{id: 5}", "name an item"},
		{"items.0", "5", "wants a mapping"},
		{"items.0.", "5", "wants a mapping"},
		{"items.0.id", "10", "-o items.0.id: "},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		int err = load_set(wrong[i].path, wrong[i].value);
		if (*wrong[i].value == '\0') {
			/* Nothing, as `items:` in a file. */
			ck_assert_int_eq(err, 0);
			ck_assert_uint_eq(o.items.n, 0);
			continue;
		}
		ck_assert_msg(err == KH_E_CONFIG, "accepted: %s=%s", wrong[i].path, wrong[i].value);
		ck_assert_msg(strstr(why, wrong[i].said), "not %s in: %s", wrong[i].said, why);
	}
}
END_TEST

START_TEST(an_item_that_is_no_mapping)
{
	const struct config_override set = {"items.0.id", "3"};
	struct config_source from = source("node: {name: a}\nitems: [7]\n", "", &set, 1);

	ck_assert_int_eq(load(&from), KH_E_CONFIG);
	ck_assert_msg(strstr(why, "1.yaml:2:9: an item of a list wants a mapping"), "%s", why);
}
END_TEST

#define KEYS 1025 /* one too many */

START_TEST(a_mapping_of_very_many_keys)
{
	char *text = calloc(KEYS, 16);
	size_t len = 0;

	for (int i = 0; i < KEYS; i++)
		len += (size_t)sprintf(text + len, "k%d:\n", i);
	ck_assert_int_eq(load_two("node: {name: a}\n", text), KH_E_CONFIG);
	ck_assert_msg(strstr(why, "2.yaml:1025:1: too many keys"), "%s", why);
	free(text);
}
END_TEST

START_TEST(where_a_value_stands)
{
	const struct config_override set[] = {{"note", "x"}};
	struct config_source from =
		source("node: {name: n1}\nitems:\n  - {id: 1}\n", "number: 2\n", set, 1);
	static const struct {
		const char *path, *at;
	} places[] = {
		{"node.name", "1.yaml:1:14"},
		{"number", "2.yaml:1:9"},
		{"items", "1.yaml:3:3"},
		{"items.0.id", "1.yaml:3:10"},
		{"items.0.name", "1.yaml:3:5"},
		{"items.7.id", "1.yaml:3:3"},
		{"node", "1.yaml:1:7"},
		{"node.file", "1.yaml:1:7"},
		{"note", "-o note"},
		{"colours", "1.yaml"},
	};
	char at[200];

	ck_ok(load(&from));
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		ck_assert(config_where(rows, tree, places[i].path, at, sizeof at));
		const char *found = strstr(at, places[i].at);
		ck_assert_msg(found && strlen(found) == strlen(places[i].at), "%s: %s, not %s",
			      places[i].path, at, places[i].at);
	}
	strcpy(at, "as it was");
	ck_assert(!config_where(rows, tree, "nod", at, sizeof at));
	ck_assert(!config_where(rows, tree, "node.nam", at, sizeof at));
	ck_assert(!config_where(rows, tree, "", at, sizeof at));
	ck_assert_str_eq(at, "as it was");
}
END_TEST

START_TEST(the_origin_of_every_value)
{
	const struct config_override set[] = {{"note", "x"}, {"items.0.name", "b"}};
	struct config_source from =
		source("node: {name: n1}\nitems:\n  - {id: 1}\n", "number: 2\n", set, 2);
	static const struct {
		const char *key, *value, *origin;
	} want[] = {{"node.name", "n1", "1.yaml:1"}, {"node.file", "", "default"},
		    {"note", "x", "-o note"},	     {"number", "2", "2.yaml:1"},
		    {"colours", "[red]", "default"}, {"items", "[1]", "1.yaml:3"},
		    {"items.0.id", "1", "1.yaml:3"}, {"items.0.name", "b", "-o items.0.name"}};
	char text[4096] = "", *line = text;
	FILE *out = fmemopen(text, sizeof text, "w");

	ck_ok(load(&from));
	ck_assert_ptr_nonnull(out);
	config_dump(rows, &o, tree, out);
	fclose(out);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		char start[80], *end = strchr(line, '\n');
		ck_assert_ptr_nonnull(end);
		*end = '\0';
		snprintf(start, sizeof start, "%-28s %-28s # ", want[i].key, want[i].value);
		ck_assert_msg(strncmp(line, start, strlen(start)) == 0, "%s", line);
		ck_assert_str_eq(line + strlen(line) - strlen(want[i].origin), want[i].origin);
		line = end + 1;
	}
	ck_assert_str_eq(line, "");
}
END_TEST

/* Does `row` of both texts say the same? */
static bool same(const char *key, const char *before, const char *after)
{
	struct options old = {0};
	bool equal = false;

	ck_assert_msg(load_two("node: {name: n}\n", before) == 0, "%s", why);
	old = o;
	memset(&o, 0, sizeof o);
	ck_assert_msg(load_two("node: {name: n}\n", after) == 0, "%s", why);
	for (const struct config_row *row = rows; row->key; row++)
		if (strcmp(row->key, key) == 0)
			equal = config_equal(row, &old, &o);
	config_clear(rows, &old);
	return equal;
}

START_TEST(what_has_changed)
{
	char longs[2][1100];

	ck_assert(same("items", "items: [{id: 1, name: a}]\n", "items:\n- {name: a, id: 1}\n"));
	ck_assert(!same("items", "items: [{id: 1}]\n", "items: [{id: 2}]\n"));
	ck_assert(!same("items", "items: [{id: 1, name: a}]\n", "items: [{id: 1, name: b}]\n"));
	ck_assert(!same("items", "items: [{id: 1, name: a}]\n", "items: [{id: 1}]\n"));
	ck_assert(!same("items", "items: [{id: 1}]\n", "items: [{id: 1}, {id: 2}]\n"));
	ck_assert(same("items", "", "items: []\n"));
	ck_assert(!same("note", "", "note: ''\n"));
	ck_assert(same("number", "", "number: 0x7\n"));
	ck_assert(!same("colours", "", "colours: [red, green]\n"));
	/* What differs behind all that is printed differs. */
	for (size_t i = 0; i < 2; i++)
		snprintf(longs[i], sizeof longs[i], "note: %01000d%zu\n", 0, i);
	ck_assert(!same("note", longs[0], longs[1]));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config_source");

	CHECK_CASE_WITH(s, "files", setup, teardown, the_later_file_counts, each_file_is_strict,
			a_mapping_of_very_many_keys);
	CHECK_CASE_WITH(s, "command line", setup, teardown, lists_and_items_on_the_command_line,
			what_is_wrong_on_the_command_line, an_item_that_is_no_mapping);
	CHECK_CASE_WITH(s, "places", setup, teardown, where_a_value_stands,
			the_origin_of_every_value, what_has_changed);
	return check_main(s);
}
