#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *refusal_of(int fd, int64_t max)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	return st.st_size > max ? "too long" : NULL;
}

FILE *file_open(const char *path, int64_t max, const char **reason)
{
	/* O_NONBLOCK: a FIFO without a writer, or a terminal, would hold the whole process. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	FILE *f = NULL;

	*reason = refusal_of(fd, max);
	if (!*reason) {
		f = fdopen(fd, "r");
		*reason = f ? NULL : strerror(errno);
	}
	if (!f && fd >= 0)
		close(fd);
	return f;
}

const char *file_refusal(const char *path, int64_t max)
{
	const char *reason;
	FILE *f = file_open(path, max, &reason);

	if (f)
		fclose(f);
	return reason;
}

int file_make_folder(char *path)
{
	for (char *p = path + (*path == '/'); (p = strchr(p, '/')); p++) {
		*p = '\0';
		int err = mkdir(path, 0755) && errno != EEXIST;
		*p = '/';
		if (err)
			return -1;
	}
	return mkdir(path, 0755) && errno != EEXIST ? -1 : 0;
}
