/* subscriber.import of a file that is read here: the daemon gets it in pieces. */
#ifndef KEYHOP_CTL_IMPORT_H
#define KEYHOP_CTL_IMPORT_H

#include <stdbool.h>

#include <jansson.h>

#include "client.h"

/* Is it this method, without the text of a file? */
bool is_import(const char *method, const json_t *params);
/* Calls it as often as the file needs, which is named by `params` (taken over). A piece that is refused is told on
 * standard error, and the next one is sent. An answer with {outcome, added, replaced, refused}, refused being lines; NULL,
 * and nothing of the file was read, after a printed error. *code says what the first error was. */
json_t *import_file(struct client *c, json_t *params, int timeout_ms, int *code);

#endif
