/* One master connection of ssh a target; it runs a few lines of sh that list the control sockets and then wait. Each
 * socket is forwarded (-L local:remote, OpenSSH 6.7) over that connection as NODE.sock in a directory here, so that all
 * verbs find them as they find those of a run directory. When the tool ends, so do the shell, ssh, and the directory. */
#include "via.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

#define TARGETS_MAX 16
#define ARGS_MAX 32
#define LINE_MAX_LEN 512

/* $1: a folder, or nothing. Prints a line for each socket and an empty one, then waits until nobody listens. */
static const char script[] = "[ -n \"$1\" ] || set -- \"$KEYHOP_RUN\" run . /run/keyhop; found=; "
			     "for d do "
			     "[ -d \"$d\" ] || continue; d=$(cd \"$d\" && pwd); "
			     "for s in \"$d\"/*.sock \"$d\"/*/ctl.sock; do "
			     "[ -S \"$s\" ] && echo \"$s\" && found=1; done; "
			     "[ -z \"$found\" ] || break; done; echo; exec cat >/dev/null";

struct master {
	pid_t pid;
	int in; /* its standard input: closed, it ends */
	FILE *out;
	char host[200], dir[200], control[64];
};

struct via {
	const char *tmp;
	struct master masters[TARGETS_MAX];
	size_t n;
	size_t n_nodes;
};

/* ssh:HOST[:/DIR] or ssh://HOST[:PORT][/DIR]. */
static int split(const char *target, struct master *m)
{
	bool uri = strncmp(target, "ssh://", 6) == 0;
	const char *host = uri ? target : target + 4;
	const char *dir = uri ? strchr(target + 6, '/') : strstr(host, ":/");
	size_t len = dir ? (size_t)(dir - host) : strlen(host);

	if (strncmp(target, "ssh:", 4) != 0 || len == 0 || len >= sizeof m->host || host[0] == '-')
		return -1;
	memcpy(m->host, host, len);
	m->host[len] = '\0';
	if (dir && !uri)
		dir++;
	return (size_t)snprintf(m->dir, sizeof m->dir, "%s", dir ? dir : "") < sizeof m->dir ? 0
											     : -1;
}

