/* Verbs that are scripts: found beside the tool, handed all words. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "verbs.h"

static bool readable(char *path, const char *dir, const char *name)
{
	return dir &&
	       (size_t)snprintf(path, SCRIPT_PATH_LEN, "%s/%s", dir, name) < SCRIPT_PATH_LEN &&
	       access(path, R_OK) == 0;
}

int script_find(const char *name, char exe[PATH_MAX], char path[SCRIPT_PATH_LEN])
{
	char beside[SCRIPT_PATH_LEN];
	ssize_t len = readlink("/proc/self/exe", exe, PATH_MAX - 1);

	exe[len > 0 ? len : 0] = '\0';
	const char *slash = strrchr(exe, '/');
	snprintf(beside, sizeof beside, "%.*s/../libexec/keyhop", slash ? (int)(slash - exe) : 0,
		 exe);
	if (readable(path, getenv("KEYHOP_LIBEXEC"), name) || readable(path, beside, name) ||
	    readable(path, KEYHOP_LIBEXEC, name) || readable(path, KEYHOP_SCRIPTS, name))
		return 0;
	fprintf(stderr, "keyhop: no %s in %s\n", name, KEYHOP_LIBEXEC);
	return EXIT_FAILED;
}

int script_run(const char *args[SCRIPT_ARGS_MAX], int n, int argc, char **argv)
{
	for (int i = 0; i < argc && n < SCRIPT_ARGS_MAX - 1; i++)
		args[n++] = argv[i];
	args[n] = NULL;
	/* No bytecode beside the scripts: what is installed is all there is to remove. */
	(void)setenv("PYTHONDONTWRITEBYTECODE", "1", 0);
	execvp(args[0], (char *const *)(uintptr_t)args);
	fprintf(stderr, "keyhop: %s: %s\n", args[0], strerror(errno));
	return EXIT_FAILED;
}

int demo_verb(int argc, char **argv, enum output_format form)
{
	char exe[PATH_MAX], script[SCRIPT_PATH_LEN];
	const char *args[SCRIPT_ARGS_MAX] = {"python3", script, "--tool", exe};
	int code = script_find("demo.py", exe, script);

	(void)form;
	return code ? code : script_run(args, 4, argc, argv);
}

int pki_verb(int argc, char **argv, enum output_format form)
{
	char exe[PATH_MAX], script[SCRIPT_PATH_LEN];
	const char *args[SCRIPT_ARGS_MAX] = {"/bin/sh", script};
	int code = script_find("pki", exe, script);

	(void)form;
	return code ? code : script_run(args, 2, argc, argv);
}
