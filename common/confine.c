#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"

/* There in builds that count what was covered: they write files beside their objects when they end. */
extern void __gcov_dump(void) __attribute__((weak)); /* NOLINT(bugprone-reserved-identifier) */

void confine_memory(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	/* LeakSanitizer looks at its own process like a debugger, and must be let. */
#ifndef KEYHOP_SANITIZERS
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int refuse_user(const char *user, const char *reason, char *why, size_t why_len)
{
	snprintf(why, why_len, "user: %s: %s", user, reason);
	return KH_E_CONFIG;
}

int confine_user(const char *user, char *why, size_t why_len)
{
	if (!user)
		return 0;
	errno = 0;
	const struct passwd *pw = getpwnam(user);
	if (!pw)
		return refuse_user(user, errno ? strerror(errno) : "no such user", why, why_len);
	if (geteuid() != 0)
		return geteuid() == pw->pw_uid
			       ? 0
			       : refuse_user(user, "only root can become another user", why,
					     why_len);
	uid_t uid = pw->pw_uid;
	gid_t gid = pw->pw_gid;
	if (uid == 0)
		return refuse_user(user, "is root again", why, why_len);
	if (initgroups(user, gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return refuse_user(user, strerror(errno), why, why_len);
	/* The way back must be closed: trust what can be seen, not return values. */
	if (setuid(0) == 0 || geteuid() != uid || getegid() != gid)
		return refuse_user(user, "root is still within reach", why, why_len);
	confine_memory(); /* a change of the user makes a process dumpable again */
	return 0;
}

static bool is_file(const struct config_row *row, const char *value)
{
	for (const struct config_word *w = row->words; w && w->word; w++)
		if (strcmp(w->word, value) == 0)
			return false;
	return true;
}

/* A link, and the folder of the file that it leads to: what comes there is read next. */
static void add_followed(struct confine_paths *p, const char *file, enum config_access access)
{
	char *target = realpath(file, NULL);

	confine_paths_add(p, file, access);
	if (target)
		confine_paths_add(p, target, access);
	free(target);
}

/* Every file that the configuration names, with its folder: a reload, a certificate, a database. */
static void add_options(struct confine_paths *p, const struct node *n)
{
	const struct daemon *d = n->daemon;
	const char *options = (const char *)n + d->options_offset;

	for (const struct config_row *row = d->rows; row->key; row++) {
		if (row->type != CONFIG_FILE)
			continue;
		const char *value = *(char *const *)(const void *)(options + row->offset);
		if (value && is_file(row, value))
			add_followed(p, value, row->access);
	}
}

static int restrict_paths(struct node *n, const char **lack)
{
	struct confine_paths p;
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (confine_paths_open(&p, lack))
		return -1;
	add_options(&p, n);
	for (size_t i = 0; i < n->config.n_files; i++)
		add_followed(&p, n->config.files[i], CONFIG_READS);
	if (!n->options->capture_dir) /* then relative names begin at the configuration */
		confine_paths_add(&p, n->config_file, CONFIG_WRITES);
	if (credentials)
		confine_paths_add(&p, credentials, CONFIG_READS | CONFIG_TREE);
	/* Of this process: descriptors and memory, for status and metrics. */
	confine_paths_add(&p, "/proc", CONFIG_READS | CONFIG_TREE);
	/* SQLite's random numbers. */
	confine_paths_add(&p, "/dev/urandom", CONFIG_READS | CONFIG_TREE);
	if (confine_paths_apply(&p, lack))
		return -1;
	n->confinement.landlock = p.abi;
	return 0;
}

void confine_text(const struct node *n, char out[CONFINE_TEXT_LEN])
{
	const struct confinement *c = &n->confinement;
	int len = snprintf(out, CONFINE_TEXT_LEN, "%s%s",
			   c->no_new_privs ? "no new privileges" : "off",
			   c->seccomp ? ", seccomp" : "");

	if (c->landlock)
		snprintf(out + len, CONFINE_TEXT_LEN - (size_t)len, ", Landlock (ABI %d)",
			 c->landlock);
}

static int lacks(const struct node *n, const char *what, const char *lack, char *why,
		 size_t why_len)
{
	if (n->options->sandbox == SANDBOX_REQUIRE) {
		snprintf(why, why_len, "sandbox: require, but without %s: %s", what, lack);
		return KH_E_CONFIG;
	}
	log_warn(LOG_CFG, "sandbox: without %s: %s", what, lack);
	return 0;
}

int confine_process(struct node *n, char *why, size_t why_len)
{
	const char *lack = NULL;
	int err = 0;

	if (n->options->sandbox == SANDBOX_OFF) {
		log_warn(LOG_CFG, "sandbox: off");
		return 0;
	}
	if (__gcov_dump)
		return lacks(n, "any of it", "this build counts coverage", why, why_len);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return lacks(n, "any of it", strerror(errno), why, why_len);
	n->confinement.no_new_privs = true;
	if (restrict_paths(n, &lack))
		err = lacks(n, "Landlock", lack, why, why_len);
	if (err)
		return err;
	/* Last, as it takes away the calls of the others. */
	n->confinement.seccomp = confine_seccomp(&lack) == 0;
	if (!n->confinement.seccomp)
		err = lacks(n, "seccomp", lack, why, why_len);
	char text[CONFINE_TEXT_LEN];
	confine_text(n, text);
	log_info(LOG_CFG, "sandbox: %s", text);
	return err;
}
