/* What a daemon gives up before it serves anybody, in one place: root, the way to new privileges, core files, system
 * calls it has no use for (seccomp), files that its configuration does not name (Landlock). */
#ifndef KEYHOP_CONFINE_H
#define KEYHOP_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct node;

enum sandbox { SANDBOX_AUTO, SANDBOX_OFF, SANDBOX_REQUIRE };

/* What is on, for `status`, the log and error texts. */
struct confinement {
	bool no_new_privs;
	bool seccomp;
	int landlock; /* its ABI, from 1; 0: off */
};

/* No core files and no debugger of this user, as both would show keys. First thing in main(). */
void confine_memory(void);
/* Started as root with the option `user`: becomes that user for good. Before any file but the configuration is opened,
 * so that what works at the start works for a reload, too. KH_E_CONFIG with `why`. */
int confine_user(const char *user, char *why, size_t why_len) KH_MUST_CHECK;
/* The rest, when all sockets and files are open. Says in the log what is on and what the kernel lacks; that is an error
 * with sandbox: require alone. KH_E_CONFIG with `why`. */
int confine_process(struct node *n, char *why, size_t why_len) KH_MUST_CHECK;

/* "no new privileges, seccomp, Landlock (ABI 4)", or "off". */
#define CONFINE_TEXT_LEN 64
void confine_text(const struct node *n, char out[CONFINE_TEXT_LEN]);

/* confine_seccomp.c: 0, or -1 with `lack` = why not. */
int confine_seccomp(const char **lack) KH_MUST_CHECK;

/* confine_landlock.c: files that may be opened, made and removed from now on. */
struct confine_paths {
	int fd; /* the ruleset; -1: none */
	int abi;
	unsigned n;
};
/* -1 with `lack` when the kernel has no Landlock. */
int confine_paths_open(struct confine_paths *p, const char **lack) KH_MUST_CHECK;
/* Allows `access` to everything below the folder of `file`, or below `file` with CONFIG_TREE. What is not there is left
 * out. */
void confine_paths_add(struct confine_paths *p, const char *file, enum config_access access);
/* From now on nothing else. Closes the ruleset in any case. */
int confine_paths_apply(struct confine_paths *p, const char **lack) KH_MUST_CHECK;

#endif