/* $KEYHOP_SSH, a command and options divided by spaces, or ssh. */
static size_t ssh_words(char *room, size_t len, const char **argv)
{
	const char *words = getenv("KEYHOP_SSH");
	size_t n = 0;
	char *save = NULL;

	snprintf(room, len, "%s", words && *words ? words : "ssh");
	for (char *w = strtok_r(room, " ", &save); w && n < ARGS_MAX / 2;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	return n;
}

/* The folder's name as one word of the shell over there. */
static void quoted(const char *text, char *out, size_t len)
{
	size_t n = 0;

	out[n++] = '\'';
	for (; *text && n + 6 < len; text++) {
		if (*text == '\'') {
			memcpy(out + n, "'\\''", 4);
			n += 4;
		} else {
			out[n++] = *text;
		}
	}
	out[n++] = '\'';
	out[n] = '\0';
}

static void exec_master(const struct master *m, const int *to, const int *from)
{
	char room[512], dir[sizeof m->dir * 2 + 8], command[sizeof script + sizeof dir + 64],
		control[80];
	const char *argv[ARGS_MAX];
	size_t n = ssh_words(room, sizeof room, argv);

	quoted(m->dir, dir, sizeof dir);
	snprintf(command, sizeof command, "exec sh -c '%s' keyhop %s", script,
		 dir); /* the script has no ' in it */
	snprintf(control, sizeof control, "ControlPath=%s", m->control);
	const char *const more[] = {"-M",
				    "-o",
				    control,
				    "-o",
				    "ControlPersist=no",
				    "-T",
				    "-o",
				    "ExitOnForwardFailure=no",
				    "--",
				    m->host,
				    command,
				    NULL};
	memcpy(argv + n, more, sizeof more);
	dup2(to[0], STDIN_FILENO);
	dup2(from[1], STDOUT_FILENO);
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
	signal(SIGINT, SIG_IGN); /* meant for the tool, which then ends ssh */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "keyhop: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int start_master(struct master *m)
{
	int to[2], from[2];

	if (pipe(to) || pipe(from))
		return -1;
	m->pid = fork();
	if (m->pid == 0)
		exec_master(m, to, from);
	close(to[0]);
	close(from[1]);
	m->in = to[1];
	m->out = fdopen(from[0], "r");
	return m->pid < 0 || !m->out ? -1 : 0;
}

static int run_ssh(const struct master *m, const char *forward)
{
	char room[512];
	const char *argv[ARGS_MAX];
	size_t n = ssh_words(room, sizeof room, argv);
	const char *const more[] = {"-S",    m->control, "-O",	  "forward", "-L",
				    forward, "--",	 m->host, NULL};
	int status = -1;
	pid_t pid;

	memcpy(argv + n, more, sizeof more);
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* /run/keyhop/enb1/ctl.sock and /srv/run/enb1.sock are both enb1. */
static void node_name(const char *path, char *out, size_t len)
{
	const char *slash = strrchr(path, '/'), *name = slash + 1;
	size_t n = strlen(name) - strlen(".sock");

	if (strcmp(name, "ctl.sock") == 0) {
		for (name = slash; name > path && name[-1] != '/'; name--)
			;
		n = (size_t)(slash - name);
	}
	snprintf(out, len, "%.*s", (int)n, name);
}

static int forward_all(struct via *v, struct master *m)
{
	char line[LINE_MAX_LEN], name[128], forward[LINE_MAX_LEN + 256];
	bool ended = false;

	while (!ended && fgets(line, sizeof line, m->out)) {
		line[strcspn(line, "\n")] = '\0';
		ended = line[0] == '\0';
		/* What a shell's start-up files print is not ours. */
		if (line[0] != '/' || strlen(line) < 6 ||
		    strcmp(line + strlen(line) - 5, ".sock") != 0)
			continue;
		node_name(line, name, sizeof name);
		snprintf(forward, sizeof forward, "%s/%s.sock:%s", v->tmp, name, line);
		if (run_ssh(m, forward))
			return EXIT_UNREACHABLE;
		v->n_nodes++;
	}
	if (ended)
		return 0;
	fprintf(stderr, "keyhop: no ssh connection to %s\n", m->host);
	return EXIT_UNREACHABLE;
}

static void close_all(struct via *v)
{
	char path[300];
	DIR *dir;
	const struct dirent *entry;

	for (size_t i = 0; i < v->n; i++) {
		close(v->masters[i].in);
		/* Else it waits for the other ends of what was forwarded. */
		if (v->masters[i].pid > 0)
			kill(v->masters[i].pid, SIGTERM);
		while (v->masters[i].pid > 0 && waitpid(v->masters[i].pid, NULL, 0) < 0 &&
		       errno == EINTR)
			;
		if (v->masters[i].out)
			fclose(v->masters[i].out);
	}
	dir = opendir(v->tmp);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof path, "%s/%.200s", v->tmp, entry->d_name);
		(void)unlink(path);
	}
	if (dir)
		closedir(dir);
	(void)rmdir(v->tmp);
}

static int open_all(struct via *v, char *const *targets, size_t n)
{
	for (; v->n < n; v->n++) {
		struct master *m = &v->masters[v->n];
		m->in = -1;
		if (n > TARGETS_MAX || split(targets[v->n], m)) {
			fprintf(stderr, "keyhop: --via wants ssh:[user@]HOST[:/DIR], not \"%s\"\n",
				targets[v->n]);
			return EXIT_USAGE;
		}
		snprintf(m->control, sizeof m->control, "%s/.m%zu", v->tmp, v->n);
		if (start_master(m))
			return EXIT_FAILED;
		int code = forward_all(v, m);
		if (code) {
			v->n++;
			return code;
		}
	}
	if (v->n_nodes)
		return 0;
	fprintf(stderr,
		"keyhop: no control socket at %s\nhint: ssh:HOST:/DIR names the run "
		"directory there\n",
		targets[0]);
	return EXIT_UNREACHABLE;
}

static volatile sig_atomic_t worker;

static void on_signal(int sig)
{
	if (worker > 0 && sig != SIGINT) /* which it gets from the terminal, too */
		kill((pid_t)worker, sig);
}

/* Without SA_RESTART: whatever waits when a signal comes fails, and is tidied up. */
static void catch_signals(void (*handler)(int))
{
	const struct sigaction a = {.sa_handler = handler};

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
}

/* The parent only waits, so that it can tidy up however the work ends. */
static int wait_for_worker(void)
{
	int status = 0;

	while (waitpid((pid_t)worker, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int via_enter(char *const *targets, size_t n)
{
	char tmp[] = "/tmp/keyhop-via-XXXXXX";
	struct via v = {.tmp = tmp};
	int code;

	if (!mkdtemp(tmp)) {
		perror("keyhop: /tmp");
		return EXIT_FAILED;
	}
	signal(SIGPIPE, SIG_IGN);
	catch_signals(on_signal);
	code = open_all(&v, targets, n);
	if (!code) {
		fflush(NULL);
		worker = fork();
		if (worker == 0) {
			signal(SIGPIPE, SIG_DFL);
			catch_signals(SIG_DFL);
			for (size_t i = 0; i < v.n; i++) {
				close(v.masters[i].in);
				fclose(v.masters[i].out);
			}
			setenv("KEYHOP_RUN", tmp, 1);
			return -1;
		}
		code = worker < 0 ? EXIT_FAILED : wait_for_worker();
	}
	close_all(&v);
	return code;
}
