#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#define FILES_EVERY_US 100000
#define FLUSH_S 10 /* longest wait for the host at the end */

static void put32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint64_t get(const uint8_t *at, size_t len)
{
	uint64_t v = 0;

	while (len--)
		v = v << 8 | *at++;
	return v;
}

void guest_send(struct guest *g, enum guest_frame type, uint16_t channel, const void *data,
		size_t len)
{
	struct evbuffer *out = bufferevent_get_output(g->port);
	uint8_t head[GUEST_HEAD] = {(uint8_t)type, 0, (uint8_t)(channel >> 8), (uint8_t)channel};

	put32(head + 4, (uint32_t)len);
	evbuffer_add(out, head, sizeof head);
	evbuffer_add(out, data, len);
	if (evbuffer_get_length(out) > GUEST_OUTPUT_HIGH)
		g->full = true;
}

void guest_send_code(struct guest *g, enum guest_frame type, uint16_t channel, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	uint8_t octets[4];

	put32(octets, (uint32_t)code);
	guest_send(g, type, channel, octets, sizeof octets);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct guest *g = arg;

	(void)bev;
	if (!g->full)
		return;
	g->full = false;
	channels_resume(g);
	files_send(g, false);
}

static void set_clock(uint64_t us)
{
	const struct timespec ts = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};

	if (us)
		(void)clock_settime(CLOCK_REALTIME, &ts);
}

/* In the child. */
static void become_daemon(const struct guest *g)
{
	char file[256];

	snprintf(file, sizeof file, "%s/%s.stderr", g->folder, g->node);
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd >= 0) {
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
	}
	(void)setenv("NOTIFY_SOCKET", g->notify, 1);
	snprintf(file, sizeof file, "%s/%s.yaml", g->folder, g->node);
	execl(g->daemon, g->daemon, "-c", file, (char *)NULL);
	dprintf(2, "%s: %s\n", g->daemon, strerror(errno));
	_exit(127);
}

static void start_daemon(struct guest *g)
{
	pid_t pid = g->pid ? -1 : fork();

	if (pid == 0)
		become_daemon(g);
	if (pid > 0)
		g->pid = pid;
}

/* The last words are on their way; the host closes the port, or time ends it. */
static void leave(struct guest *g)
{
	const struct timeval at_last = {FLUSH_S, 0};

	files_send(g, true);
	guest_send(g, GUEST_CLOSED, 0, "", 0);
	event_base_loopexit(g->base, &at_last);
}

static void quit(struct guest *g)
{
	g->quitting = true;
	if (g->pid)
		(void)kill(g->pid, SIGTERM);
	else
		leave(g);
}

static void on_frame(struct guest *g, uint8_t type, uint16_t channel, const uint8_t *data,
		     size_t len)
{
	switch (type) {
	case GUEST_START:
		set_clock(len == 8 ? get(data, 8) : 0);
		start_daemon(g);
		break;
	case GUEST_KILL:
		if (g->pid && len == 1)
			(void)kill(g->pid, data[0]);
		break;
	case GUEST_QUIT:
		quit(g);
		break;
	case GUEST_OPEN:
		channels_open(g, channel);
		break;
	case GUEST_EXEC:
		channels_exec(g, channel, (const char *)data, len);
		break;
	case GUEST_DATA:
		channels_data(g, channel, data, len);
		break;
	case GUEST_EOF:
		channels_eof(g, channel);
		break;
	case GUEST_CLOSE:
		channels_close(g, channel);
		break;
	default:
		fprintf(stderr, "keyhop-guest: frame of type %u\n", type);
	}
}

static void on_port(struct bufferevent *bev, void *arg)
{
	struct guest *g = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	for (;;) {
		uint8_t head[GUEST_HEAD];
		if (evbuffer_copyout(in, head, sizeof head) < GUEST_HEAD)
			return;
		size_t len = get(head + 4, 4);
		if (len > GUEST_FRAME_MAX) {
			fprintf(stderr, "keyhop-guest: frame of %zu octets\n", len);
			event_base_loopbreak(g->base);
			return;
		}
		if (evbuffer_get_length(in) < GUEST_HEAD + len)
			return;
		const uint8_t *frame = evbuffer_pullup(in, (ssize_t)(GUEST_HEAD + len));
		on_frame(g, head[0], (uint16_t)get(head + 2, 2), frame + GUEST_HEAD, len);
		evbuffer_drain(in, GUEST_HEAD + len);
	}
}

static void on_port_event(struct bufferevent *bev, short what, void *arg)
{
	struct guest *g = arg;

	(void)bev;
	/* The host is gone, and so is the purpose of this guest. */
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		event_base_loopbreak(g->base);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
	struct guest *g = arg;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != g->pid) {
			channels_reaped(g, pid, status);
			continue;
		}
		g->pid = 0;
		files_send(g, true);
		guest_send_code(g, GUEST_EXITED, 0, status);
		if (g->quitting)
			leave(g);
	}
}

static void on_notify(evutil_socket_t fd, short what, void *arg)
{
	char text[256];
	ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

	(void)what;
	if (n <= 0)
		return;
	text[n] = '\0';
	if (strstr(text, "READY=1"))
		guest_send(arg, GUEST_READY, 0, "", 0);
}

static void on_files(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	files_send(arg, false);
}

static int open_notify(const struct guest *g)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, g->notify, sizeof at.sun_path);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
		return fd;
	fprintf(stderr, "keyhop-guest: %s: %s\n", g->notify, strerror(errno));
	return -1;
}

static void run(struct guest *g, int notify)
{
	const struct timeval every = {0, FILES_EVERY_US};
	struct event *const events[] = {
		evsignal_new(g->base, SIGCHLD, on_child, g),
		event_new(g->base, notify, EV_READ | EV_PERSIST, on_notify, g),
		event_new(g->base, -1, EV_PERSIST, on_files, g)};

	event_add(events[0], NULL);
	event_add(events[1], NULL);
	event_add(events[2], &every);
	bufferevent_setcb(g->port, on_port, on_written, on_port_event, g);
	bufferevent_setwatermark(g->port, EV_WRITE, GUEST_OUTPUT_LOW, 0);
	bufferevent_enable(g->port, EV_READ | EV_WRITE);
	files_open(g);
	guest_send(g, GUEST_HELLO, 0, g->node, strlen(g->node));
	event_base_dispatch(g->base);
	channels_free(g);
	files_free(g);
	for (size_t i = 0; i < 3; i++)
		event_free(events[i]);
}

int main(int argc, char **argv)
{
	struct guest g = {0};

	if (argc != 5) {
		fputs("usage: keyhop-guest PORT FOLDER NODE DAEMON\n", stderr);
		return 2;
	}
	g.folder = argv[2];
	g.node = argv[3];
	g.daemon = argv[4];
	snprintf(g.socket, sizeof g.socket, "%s/%s.sock", g.folder, g.node);
	snprintf(g.notify, sizeof g.notify, "%s/notify", g.folder);
	signal(SIGPIPE, SIG_IGN);
	int port = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC), notify = open_notify(&g);
	if (port < 0 || notify < 0) {
		fprintf(stderr, "keyhop-guest: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	g.base = event_base_new();
	g.port = bufferevent_socket_new(g.base, port, BEV_OPT_CLOSE_ON_FREE);
	run(&g, notify);
	bufferevent_free(g.port);
	event_base_free(g.base);
	close(notify);
	return 0;
}
