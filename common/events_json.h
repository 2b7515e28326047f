/* The JSON of an event in both shapes: both come from one walk over its members, so they cannot differ. */
#ifndef KEYHOP_EVENTS_JSON_H
#define KEYHOP_EVENTS_JSON_H

#include "events.h"

#define EVENT_LINE_MAX 4096

/* Writes one line with its newline and gives the length; 0 when `out` is too short. */
size_t event_line(const char *node, const struct node_event *e, char out[EVENT_LINE_MAX]);
/* New JSON object. */
struct json_t *event_object(const char *node, const struct node_event *e);

#endif
