#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "events_json.h"
#include "log.h"
#include "mem.h"
#include "utf8.h"

/* Record `k` of all that came, from 0, is at k % size. */
struct ring {
	struct node_event *at; /* NULL before the first one */
	uint64_t count;
	uint64_t left; /* number of the newest record that is gone; 0: none is */
};

/* What a trace tells has a ring of its own: however much that is, what procedures have told stays. */
enum { PROCEDURES, MESSAGES, RINGS };

struct events {
	const char *node;
	struct ring rings[RINGS];
	size_t ring_size; /* of each */
	uint64_t last_seq;
	int fd; /* of the file, or -1 */
	struct {
		events_sink_fn *fn;
		void *arg;
	} sinks[EVENTS_SINKS];
	unsigned n_sinks;
};

struct events *events_new(const char *node, size_t ring)
{
	struct events *ev = x_calloc(1, sizeof *ev);

	ev->node = node;
	ev->ring_size = ring;
	ev->fd = -1;
	return ev;
}

static void close_file(struct events *ev)
{
	if (ev->fd >= 0)
		close(ev->fd);
	ev->fd = -1;
}

void events_free(struct events *ev)
{
	if (ev == NULL)
		return;
	close_file(ev);
	for (int i = 0; i < RINGS; i++)
		free(ev->rings[i].at);
	free(ev);
}

int events_to_file(struct events *ev, const char *path)
{
	/* O_NONBLOCK: a pipe whose reader is slow is a file that takes no more. */
	int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	if (fd < 0)
		return KH_E_CONFIG;
	close_file(ev);
	ev->fd = fd;
	return 0;
}

void events_set_sink(struct events *ev, enum events_sink which, events_sink_fn *fn, void *arg)
{
	ev->n_sinks += (fn != NULL) - (ev->sinks[which].fn != NULL);
	ev->sinks[which].fn = fn;
	ev->sinks[which].arg = arg;
}

bool events_wanted(const struct events *ev)
{
	return ev != NULL && (ev->ring_size > 0 || ev->fd >= 0 || ev->n_sinks > 0);
}

/* One write an event: a line is there whole or not at all. A file that takes no more is given up for good, as
 * half a line would spoil the next one. */
static void write_line(struct events *ev, const struct node_event *e)
{
	char line[EVENT_LINE_MAX];
	size_t len = event_line(ev->node, e, line);
	ssize_t done;

	if (len == 0)
		return;
	errno = 0;
	done = write(ev->fd, line, len);
	if (done == (ssize_t)len)
		return;
	log_error(LOG_CFG, "events file given up at seq=%llu: %s", (unsigned long long)e->seq,
		  done < 0 ? strerror(errno) : "no space for a whole line");
	close_file(ev);
}

static void keep(struct events *ev, const struct node_event *e)
{
	struct ring *r = &ev->rings[e->message ? MESSAGES : PROCEDURES];

	if (ev->ring_size == 0) {
		r->left = e->seq;
		return;
	}
	if (!r->at)
		r->at = x_calloc(ev->ring_size, sizeof *r->at);
	struct node_event *at = &r->at[r->count++ % ev->ring_size];
	r->left = at->seq;
	*at = *e;
}

void events_emit(struct events *ev, struct node_event *e)
{
	if (ev == NULL)
		return;
	e->seq = ++ev->last_seq;
	if (!events_wanted(ev))
		return;
	e->wall_us = clock_wall_us();
	utf8_clean(e->detail, sizeof e->detail);
	keep(ev, e);
	if (ev->fd >= 0)
		write_line(ev, e);
	for (size_t i = 0; i < EVENTS_SINKS; i++)
		if (ev->sinks[i].fn)
			ev->sinks[i].fn(ev->sinks[i].arg, e);
}

uint64_t events_last_seq(const struct events *ev)
{
	return ev->last_seq;
}

/* Numbers rise in a ring: the first above `since` is found by halves. */
static const struct node_event *ring_after(const struct ring *r, size_t size, uint64_t since)
{
	uint64_t low = r->count < size ? 0 : r->count - size, high = r->count;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (r->at[middle % size].seq > since)
			high = middle;
		else
			low = middle + 1;
	}
	return low < r->count ? &r->at[low % size] : NULL;
}

const struct node_event *events_procedure_after(const struct events *ev, uint64_t since)
{
	return ring_after(&ev->rings[PROCEDURES], ev->ring_size, since);
}

uint64_t events_procedure_left(const struct events *ev)
{
	return ev->rings[PROCEDURES].left;
}

const struct node_event *events_after(const struct events *ev, uint64_t since)
{
	const struct node_event *p = events_procedure_after(ev, since);
	const struct node_event *m = ring_after(&ev->rings[MESSAGES], ev->ring_size, since);

	return !m || (p && p->seq < m->seq) ? p : m;
}

struct json_t *event_json(const struct events *ev, const struct node_event *e)
{
	return event_object(ev->node, e);
}
