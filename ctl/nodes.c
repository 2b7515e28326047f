#include "nodes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "nearest.h"

#define NODES_MAX 4096

struct visit {
	const char *dir;
	node_found_fn *fn;
	void *arg;
	size_t n;
};

/* "enb1.sock" or "enb1" with a ctl.sock in it. */
static void look_at(struct visit *v, const char *file)
{
	char path[NODE_PATH_MAX], name[256];
	size_t len = strlen(file);

	if (len > 5 && strcmp(file + len - 5, ".sock") == 0 && strcmp(file, "ctl.sock") != 0) {
		snprintf(name, sizeof name, "%.*s", (int)(len - 5), file);
		snprintf(path, sizeof path, "%s/%s", v->dir, file);
	} else {
		snprintf(name, sizeof name, "%s", file);
		snprintf(path, sizeof path, "%s/%s/ctl.sock", v->dir, file);
		if (access(path, F_OK))
			return;
	}
	v->fn(v->arg, name, path);
	v->n++;
}

static size_t each_in(const char *dir, node_found_fn *fn, void *arg)
{
	struct visit v = {.dir = dir, .fn = fn, .arg = arg};
	struct dirent **entry = NULL;
	int n = dir ? scandir(dir, &entry, NULL, alphasort) : 0;

	for (int i = 0; i < n; i++) {
		if (entry[i]->d_name[0] != '.' && v.n < NODES_MAX)
			look_at(&v, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	return v.n;
}

size_t nodes_each(const char *dir, node_found_fn *fn, void *arg)
{
	const char *dirs[] = {getenv("KEYHOP_RUN"), "run", ".", "/run/keyhop"};
	size_t n = 0;

	if (dir)
		return each_in(dir, fn, arg);
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0] && n == 0; i++)
		n = each_in(dirs[i], fn, arg);
	return n;
}

int node_path(const char *name, char *path, size_t len)
{
	const char *dirs[] = {getenv("KEYHOP_RUN"), "run", ".", "/run/keyhop"};

	if (!*name || strchr(name, '/'))
		return -1;
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		if (!dirs[i])
			continue;
		snprintf(path, len, "%s/%s.sock", dirs[i], name);
		if (access(path, F_OK) == 0)
			return 0;
		snprintf(path, len, "%s/%s/ctl.sock", dirs[i], name);
		if (access(path, F_OK) == 0)
			return 0;
	}
	return -1;
}

struct names {
	struct nearest near;
	char best[64], all[300];
};

static void note_name(void *arg, const char *name, const char *path)
{
	struct names *n = arg;
	size_t used = strlen(n->all);

	(void)path;
	if (nearest_try(&n->near, name))
		snprintf(n->best, sizeof n->best, "%s", name);
	snprintf(n->all + used, sizeof n->all - used, "%s%s", used ? " " : "", name);
}

int node_path_or_say(const char *name, char *path, size_t len)
{
	struct names n = {.best = ""};
	char hint[NEAREST_HINT_LEN];

	if (node_path(name, path, len) == 0)
		return EXIT_DONE;
	nearest_init(&n.near, name);
	if (nodes_each(NULL, note_name, &n) == 0)
		fprintf(stderr,
			"keyhop: no socket of node \"%s\": there is none in " NODES_WHERE "\n"
			"hint: scripts/demo --stay, or keyhop lab up -t "
			"conf/topologies/3-enbs.yaml\n",
			name);
	else
		fprintf(stderr, "keyhop: no socket of node \"%s\"%s; there are: %s\n", name,
			nearest_hint(n.best, hint), n.all);
	return EXIT_UNREACHABLE;
}
