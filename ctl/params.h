/* Words of the command line into typed parameters, by the daemon's own schema. */
#ifndef KEYHOP_CTL_PARAMS_H
#define KEYHOP_CTL_PARAMS_H

#include <jansson.h>

/* The method of `schema` (answer of schema.list) named `name`; borrowed, NULL when there is none. */
json_t *schema_method(json_t *schema, const char *name);
/* Name of the method that was perhaps meant, or NULL. */
const char *schema_nearest(json_t *schema, const char *name);
/* The parameter of `method` that a flag names, without its "--"; borrowed, NULL when there is none. */
json_t *params_find(const json_t *method, const char *name);
/* Parameters of `method` from the words; NULL after a printed error. Bare words, and all after "--", fill required ones in
 * order. */
json_t *params_parse(json_t *method, int argc, char **argv);

#endif
