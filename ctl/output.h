/* Results for people: aligned tables and lists. */
#ifndef KEYHOP_CTL_OUTPUT_H
#define KEYHOP_CTL_OUTPUT_H

#include <stdbool.h>

#include <stdint.h>

#include <jansson.h>

/* Aligned for people; one indented document; one object a line; comma-separated values with a head line. */
enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NDJSON, OUTPUT_CSV };

static inline bool output_is_json(enum output_format format)
{
	return format == OUTPUT_JSON || format == OUTPUT_NDJSON;
}
/* -1 for an unknown name. */
int output_parse(const char *name, enum output_format *out);
void output_result(const json_t *result, enum output_format format);
/* One event a line. */
void output_event(const json_t *event, bool json);
/* An octet of a text that is a file's or a peer's, as a terminal may have it: no order to it. */
static inline char output_harmless(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}
/* The methods of a node, from its schema: all, those of a noun, or one. An exit code. */
int output_methods(const json_t *schema, int argc, char **words);

#endif
