#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "mem.h"

#define PAGE 4096

static const char *const suffixes[] = {"log", "stderr", "events.ndjson", "keylog", "tls_keylog"};
#define N_TAILS (sizeof suffixes / sizeof suffixes[0])

struct guest_tail {
	char name[64];
	int fd; /* -1: not there yet */
	off_t at;
};

void files_open(struct guest *g)
{
	g->tails = x_calloc(N_TAILS, sizeof *g->tails);
	for (size_t i = 0; i < N_TAILS; i++) {
		snprintf(g->tails[i].name, sizeof g->tails[i].name, "%s.%s", g->node, suffixes[i]);
		g->tails[i].fd = -1;
	}
}

/* What the host has takes no memory here any more. */
static void forget(struct guest_tail *t)
{
	off_t whole = t->at / PAGE * PAGE;

	if (whole)
		(void)fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, whole);
}

static void send_one(struct guest *g, struct guest_tail *t, bool all)
{
	char frame[GUEST_FRAME_MAX], path[256];
	size_t head = strlen(t->name) + 1;
	ssize_t n;

	snprintf(path, sizeof path, "%s/%s", g->folder, t->name);
	if (t->fd < 0)
		t->fd = open(path, O_RDWR | O_CLOEXEC);
	if (t->fd < 0)
		return;
	memcpy(frame, t->name, head);
	while ((all || !g->full) &&
	       (n = pread(t->fd, frame + head, sizeof frame - head, t->at)) > 0) {
		guest_send(g, GUEST_FILE, 0, frame, head + (size_t)n);
		t->at += n;
		forget(t);
	}
}

void files_send(struct guest *g, bool all)
{
	for (size_t i = 0; i < N_TAILS; i++)
		send_one(g, &g->tails[i], all);
}

void files_free(struct guest *g)
{
	for (size_t i = 0; i < N_TAILS; i++)
		if (g->tails[i].fd >= 0)
			close(g->tails[i].fd);
	free(g->tails);
}
