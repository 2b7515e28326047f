/* Landlock, by its three system calls: the C library has no names for them yet. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "confine.h"

/* Newer than the oldest headers we build with. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) /* ABI 2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* ABI 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1) /* ABI 6 */
#endif

#define FIRST_ACCESSES (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1) /* all of ABI 1 */
#define FILE_ACCESSES \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* What each access of an option means; what is in no row is never allowed: to execute, to make folders, links and
 * devices, to move files to other folders. */
static const struct {
	enum config_access access;
	uint64_t rights;
} rights_of[] = {
	{CONFIG_READS, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR},
	{CONFIG_WRITES, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
				LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
				LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE},
	{CONFIG_REMOVES, LANDLOCK_ACCESS_FS_REMOVE_FILE},
};

/* The attribute as of ABI 6; an older kernel takes a longer one when the rest is 0. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* Each by the first ABI that knows it. */
static uint64_t handled_by(int abi)
{
	uint64_t fs = FIRST_ACCESSES;

	if (abi >= 2)
		fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return fs;
}

int confine_paths_open(struct confine_paths *p, const char **lack)
{
	*p = (struct confine_paths){.fd = -1};
	p->abi =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (p->abi < 1) {
		*lack = "this kernel has none";
		return -1;
	}
	const struct ruleset r = {.fs = handled_by(p->abi),
				  .scoped = p->abi >= 6 ? LANDLOCK_SCOPE_SIGNAL : 0};
	p->fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof r, 0);
	if (p->fd < 0)
		*lack = strerror(errno);
	return p->fd < 0 ? -1 : 0;
}

static uint64_t rights(enum config_access access)
{
	for (size_t i = 0; i < sizeof rights_of / sizeof rights_of[0]; i++)
		if (rights_of[i].access == (access & ~CONFIG_TREE))
			return rights_of[i].rights;
	return 0;
}

/* The folder of a file name, "." without a slash. */
static int open_folder(const char *file)
{
	const char *slash = strrchr(file, '/');
	char folder[4096];

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file) + 1 : 1,
		 slash ? file : ".");
	return open(folder, O_PATH | O_CLOEXEC);
}

void confine_paths_add(struct confine_paths *p, const char *file, enum config_access access)
{
	struct landlock_path_beneath_attr rule = {.allowed_access =
							  rights(access) & handled_by(p->abi)};
	struct stat st;
	int fd = access & CONFIG_TREE ? open(file, O_PATH | O_CLOEXEC) : open_folder(file);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= FILE_ACCESSES;
	rule.parent_fd = fd;
	if (rule.allowed_access &&
	    syscall(SYS_landlock_add_rule, p->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
		p->n++;
	close(fd);
}

int confine_paths_apply(struct confine_paths *p, const char **lack)
{
	int err = (int)syscall(SYS_landlock_restrict_self, p->fd, 0);

	if (err)
		*lack = strerror(errno);
	close(p->fd);
	p->fd = -1;
	return err;
}
