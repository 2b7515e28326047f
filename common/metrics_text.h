/* Counters and gauges in the text form of Prometheus: one row a family, every series there from zero. */
#ifndef KEYHOP_METRICS_TEXT_H
#define KEYHOP_METRICS_TEXT_H

struct evbuffer;
struct json_t;
struct node;
struct daemon;

/* Appends all families of this node's daemon to `out`. */
void metrics_text(struct node *n, struct evbuffer *out);
/* New array of {name, type, labels, help}: what metrics_text() writes for this daemon. */
struct json_t *metric_families_json(const struct daemon *d);

#endif
