/* From the value of an option to text, and what a row wants in words: one row a type. */
#include "config_internal.h"

#include <stdio.h>
#include <string.h>

#define PRINTED_LEN 128 /* of a value that is no text */

typedef void print_fn(const struct config_row *row, const void *field, char *out, size_t len);
typedef void want_fn(const struct config_row *row, char *out, size_t len);

struct type {
	print_fn *print;
	want_fn *want;
};

static void print_u32(const struct config_row *row, const void *field, char *out, size_t len)
{
	(void)row;
	snprintf(out, len, "%u", *(const uint32_t *)field);
}

static void print_port(const struct config_row *row, const void *field, char *out, size_t len)
{
	(void)row;
	snprintf(out, len, "%u", *(const uint16_t *)field);
}

static void print_unit(int64_t v, const struct config_unit *units, char *out, size_t len)
{
	const struct config_unit *best = units;

	for (const struct config_unit *u = units; u->name != NULL && v != 0; u++) {
		if (v % u->factor == 0)
			best = u;
	}
	snprintf(out, len, "%lld%s", (long long)(v / best->factor), best->name);
}

static void print_duration(const struct config_row *row, const void *field, char *out, size_t len)
{
	(void)row;
	print_unit(*(const uint32_t *)field, config_durations, out, len);
}

static void print_size(const struct config_row *row, const void *field, char *out, size_t len)
{
	(void)row;
	print_unit(*(const uint32_t *)field, config_sizes, out, len);
}

static void print_hundredths(int64_t v, char *out, size_t len)
{
	const char *sign = v < 0 ? "-" : "";
	long long a = v < 0 ? -v : v;

	if (a % 100 == 0)
		snprintf(out, len, "%s%lld", sign, a / 100);
	else if (a % 10 == 0)
		snprintf(out, len, "%s%lld.%lld", sign, a / 100, a % 100 / 10);
	else
		snprintf(out, len, "%s%lld.%02lld", sign, a / 100, a % 100);
}

static void print_cdb(const struct config_row *row, const void *field, char *out, size_t len)
{
	(void)row;
	print_hundredths(*(const int32_t *)field, out, len);
}

static void print_bool(const struct config_row *row, const void *field, char *out, size_t len)
{
	(void)row;
	snprintf(out, len, "%s", *(const bool *)field ? "true" : "false");
}

static void print_string(const struct config_row *row, const void *field, char *out, size_t len)
{
	const char *s = *(char *const *)field;

	(void)row;
	snprintf(out, len, "%s", s != NULL ? s : "");
}

static const char *word_of(const struct config_row *row, int32_t value)
{
	for (const struct config_word *w = row->words; w->word != NULL; w++) {
		if (w->value == value)
			return w->word;
	}
	return "?";
}

static void print_enum(const struct config_row *row, const void *field, char *out, size_t len)
{
	snprintf(out, len, "%s", word_of(row, *(const int32_t *)field));
}

/* Appends with snprintf's rule: cut, but ended with NUL. */
static void append(char *out, size_t len, const char *text)
{
	size_t used = strlen(out);

	snprintf(out + used, len - used, "%s", text);
}

static void print_algs(const struct config_row *row, const void *field, char *out, size_t len)
{
	const struct config_algs *algs = field;

	snprintf(out, len, "[");
	for (size_t i = 0; i < algs->n; i++) {
		append(out, len, i > 0 ? ", " : "");
		append(out, len, word_of(row, algs->id[i]));
	}
	append(out, len, "]");
}

static void print_list(const struct config_row *row, const void *field, char *out, size_t len)
{
	(void)row;
	snprintf(out, len, "[%zu]", ((const struct config_list *)field)->n);
}

static void want_text(const struct config_row *row, char *out, size_t len)
{
	(void)row;
	snprintf(out, len, "text");
}

static void want_file(const struct config_row *row, char *out, size_t len)
{
	(void)row;
	snprintf(out, len, "the name of a file, or credential:NAME of a service that has it");
}

static void want_bool(const struct config_row *row, char *out, size_t len)
{
	(void)row;
	snprintf(out, len, "true or false");
}

