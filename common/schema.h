/* Everything that can be said to a daemon, and everything it says. */
#ifndef KEYHOP_SCHEMA_H
#define KEYHOP_SCHEMA_H

#include <jansson.h>

struct daemon;

/* New JSON array of {key, type, default, required, reloadable, help}: rows of a configuration. */
struct config_row;
json_t *schema_options(const struct config_row *rows);
/* New JSON object {daemon, methods, options, events, causes, metrics}. */
json_t *schema_json(const struct daemon *d);
/* The rows of it that are called so: {kind, ...} of a method, event, option, cause or metric; NULL when there is none. */
json_t *schema_find(const struct daemon *d, const char *name);

#endif
