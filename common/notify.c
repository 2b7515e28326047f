#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"
#include "loop.h"
#include "mem.h"

#define TICK_MS 1000
#define STATUS_LEN 128

struct notify {
	struct node *node;
	struct loop_timer *timer;
	uint32_t tick_ms;
	bool watched; /* the service manager waits for keep-alives */
	char status[STATUS_LEN]; /* as it was told last */
};

void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, len);
	/* '@' is the abstract namespace. */
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
		     (const struct sockaddr *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* Microseconds within which the service manager wants a keep-alive of this process; 0: it does not. */
static uint64_t watchdog_us(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char own[24];

	snprintf(own, sizeof own, "%d", (int)getpid());
	return us && (!pid || strcmp(pid, own) == 0) ? strtoull(us, NULL, 10) : 0;
}

static void tell_status(struct notify *t)
{
	char text[STATUS_LEN] = "STATUS=";
	size_t prefix = strlen(text);

	t->node->daemon->headline(t->node, text + prefix, sizeof text - prefix);
	if (strcmp(text, t->status) == 0)
		return;
	memcpy(t->status, text, sizeof text);
	notify(text);
}

/* From the loop, so that a loop that hangs is a service that hangs. */
static void on_tick(void *arg)
{
	struct notify *t = arg;

	t->timer = loop_timer_start(t->node->loop, t->tick_ms, on_tick, t);
	if (t->watched)
		notify("WATCHDOG=1");
	tell_status(t);
}

struct notify *notify_ready(struct node *n)
{
	uint64_t us = watchdog_us();
	struct notify *t;

	if (!getenv("NOTIFY_SOCKET"))
		return NULL;
	t = x_calloc(1, sizeof *t);
	t->node = n;
	t->watched = us > 0;
	/* Three in the time allowed: one may be late. */
	t->tick_ms = us > 0 && us / 3000 < TICK_MS ? (uint32_t)(us / 3000) + 1 : TICK_MS;
	notify("READY=1");
	on_tick(t);
	return t;
}

void notify_end(struct notify *t)
{
	if (!t)
		return;
	loop_timer_stop(&t->timer);
	notify("STOPPING=1\nSTATUS=ending");
	free(t);
}