static void want_number(const struct config_row *row, char *out, size_t len)
{
	struct config_range r = config_value_range(row);

	snprintf(out, len, "a number %lld..%lld", (long long)r.min, (long long)r.max);
}

static bool has_range(const struct config_row *row)
{
	return row->min != 0 || row->max != 0;
}

static void want_unit(const struct config_row *row, const struct config_unit *units,
		      const char *what, char *out, size_t len)
{
	char min[32], max[32];

	if (!has_range(row)) {
		snprintf(out, len, "%s", what);
		return;
	}
	print_unit(row->min, units, min, sizeof min);
	print_unit(row->max, units, max, sizeof max);
	snprintf(out, len, "%s, %s..%s", what, min, max);
}

static void want_duration(const struct config_row *row, char *out, size_t len)
{
	want_unit(row, config_durations, "a duration (200ms, 5s, 10m, 2h, 30d)", out, len);
}

static void want_size(const struct config_row *row, char *out, size_t len)
{
	want_unit(row, config_sizes, "a size (100, 64KiB, 1MiB)", out, len);
}

static void want_cdb(const struct config_row *row, char *out, size_t len)
{
	struct config_range r = config_value_range(row);
	char min[32], max[32];

	print_hundredths(r.min, min, sizeof min);
	print_hundredths(r.max, max, sizeof max);
	snprintf(out, len, "a number of dB %s..%s with at most two decimals", min, max);
}

static void append_words(const struct config_row *row, char *out, size_t len)
{
	for (const struct config_word *w = row->words; w->word != NULL; w++) {
		append(out, len, w == row->words ? "" : ", ");
		append(out, len, w->word);
	}
}

static void want_enum(const struct config_row *row, char *out, size_t len)
{
	snprintf(out, len, "one of ");
	append_words(row, out, len);
}

static void want_algs(const struct config_row *row, char *out, size_t len)
{
	snprintf(out, len, "a list of words, each once, out of ");
	append_words(row, out, len);
}

static void want_list(const struct config_row *row, char *out, size_t len)
{
	size_t max = row->max_items != 0 ? row->max_items : CONFIG_ITEMS_MAX;

	snprintf(out, len, "a list of at most %zu items", max);
}

static const struct type types[] = {
	[CONFIG_STRING] = {print_string, want_text},
	[CONFIG_FILE] = {print_string, want_file},
	[CONFIG_BOOL] = {print_bool, want_bool},
	[CONFIG_U32] = {print_u32, want_number},
	[CONFIG_PORT] = {print_port, want_number},
	[CONFIG_DURATION] = {print_duration, want_duration},
	[CONFIG_SIZE] = {print_size, want_size},
	[CONFIG_CDB] = {print_cdb, want_cdb},
	[CONFIG_ENUM] = {print_enum, want_enum},
	[CONFIG_ALG_LIST] = {print_algs, want_algs},
	[CONFIG_LIST] = {print_list, want_list},
};

void config_value_print(const struct config_row *row, const void *field, char *out, size_t len)
{
	types[row->type].print(row, field, out, len);
}

void config_value_want(const struct config_row *row, char *out, size_t len)
{
	types[row->type].want(row, out, len);
}

static bool same_items(const struct config_row *row, const struct config_list *a,
		       const struct config_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		for (const struct config_row *r = row->rows; r->key != NULL; r++)
			if (!config_equal(r, (const char *)a->items + i * row->item_size,
					  (const char *)b->items + i * row->item_size))
				return false;
	return true;
}

/* An option without a value is not one with an empty one. */
static bool same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}

bool config_equal(const struct config_row *row, const void *a, const void *b)
{
	const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
	char before[PRINTED_LEN], after[PRINTED_LEN];

	if (row->type == CONFIG_LIST)
		return same_items(row, x, y);
	if (config_value_is_pointer(row))
		return same_text(*(char *const *)x, *(char *const *)y);
	config_value_print(row, x, before, sizeof before);
	config_value_print(row, y, after, sizeof after);
	return strcmp(before, after) == 0;
}
