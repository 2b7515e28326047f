/* Socket files of the control socket: making them, and letting clients in. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "ctl_internal.h"
#include "loop.h"
#include "net.h"

bool ctl_group(const char *text, gid_t *out)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	const struct group *group;

	/* The last number means "leave it as it is". */
	if (*text >= '0' && *text <= '9' && !*end && number < (gid_t)-1) {
		*out = (gid_t)number;
		return true;
	}
	group = getgrnam(text);
	if (group)
		*out = group->gr_gid;
	return group != NULL;
}

static void resume_accepting(void *arg)
{
	struct ctl_door *d = arg;

	d->pause = NULL;
	event_add(d->accept, NULL);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ctl_door *d = arg;

	(void)what;
	if (client >= 0) {
		ctl_client_add(d, client);
	} else if (net_is_shortage(errno)) {
		/* Who waits keeps the socket readable: without a pause the loop would spin. */
		event_del(d->accept);
		d->pause =
			loop_timer_start(d->ctl->s.loop, NET_ACCEPT_PAUSE_MS, resume_accepting, d);
	}
}

/* A socket file nobody answers at is left over; one that answers belongs to a living daemon, and what is no socket to
 * somebody else. NULL, or why it stays. */
static const char *remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(addr->sun_path, &st))
		return NULL;
	if (!S_ISSOCK(st.st_mode))
		return "is there and is no socket";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0;
	if (fd >= 0)
		close(fd);
	if (alive)
		return "another daemon answers there";
	(void)unlink(addr->sun_path);
	return NULL;
}

static const char *give_to_group(const struct ctl_place *place)
{
	gid_t gid;

	if (!place->group)
		return NULL;
	if (!ctl_group(place->group, &gid))
		return "no such group";
	return chown(place->path, (uid_t)-1, gid) ? strerror(errno) : NULL;
}

/* Mode 0660 from the first moment, and the right group before anybody can connect. NULL, or what went wrong. */
static const char *bind_socket(struct ctl_door *d, const struct sockaddr_un *addr)
{
	mode_t old = umask(0117);
	int err = bind(d->fd, (const struct sockaddr *)addr, sizeof *addr);

	umask(old);
	if (err)
		return strerror(errno);
	const char *reason = give_to_group(&d->place);
	if (!reason && listen(d->fd, 64))
		reason = strerror(errno);
	if (reason)
		(void)unlink(addr->sun_path);
	return reason;
}

static const char *open_socket(struct ctl_door *d)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(d->place.path) >= sizeof addr.sun_path)
		return "path is too long for a socket";
	strcpy(addr.sun_path, d->place.path);
	const char *reason = remove_stale(&addr);
	if (reason)
		return reason;
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return d->fd < 0 ? strerror(errno) : bind_socket(d, &addr);
}

int ctl_listen(struct ctl_door *d, char *why, size_t why_len)
{
	const char *reason = open_socket(d);

	if (reason) {
		snprintf(why, why_len, "%s: %s: %s", d->option, d->place.path, reason);
		return KH_E_CONFIG;
	}
	d->accept = event_new(loop_base(d->ctl->s.loop), d->fd, EV_READ | EV_PERSIST, on_accept, d);
	event_add(d->accept, NULL);
	return 0;
}

void ctl_listen_end(struct ctl_door *d)
{
	if (d->accept) {
		event_free(d->accept);
		(void)unlink(d->place.path);
	}
	loop_timer_stop(&d->pause);
	if (d->fd >= 0)
		close(d->fd);
}
