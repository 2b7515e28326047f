/* From text to the value of an option: one row a type. */
#include "config_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

typedef bool parse_fn(const struct config_row *row, void *field, const char *text,
		      const char *folder);

struct type {
	parse_fn *parse;
	struct config_range all; /* when the row leaves min and max at 0 */
};

static const struct type *type_of(const struct config_row *row);

const struct config_unit config_durations[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000},
	{NULL, 0}};
const struct config_unit config_sizes[] = {
	{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};

struct config_range config_value_range(const struct config_row *row)
{
	if (row->min == 0 && row->max == 0)
		return type_of(row)->all;
	return (struct config_range){row->min, row->max};
}

static bool in_range(const struct config_row *row, int64_t v)
{
	struct config_range r = config_value_range(row);

	return v >= r.min && v <= r.max;
}

static int digit_of(char c, int base)
{
	int d = -1;

	if (c >= '0' && c <= '9')
		d = c - '0';
	else if (c >= 'a' && c <= 'f')
		d = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		d = c - 'A' + 10;
	return d < base ? d : -1;
}

/* Digits from `text` on, at most 10 of them (so that nothing overflows); gives what follows, NULL without a
 * digit. */
static const char *take_digits(const char *text, int base, int64_t *out)
{
	const char *p = text;

	for (*out = 0; digit_of(*p, base) >= 0; p++) {
		if (p - text >= 10)
			return NULL;
		*out = *out * base + digit_of(*p, base);
	}
	return p == text ? NULL : p;
}

/* A decimal number may not begin with 0: some readers of YAML take that for octal. */
static const char *take_decimal(const char *text, int64_t *out)
{
	if (text[0] == '0' && digit_of(text[1], 10) >= 0)
		return NULL;
	return take_digits(text, 10, out);
}

static bool parse_number(const struct config_row *row, const char *text, int64_t *out)
{
	bool hex = strncmp(text, "0x", 2) == 0;
	const char *end = hex ? take_digits(text + 2, 16, out) : take_decimal(text, out);

	return end != NULL && *end == '\0' && in_range(row, *out);
}

static bool parse_u32(const struct config_row *row, void *field, const char *text,
		      const char *folder)
{
	int64_t v;

	(void)folder;
	if (!parse_number(row, text, &v))
		return false;
	*(uint32_t *)field = (uint32_t)v;
	return true;
}

static bool parse_port(const struct config_row *row, void *field, const char *text,
		       const char *folder)
{
	int64_t v;

	(void)folder;
	if (!parse_number(row, text, &v))
		return false;
	*(uint16_t *)field = (uint16_t)v;
	return true;
}

/* A number and one of `units`; 0 needs no unit. */
static bool parse_with_unit(const struct config_row *row, uint32_t *field, const char *text,
			    const struct config_unit *units)
{
	int64_t v;
	const char *end = take_decimal(text, &v);
	const struct config_unit *u = units;

	if (end == NULL)
		return false;
	while (u->name != NULL && strcmp(u->name, end) != 0)
		u++;
	if (u->name == NULL && (v != 0 || *end != '\0'))
		return false;
	v *= u->name != NULL ? u->factor : 1;
	if (!in_range(row, v))
		return false;
	*field = (uint32_t)v;
	return true;
}

static bool parse_duration(const struct config_row *row, void *field, const char *text,
			   const char *folder)
{
	(void)folder;
	return parse_with_unit(row, field, text, config_durations);
}

static bool parse_size(const struct config_row *row, void *field, const char *text,
		       const char *folder)
{
	(void)folder;
	return parse_with_unit(row, field, text, config_sizes);
}

static bool parse_cdb(const struct config_row *row, void *field, const char *text,
		      const char *folder)
{
	bool negative = *text == '-';
	int64_t whole, cents = 0;
	const char *end = take_decimal(text + negative, &whole);

	(void)folder;
	if (end != NULL && *end == '.') {
		const char *dot = end;

		end = take_digits(dot + 1, 10, &cents);
		if (end == NULL || end - dot > 3)
			return false;
		cents *= end - dot == 2 ? 10 : 1;
	}
	if (end == NULL || *end != '\0')
		return false;
	whole = (whole * 100 + cents) * (negative ? -1 : 1);
	if (!in_range(row, whole))
		return false;
	*(int32_t *)field = (int32_t)whole;
	return true;
}

static bool parse_bool(const struct config_row *row, void *field, const char *text,
		       const char *folder)
{
	bool yes = strcmp(text, "true") == 0;

	(void)row;
	(void)folder;
	if (!yes && strcmp(text, "false") != 0)
		return false;
	*(bool *)field = yes;
	return true;
}

static void replace_string(char **field, char *value)
{
	free(*field);
	*field = value;
}

static bool parse_string(const struct config_row *row, void *field, const char *text,
			 const char *folder)
{
	(void)folder;
	if (row->required && *text == '\0')
		return false;
	replace_string(field, x_strdup(text));
	return true;
}

static const struct config_word *find_word(const struct config_row *row, const char *text)
{
	for (const struct config_word *w = row->words; w != NULL && w->word != NULL; w++) {
		if (strcmp(w->word, text) == 0)
			return w;
	}
	return NULL;
}

#define CREDENTIAL "credential:"

static const char *credentials_folder(void)
{
	return getenv("CREDENTIALS_DIRECTORY");
}

bool config_is_credential(const char *path)
{
	const char *folder = credentials_folder();
	size_t len = folder != NULL ? strlen(folder) : 0;

	return len > 0 && strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* credential:NAME is a file of the folder that the service manager made for this service alone. */
static bool parse_credential(char **field, const char *name)
{
	const char *folder = credentials_folder();
	size_t size = strlen(name) + 2 + (folder != NULL ? strlen(folder) : 0);

	if (folder == NULL || *name == '\0' || *name == '.' || strchr(name, '/') != NULL)
		return false;
	char *path = x_calloc(1, size);
	snprintf(path, size, "%s/%s", folder, name);
	replace_string(field, path);
	return true;
}

static bool parse_file(const struct config_row *row, void *field, const char *text,
		       const char *folder)
{
	size_t size = strlen(folder) + strlen(text) + 1;
	char *path;

	if (strncmp(text, CREDENTIAL, strlen(CREDENTIAL)) == 0)
		return parse_credential(field, text + strlen(CREDENTIAL));
	if (*text == '\0' || *text == '/' || find_word(row, text) != NULL)
		return parse_string(row, field, text, folder);
	path = x_calloc(1, size);
	snprintf(path, size, "%s%s", folder, text);
	replace_string(field, path);
	return true;
}

static bool parse_enum(const struct config_row *row, void *field, const char *text,
		       const char *folder)
{
	const struct config_word *w = find_word(row, text);

	(void)folder;
	if (w == NULL)
		return false;
	*(int32_t *)field = w->value;
	return true;
}

bool config_value_add_word(const struct config_row *row, struct config_algs *algs, const char *text)
{
	const struct config_word *w = find_word(row, text);

	if (w == NULL || algs->n == CONFIG_ALGS_MAX)
		return false;
	for (size_t i = 0; i < algs->n; i++) {
		if (algs->id[i] == (uint8_t)w->value)
			return false;
	}
	algs->id[algs->n++] = (uint8_t)w->value;
	return true;
}

/* Defaults and overrides come as one text: "[A, B]" or "A,B". */
static bool parse_algs(const struct config_row *row, void *field, const char *text,
		       const char *folder)
{
	struct config_algs algs = {.n = 0};
	char *copy = x_strdup(text), *save = NULL;
	size_t len = strlen(text);
	bool good = true;

	(void)folder;
	if (len >= 2 && copy[0] == '[' && copy[len - 1] == ']')
		copy[0] = copy[len - 1] = ' ';
	for (char *w = strtok_r(copy, ", ", &save); w != NULL && good;
	     w = strtok_r(NULL, ", ", &save))
		good = config_value_add_word(row, &algs, w);
	free(copy);
	if (!good || algs.n == 0)
		return false;
	*(struct config_algs *)field = algs;
	return true;
}

/* A list of records has no parser: config.c reads it. */
static const struct type types[] = {
	[CONFIG_STRING] = {parse_string, {0, 0}},
	[CONFIG_FILE] = {parse_file, {0, 0}},
	[CONFIG_BOOL] = {parse_bool, {0, 0}},
	[CONFIG_U32] = {parse_u32, {0, UINT32_MAX}},
	[CONFIG_PORT] = {parse_port, {0, UINT16_MAX}},
	[CONFIG_DURATION] = {parse_duration, {0, UINT32_MAX}},
	[CONFIG_SIZE] = {parse_size, {0, UINT32_MAX}},
	[CONFIG_CDB] = {parse_cdb, {INT32_MIN, INT32_MAX}},
	[CONFIG_ENUM] = {parse_enum, {0, 0}},
	[CONFIG_ALG_LIST] = {parse_algs, {0, 0}},
	[CONFIG_LIST] = {NULL, {0, 0}},
};

static const struct type *type_of(const struct config_row *row)
{
	return &types[row->type];
}

bool config_value_parse(const struct config_row *row, void *field, const char *text,
			const char *folder)
{
	parse_fn *parse = type_of(row)->parse;

	return parse != NULL && parse(row, field, text, folder);
}

bool config_value_is_pointer(const struct config_row *row)
{
	return row->type == CONFIG_STRING || row->type == CONFIG_FILE;
}
