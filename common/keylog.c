#include "keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ids.h"
#include "log.h"

struct keylog {
	int fd;
	const char *node;
};

/* A line in the making; it holds a key and is wiped. */
struct keylog_line {
	char s[512];
	size_t len;
};
KEY_LOCAL_DECLARE(keylog_line)

/* The file may be older than this process: whoever can read it reads every key. */
static int check_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return KH_E_CONFIG;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO))) {
		errno = EACCES;
		return KH_E_CONFIG;
	}
	return KH_OK;
}

static void close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

int keylog_open(struct keylog **out, const char *path, const char *node)
{
	/* O_NONBLOCK: a FIFO must be refused, not waited for. */
	int fd =
		open(path,
		     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		     0600);
	struct keylog *k;

	if (fd < 0)
		return KH_E_CONFIG;
	if (check_private(fd) != KH_OK || !(k = malloc(sizeof *k))) {
		close_keeping_errno(fd);
		return KH_E_CONFIG;
	}
	k->fd = fd;
	k->node = node;
	*out = k;
	log_warn(LOG_KEY, "keylog is on: every key of this node is written to %s", path);
	return KH_OK;
}

void keylog_close(struct keylog *k)
{
	if (!k)
		return;
	close(k->fd);
	free(k);
}

__attribute__((format(printf, 2, 3))) static void add(struct keylog_line *l, const char *fmt, ...)
{
	size_t room = sizeof l->s - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->s + l->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_tags(struct keylog_line *l, const struct keylog_tags *t)
{
	if (t->ue && t->ue[0])
		add(l, " ue=%.*s", IMSI_LEN, t->ue);
	if (t->enb)
		add(l, " enb=%u", t->enb);
	if (t->has_gen)
		add(l, " gen=%llu", (unsigned long long)t->gen);
	if (t->kid)
		add(l, " kid=%u", t->kid);
	if (t->has_alg)
		add(l, " alg=%u", t->alg);
}

void keylog_write(struct keylog *k, enum key_kind kind, const void *key, size_t len,
		  const struct keylog_tags *tags)
{
	KEY_LOCAL(keylog_line) struct keylog_line l = {.len = 0};
	char hex[2 * KEY_MAX_LEN + 1];
	ssize_t n;

	if (!k || len > KEY_MAX_LEN)
		return;
	add(&l, "%s node=%.*s", key_kind_name(kind), NODE_NAME_MAX, k->node);
	if (tags)
		add_tags(&l, tags);
	hex_encode(hex, key, len);
	add(&l, " %s\n", hex);
	key_wipe(hex, sizeof hex);
	do
		n = write(k->fd, l.s, l.len);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)l.len)
		log_warn(LOG_KEY, "keylog: a line was not written: %s",
			 n < 0 ? strerror(errno) : "file is full");
}
