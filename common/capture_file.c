/* The files of a capture: opening without harm, writing whole blocks only, rotation. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture_internal.h"
#include "clock.h"
#include "daemon.h"
#include "mem.h"

static const uint8_t magic[4] = {0x0a, 0x0d, 0x0d, 0x0a};

/* An operator's slip of the pen shall not empty a file that is no capture. */
static bool may_replace(int fd)
{
	uint8_t head[sizeof magic];
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return !S_ISDIR(st.st_mode);
	return st.st_size == 0 || (pread(fd, head, sizeof head, 0) == sizeof head &&
				   memcmp(head, magic, sizeof magic) == 0);
}

static void forget_interfaces(struct capture *c)
{
	struct capture_interface *i, *tmp;

	HASH_ITER (hh, c->interfaces, i, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		HASH_DEL(c->interfaces, i);
		free(i);
	}
}

static int refuse_file(const struct capture *c, int error, char *why, size_t why_len)
{
	const struct node *n = c->node;
	const char *dir = n->options->capture_dir;

	/* EROFS: the same, by a unit with ProtectSystem=strict. */
	if (error == EROFS || (error == EACCES && n->confinement.landlock)) {
		snprintf(why, why_len, "capture: %s: the sandbox allows files in %s (%s)", c->file,
			 dir ? dir : n->config_file,
			 dir ? "capture_dir" : "and beside it, without capture_dir");
		return KH_E_SANDBOXED;
	}
	snprintf(why, why_len, "capture: %s: %s", c->file, strerror(error));
	return KH_E_CONFIG;
}

int capture_file_open(struct capture *c, char *why, size_t why_len)
{
	/* O_NONBLOCK: a pipe whose reader is slow ends the capture, and does not hold the whole process. */
	c->fd = open(c->file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		     0600);
	if (c->fd < 0)
		return refuse_file(c, errno, why, why_len);
	if (!may_replace(c->fd) || (ftruncate(c->fd, 0) && errno != EINVAL)) {
		snprintf(why, why_len, "capture: %s is there and is no capture", c->file);
		close(c->fd);
		c->fd = -1;
		return KH_E_CONFIG;
	}
	c->size = 0;
	c->began_us = clock_mono_us();
	c->epoch++;
	c->file_count++;
	forget_interfaces(c);
	pcapng_section(&c->out, "keyhop " KEYHOP_VERSION, c->node->name);
	return 0;
}

void capture_file_close(struct capture *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	forget_interfaces(c);
}

/* FILE.1 becomes FILE.2 and so on; the last one goes. */
static void shift_files(const struct capture *c)
{
	size_t len = strlen(c->file) + 16;
	char *from = x_calloc(2, len), *to = from + len;

	for (uint32_t i = c->s.files; i > 0; i--) {
		snprintf(to, len, "%s.%u", c->file, i);
		if (i > 1)
			snprintf(from, len, "%s.%u", c->file, i - 1);
		else
			snprintf(from, len, "%s", c->file);
		(void)rename(from, to);
	}
	free(from);
}

static bool is_due(const struct capture *c)
{
	return (c->s.max_size && c->size >= c->s.max_size) ||
	       (c->s.max_age_ms &&
		clock_mono_us() - c->began_us >= (int64_t)c->s.max_age_ms * 1000);
}

static int next_file(struct capture *c, char *why, size_t why_len)
{
	capture_file_close(c);
	shift_files(c);
	return capture_file_open(c, why, why_len);
}

int capture_file_write(struct capture *c, char *why, size_t why_len)
{
	size_t done = 0;

	while (done < c->out.len) {
		ssize_t n = write(c->fd, buf_data(&c->out) + done, c->out.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			snprintf(why, why_len, "%s: %s", c->file, strerror(n < 0 ? errno : ENOSPC));
			/* A block that is half there would spoil the whole file for its readers. */
			if (ftruncate(c->fd, (off_t)c->size))
				snprintf(why, why_len, "%s: its end is spoilt", c->file);
			return KH_E_NO_RESOURCES;
		}
		done += (size_t)n;
	}
	c->size += done;
	c->bytes += done;
	buf_drain(&c->out, done);
	return is_due(c) ? next_file(c, why, why_len) : 0;
}

uint32_t capture_interface_of(struct capture *c, const char *name, const char *description)
{
	struct capture_interface *i;

	HASH_FIND_STR(c->interfaces, name, i); /* NOLINT(clang-analyzer-*): uthash */
	if (i)
		return i->index;
	/* Peers come and go: the last interface stands for all that find no room. */
	if (HASH_COUNT(c->interfaces) == CAPTURE_INTERFACES_MAX)
		return CAPTURE_INTERFACES_MAX - 1;
	i = x_calloc(1, sizeof *i);
	snprintf(i->name, sizeof i->name, "%s", name);
	i->index = HASH_COUNT(c->interfaces);
	HASH_ADD_STR(c->interfaces, name, i);
	pcapng_interface(&c->out, PCAPNG_LINKTYPE_UPPER_PDU, name, description);
	return i->index;
}
