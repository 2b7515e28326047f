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

struct events {
	const char *node;
	struct node_event *ring; /* record of `seq` is at seq % ring_size */
	size_t ring_size;
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
	if (ring > 0)
		ev->ring = x_calloc(ring, sizeof *ev->ring);
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
	free(ev->ring);
	free(ev);
}

int events_to_file(struct events *ev, const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

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

void events_emit(struct events *ev, struct node_event *e)
{
	if (ev == NULL)
		return;
	e->seq = ++ev->last_seq;
	if (!events_wanted(ev))
		return;
	e->wall_us = clock_wall_us();
	utf8_clean(e->detail, sizeof e->detail);
	if (ev->ring_size > 0)
		ev->ring[e->seq % ev->ring_size] = *e;
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

const struct node_event *events_after(const struct events *ev, uint64_t since)
{
	uint64_t kept = ev->last_seq < ev->ring_size ? ev->last_seq : ev->ring_size;
	uint64_t oldest = ev->last_seq - kept + 1;
	uint64_t seq = since < oldest ? oldest : since + 1;

	if (since >= ev->last_seq || kept == 0)
		return NULL;
	return &ev->ring[seq % ev->ring_size];
}

struct json_t *event_json(const struct events *ev, const struct node_event *e)
{
	return event_object(ev->node, e);
}
