/* keyhop watch: events of some nodes, or of all, as they come. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "client.h"
#include "duration.h"
#include "fleet.h"
#include "nodes.h"
#include "output.h"
#include "words.h"

#define NODES_NAMED_MAX 64

struct watch {
	struct fleet fleet;
	json_t *params; /* of events.subscribe */
	const char *hook;
	bool json;
	long left; /* events still to show; 0: no end */
	bool following, ended;
	int timeout_ms; /* 0: none */
	int code;
	char *nodes[NODES_NAMED_MAX];
	size_t n_nodes;
};

static void end(struct watch *w, int code)
{
	w->code = code;
	w->ended = true;
	fleet_stop(&w->fleet);
}

static void set(const char *name, const json_t *event, const char *member)
{
	const char *value = json_string_value(json_object_get(event, member));

	setenv(name, value ? value : "", 1);
}

/* One process an event, one after the other: the event is its standard input. What it writes is ours. */
static void run_hook(const struct watch *w, const json_t *event)
{
	int ends[2];
	char *text = json_dumps(event, JSON_COMPACT);
	pid_t child = text && pipe(ends) == 0 ? fork() : -1;

	if (child < 0) {
		perror("keyhop: watch");
		free(text);
		return;
	}
	if (child == 0) {
		set("KEYHOP_TOPIC", event, "topic");
		set("KEYHOP_NODE", event, "node");
		set("KEYHOP_UE", event, "ue");
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		signal(SIGPIPE, SIG_DFL);
		execl("/bin/sh", "sh", "-c", w->hook, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	/* A line is shorter than what a pipe holds: this never waits for a hook that does not read. One that has ended is
	 * its own business. */
	(void)!write(ends[1], text, strlen(text));
	(void)!write(ends[1], "\n", 1);
	close(ends[1]);
	(void)waitpid(child, NULL, 0);
	free(text);
}

static void on_event(void *arg, struct fleet_node *node, const json_t *event)
{
	struct watch *w = arg;

	(void)node;
	/* Before anything was asked for there is nothing to tell. */
	if (w->ended || !w->following)
		return;
	if (w->hook)
		run_hook(w, event);
	else
		output_event(event, w->json);
	if (w->left && --w->left == 0)
		end(w, EXIT_DONE);
}

static void on_lost(void *arg, struct fleet_node *node)
{
	struct watch *w = arg;

	fprintf(stderr, "keyhop: %s closed its control socket\n", node->name);
	for (size_t i = 0; i < w->fleet.n_nodes; i++)
		if (!w->fleet.nodes[i]->gone)
			return;
	end(w, EXIT_UNREACHABLE);
}

static void on_subscribed(void *arg, const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");

	if (error)
		end(arg, client_print_error(error));
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end(arg, EXIT_TIMEOUT);
}

static bool add_topics(json_t *params, char *list)
{
	json_t *topics = json_object_get(params, "topics");

	for (char *word; (word = strsep(&list, ","));)
		if (*word)
			json_array_append_new(topics, json_string(word));
	return json_array_size(topics) > 0;
}

static bool take_flag(struct watch *w, const char *flag, char *value)
{
	char *tail = NULL;

	if (strcmp(flag, "--topic") == 0)
		return add_topics(w->params, value);
	if (strcmp(flag, "--ue") == 0)
		return json_object_set_new(w->params, "ue", json_string(value)) == 0;
	if (strcmp(flag, "--timeout") == 0)
		return duration_parse(value, &w->timeout_ms) == 0 && w->timeout_ms;
	if (strcmp(flag, "--exec") == 0) {
		w->hook = value;
		return true;
	}
	long long number = strtoll(value, &tail, 10);
	if (*tail || tail == value || number < 0)
		return false;
	if (strcmp(flag, "--since") == 0)
		return json_object_set_new(w->params, "since", json_integer(number)) == 0;
	w->left = (long)number;
	return strcmp(flag, "--count") == 0 && number > 0;
}

static int parse(struct watch *w, int argc, char **argv)
{
	struct words words = {.verb = verb_find("watch"), .argc = argc, .argv = argv};

	for (const char *flag; (flag = words_next(&words));) {
		if (*flag && !take_flag(w, flag, words.value))
			return verb_misuse("watch", "%s: \"%s\" is no value for it", flag,
					   words.value);
		if (*flag || strcmp(words.value, "all") == 0)
			continue;
		if (w->n_nodes == NODES_NAMED_MAX)
			return verb_misuse("watch", "more than %d nodes", NODES_NAMED_MAX);
		w->nodes[w->n_nodes++] = words.value;
	}
	return words.code;
}

/* Every node that was named has a socket; a slip is told. */
static int find_nodes(const struct watch *w)
{
	char path[NODE_PATH_MAX];
	int code = EXIT_DONE;

	for (size_t i = 0; i < w->n_nodes && !code; i++)
		code = node_path_or_say(w->nodes[i], path, sizeof path);
	return code;
}

/* Every node that was named is there. */
static int check_nodes(struct watch *w)
{
	for (size_t i = 0; i < w->n_nodes; i++) {
		if (fleet_find(&w->fleet, w->nodes[i]))
			continue;
		fprintf(stderr, "keyhop: no node %s answers\n", w->nodes[i]);
		return EXIT_UNREACHABLE;
	}
	return 0;
}

static void follow(struct watch *w)
{
	const struct timeval after = {w->timeout_ms / 1000, w->timeout_ms % 1000 * 1000};
	struct event *timer = evtimer_new(w->fleet.base, on_timeout, w);

	if (w->timeout_ms)
		evtimer_add(timer, &after);
	if (!w->hook)
		fleet_stop_when_unread(&w->fleet);
	w->following = true;
	for (size_t i = 0; i < w->fleet.n_nodes; i++)
		fleet_call(w->fleet.nodes[i], "events.subscribe", json_deep_copy(w->params),
			   on_subscribed, w);
	fleet_run(&w->fleet);
	event_free(timer);
}

int watch_verb(int argc, char **argv, enum output_format form)
{
	static const struct fleet_ops ops = {
		.event = on_event, .lost = on_lost, .missed = fleet_say_missed};
	struct watch w = {.json = output_is_json(form), .params = json_pack("{s:[]}", "topics")};
	int code = parse(&w, argc, argv);

	if (!code && form == OUTPUT_CSV)
		code = verb_misuse("watch",
				   "events have no common columns: -o json has all of them");
	if (!code)
		code = find_nodes(&w);
	if (!code) {
		signal(SIGPIPE, w.hook ? SIG_IGN : SIG_DFL);
		code = fleet_open_some(&w.fleet, NULL, w.nodes, w.n_nodes, &ops, &w);
		if (!code)
			code = check_nodes(&w);
		if (!code) {
			follow(&w);
			code = w.code;
		}
		fleet_close(&w.fleet);
	}
	json_decref(w.params);
	return code;
}
