/* Prometheus text, health and readiness over HTTP, for those who ask for it in the configuration. */
#ifndef KEYHOP_METRICS_HTTP_H
#define KEYHOP_METRICS_HTTP_H

#include "endpoint.h"
#include "node.h"

struct metrics_http;

/* Is `metrics.listen`, if there is one, something to listen at? KH_E_CONFIG with `why`. */
int metrics_http_check(const struct node_options *o, char *why, size_t why_len) KH_MUST_CHECK;
/* Listens as `metrics.listen` and `metrics.port` say; nothing without them. KH_E_CONFIG with `why`. */
int metrics_http_open(struct node *n, char *why, size_t why_len) KH_MUST_CHECK;
/* Where it listens, "" when it does not. */
void metrics_http_text(const struct node *n, char out[ENDPOINT_TEXT_LEN]);
void metrics_http_close(struct node *n);

#endif
