/* Channels: connections to the daemon's control socket, and commands. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <utlist.h>

#include "guest.h"
#include "mem.h"

/* A connection reads and writes `in`; a command reads what is written to `in`, and writes `out` and `err`. */
struct guest_channel {
	struct guest *guest;
	uint16_t id;
	struct bufferevent *in, *out, *err;
	bool in_ends; /* once all of it is written */
	pid_t pid; /* 0: a connection, or a command that ended */
	bool command;
	int status;
	struct guest_channel *prev, *next;
};

static struct guest_channel *find(struct guest *g, uint16_t id)
{
	struct guest_channel *c;

	DL_FOREACH (g->channels, c)
		if (c->id == id)
			return c;
	return NULL;
}

static void drop(struct bufferevent **bev)
{
	if (*bev)
		bufferevent_free(*bev);
	*bev = NULL;
}

static void channel_free(struct guest_channel *c)
{
	if (c->pid > 0)
		(void)kill(-c->pid, SIGKILL);
	drop(&c->in);
	drop(&c->out);
	drop(&c->err);
	DL_DELETE(c->guest->channels, c);
	c->guest->n_channels--;
	free(c);
}

static void pass(struct guest_channel *c, enum guest_frame type, struct bufferevent *bev)
{
	struct evbuffer *from = bufferevent_get_input(bev);
	char data[GUEST_FRAME_MAX];
	int n;

	while ((n = evbuffer_remove(from, data, sizeof data)) > 0)
		guest_send(c->guest, type, c->id, data, (size_t)n);
	if (c->guest->full)
		bufferevent_disable(bev, EV_READ);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct guest_channel *c = arg;

	pass(c, bev == c->err ? GUEST_ERR : GUEST_DATA, bev);
}

/* A command is over when it ended and all it wrote is read. */
static void check_over(struct guest_channel *c)
{
	if (c->pid || c->out || c->err)
		return;
	guest_send_code(c->guest, GUEST_CLOSED, c->id, c->status);
	channel_free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct guest_channel *c = arg;

	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
		return;
	on_read(bev, c);
	if (!c->command) {
		guest_send(c->guest, GUEST_CLOSED, c->id, "", 0);
		channel_free(c);
		return;
	}
	drop(bev == c->in ? &c->in : bev == c->out ? &c->out : &c->err);
	check_over(c);
}

static void end_input(struct guest_channel *c)
{
	if (c->command)
		drop(&c->in);
	else
		(void)shutdown(bufferevent_getfd(c->in), SHUT_WR);
	c->in_ends = false;
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct guest_channel *c = arg;

	if (bev == c->in && c->in_ends)
		end_input(c);
}

static struct bufferevent *watch(struct guest_channel *c, int fd, short what)
{
	struct bufferevent *bev = bufferevent_socket_new(c->guest->base, fd, BEV_OPT_CLOSE_ON_FREE);

	evutil_make_socket_nonblocking(fd);
	bufferevent_setcb(bev, on_read, on_written, on_event, c);
	bufferevent_enable(bev, what);
	return bev;
}

static struct guest_channel *channel_new(struct guest *g, uint16_t id)
{
	struct guest_channel *c = find(g, id);

	if (c)
		channel_free(c);
	if (g->n_channels >= GUEST_CHANNELS_MAX)
		return NULL;
	c = x_calloc(1, sizeof *c);
	c->guest = g;
	c->id = id;
	DL_APPEND(g->channels, c);
	g->n_channels++;
	return c;
}

void channels_open(struct guest *g, uint16_t id)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct guest_channel *c;

	memcpy(to.sun_path, g->socket, sizeof to.sun_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) || !(c = channel_new(g, id))) {
		if (fd >= 0)
			close(fd);
		guest_send(g, GUEST_CLOSED, id, "", 0);
		return;
	}
	c->in = watch(c, fd, EV_READ | EV_WRITE);
}

/* In the child. */
static void become(char **args, const int fds[3])
{
	(void)setpgid(0, 0);
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(126);
	execvp(args[0], args);
	dprintf(2, "%s: not found\n", args[0]);
	_exit(127);
}

/* Three socket pairs: ours in `mine`, the command's in `its`. */
static int pairs_open(int mine[3], int its[3])
{
	for (int i = 0; i < 3; i++) {
		int pair[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			return i;
		mine[i] = pair[0];
		its[i] = pair[1];
	}
	return 3;
}

void channels_exec(struct guest *g, uint16_t id, const char *words, size_t len)
{
	struct guest_channel *c = channel_new(g, id);
	char *args[GUEST_ARGS_MAX + 1] = {NULL}, *copy = x_calloc(1, len + 1);
	int mine[3], its[3], n = c ? pairs_open(mine, its) : 0;

	memcpy(copy, words, len);
	size_t count = 0;
	for (char *p = copy; p < copy + len && count < GUEST_ARGS_MAX; p += strlen(p) + 1)
		args[count++] = p;
	pid_t pid = n == 3 && count ? fork() : -1;
	if (pid == 0)
		become(args, its);
	for (int i = 0; i < n; i++) {
		close(its[i]);
		if (pid < 0)
			close(mine[i]);
	}
	free(copy);
	if (pid < 0) {
		guest_send_code(g, GUEST_CLOSED, id, 126 << 8);
		if (c)
			channel_free(c);
		return;
	}
	c->pid = pid;
	c->command = true;
	c->in = watch(c, mine[0], EV_WRITE);
	c->out = watch(c, mine[1], EV_READ);
	c->err = watch(c, mine[2], EV_READ);
}

void channels_data(struct guest *g, uint16_t id, const void *data, size_t len)
{
	struct guest_channel *c = find(g, id);

	if (c && c->in)
		bufferevent_write(c->in, data, len);
}

void channels_eof(struct guest *g, uint16_t id)
{
	struct guest_channel *c = find(g, id);

	if (!c || !c->in)
		return;
	c->in_ends = true;
	if (evbuffer_get_length(bufferevent_get_output(c->in)) == 0)
		end_input(c);
}

void channels_close(struct guest *g, uint16_t id)
{
	struct guest_channel *c = find(g, id);

	if (c)
		channel_free(c);
}

void channels_reaped(struct guest *g, pid_t pid, int status)
{
	struct guest_channel *c, *tmp;

	DL_FOREACH_SAFE (g->channels, c, tmp) {
		if (c->pid != pid)
			continue;
		c->pid = 0;
		c->status = status;
		check_over(c);
	}
}

void channels_resume(struct guest *g)
{
	struct guest_channel *c;

	DL_FOREACH (g->channels, c) {
		struct bufferevent *const read[] = {c->command ? NULL : c->in, c->out, c->err};
		for (size_t i = 0; i < 3; i++)
			if (read[i])
				bufferevent_enable(read[i], EV_READ);
	}
}

void channels_free(struct guest *g)
{
	struct guest_channel *c, *tmp;

	DL_FOREACH_SAFE (g->channels, c, tmp)
		channel_free(c);
}
