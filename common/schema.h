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

#endif
