/* Results for people: aligned tables and lists. */
#ifndef KEYHOP_CTL_OUTPUT_H
#define KEYHOP_CTL_OUTPUT_H

#include <stdbool.h>

#include <stdint.h>

#include <jansson.h>

/* `json` prints one indented document, else a table. */
void output_result(const json_t *result, bool json);
/* One event a line. */
void output_event(const json_t *event, bool json);
/* The methods of a node, from its schema. */
void output_methods(const json_t *schema);

#endif
