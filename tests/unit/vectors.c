#include "vectors.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
	struct buffer *next;
	uint8_t *b;
};

struct vectors {
	json_t *root, *list;
	struct buffer *buffers; /* every octets handed out */
};

struct vectors *vectors_load(const char *name)
{
	char path[4096];
	json_error_t error;
	struct vectors *v = calloc(1, sizeof *v);

	ck_assert_ptr_nonnull(v);
	snprintf(path, sizeof path, "%s/%s.json", KEYHOP_VECTORS, name);
	v->root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(v->root != NULL, "%s:%d: %s", path, error.line, error.text);
	v->list = json_object_get(v->root, "vectors");
	ck_assert_msg(json_is_array(v->list), "%s: no list \"vectors\"", path);
	return v;
}

void vectors_free(struct vectors *v)
{
	while (v->buffers) {
		struct buffer *next = v->buffers->next;

		free(v->buffers->b);
		free(v->buffers);
		v->buffers = next;
	}
	json_decref(v->root);
	free(v);
}

size_t vectors_count(const struct vectors *v)
{
	return json_array_size(v->list);
}

const json_t *vectors_at(const struct vectors *v, size_t i)
{
	return json_array_get(v->list, i);
}

bool vec_has(const json_t *vec, const char *member)
{
	return json_object_get(vec, member) != NULL;
}

const char *vec_text(const json_t *vec, const char *member)
{
	const char *s = json_string_value(json_object_get(vec, member));

	ck_assert_msg(s != NULL, "vector without the string \"%s\"", member);
	return s;
}

uint64_t vec_number(const json_t *vec, const char *member)
{
	const json_t *n = json_object_get(vec, member);

	ck_assert_msg(json_is_integer(n), "vector without the number \"%s\"", member);
	return (uint64_t)json_integer_value(n);
}

bool vec_is_valid(const json_t *vec)
{
	const char *result = vec_text(vec, "result");
	bool valid = strcmp(result, "valid") == 0;

	ck_assert_msg(valid || strcmp(result, "invalid") == 0, "result %s", result);
	return valid;
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef";
	const char *p = c ? strchr(digits, c) : NULL;

	ck_assert_msg(p != NULL, "no hex digit: '%c'", c);
	return (int)(p - digits);
}

/* On its own, and not by hex_decode() of ids.h, which these vectors test as well. */
static void decode(uint8_t *out, const char *hex, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
}

struct octets vec_octets(struct vectors *v, const json_t *vec, const char *member)
{
	const char *hex = vec_text(vec, member);
	struct octets o = {.len = strlen(hex) / 2};
	struct buffer *buffer = malloc(sizeof *buffer);

	ck_assert_msg(strlen(hex) % 2 == 0, "odd number of digits in \"%s\"", member);
	o.b = malloc(o.len ? o.len : 1);
	ck_assert(buffer && o.b);
	*buffer = (struct buffer){.next = v->buffers, .b = o.b};
	v->buffers = buffer;
	decode(o.b, hex, o.len);
	return o;
}

void vec_fixed(const json_t *vec, const char *member, void *out, size_t len)
{
	const char *hex = vec_text(vec, member);

	ck_assert_msg(strlen(hex) == 2 * len, "\"%s\" is not of %zu octets", member, len);
	decode(out, hex, len);
}

uint64_t vec_hex_number(const json_t *vec, const char *member)
{
	char *end;
	uint64_t n = strtoull(vec_text(vec, member), &end, 16);

	ck_assert_msg(*end == '\0', "\"%s\" is no number", member);
	return n;
}

bool vec_starts(const json_t *vec, const char *member, const char *text)
{
	return strncmp(vec_text(vec, member), text, strlen(text)) == 0;
}
