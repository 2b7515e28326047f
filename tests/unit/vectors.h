/* Known answers: reads tests/vectors/NAME.json. Each file is an object with a list "vectors" of
 * objects whose octet strings are hex. A broken file ends the test. */
#ifndef KEYHOP_VECTORS_H
#define KEYHOP_VECTORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vectors;

/* Exactly as long as its contents, so that the sanitizer sees a read past the end. Owned by the
 * vectors. */
struct octets {
	uint8_t *b;
	size_t len;
};

struct vectors *vectors_load(const char *name);
void vectors_free(struct vectors *v);
size_t vectors_count(const struct vectors *v);
const json_t *vectors_at(const struct vectors *v, size_t i);

/* Members of one vector; absent or of another type ends the test. */
bool vec_has(const json_t *vec, const char *member);
const char *vec_text(const json_t *vec, const char *member);
uint64_t vec_number(const json_t *vec, const char *member);
bool vec_is_valid(const json_t *vec); /* "result": "valid" */
/* Hex to octets. */
struct octets vec_octets(struct vectors *v, const json_t *vec, const char *member);
/* The same into a fixed buffer; another length ends the test. */
void vec_fixed(const json_t *vec, const char *member, void *out, size_t len);
/* Up to 8 octets of hex as a number. */
uint64_t vec_hex_number(const json_t *vec, const char *member);
/* True when `member` starts with `text`. */
bool vec_starts(const json_t *vec, const char *member, const char *text);

#endif
