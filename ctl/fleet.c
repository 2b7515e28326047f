#include "fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <uthash.h>

#include "client.h"
#include "mem.h"
#include "nodes.h"

struct pending {
	int id;
	fleet_answer_fn *fn;
	void *arg;
	UT_hash_handle hh;
};

const char *answer_error(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *name =
		json_string_value(json_object_get(json_object_get(error, "data"), "name"));

	if (!answer)
		return "NODE_GONE";
	return error ? name ? name : "ERROR" : NULL;
}

const char *answer_hint(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");

	return json_string_value(json_object_get(json_object_get(error, "data"), "hint"));
}

void fleet_say_missed(void *arg, struct fleet_node *node, const json_t *range)
{
	(void)arg;
	fprintf(stderr, "keyhop: events %lld to %lld of %s are lost\n",
		(long long)json_integer_value(json_object_get(range, "from")),
		(long long)json_integer_value(json_object_get(range, "to")), node->name);
}

static void settle(struct fleet_node *node, struct pending *p, const json_t *answer)
{
	HASH_DEL(node->pending, p);
	if (p->fn)
		p->fn(p->arg, answer);
	free(p);
}

static void take(struct fleet_node *node, const json_t *message)
{
	int id = (int)json_integer_value(json_object_get(message, "id"));
	const char *method = json_string_value(json_object_get(message, "method"));
	struct pending *p;

	if (method && strcmp(method, "events.lost") == 0) {
		if (node->fleet->ops->missed)
			node->fleet->ops->missed(node->fleet->arg, node,
						 json_object_get(message, "params"));
		return;
	}
	if (method && strcmp(method, "event") == 0) {
		if (node->fleet->ops->event)
			node->fleet->ops->event(node->fleet->arg, node,
						json_object_get(message, "params"));
		return;
	}
	HASH_FIND_INT(node->pending, &id, p);
	if (p)
		settle(node, p, message);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct fleet_node *node = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t len;
	char *line;

	while ((line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF))) {
		json_t *message = json_loadb(line, len, 0, NULL);
		if (message)
			take(node, message);
		json_decref(message);
		free(line);
	}
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct fleet_node *node = arg;
	struct pending *p, *tmp;

	(void)what;
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	node->gone = true;
	/* First who it was, then what comes of it. */
	if (node->fleet->ops->lost)
		node->fleet->ops->lost(node->fleet->arg, node);
	HASH_ITER (hh, node->pending, p, tmp)
		settle(node, p, NULL);
}

/* A call to a node that is gone ends like one that was under way, in a turn of its own. */
static void on_call_to_nobody(evutil_socket_t fd, short what, void *arg)
{
	struct pending *p = arg;

	(void)fd;
	(void)what;
	if (p->fn)
		p->fn(p->arg, NULL);
	free(p);
}

void fleet_call(struct fleet_node *node, const char *method, json_t *params, fleet_answer_fn *fn,
		void *arg)
{
	struct pending *p = x_calloc(1, sizeof *p);
	json_t *message;
	char *text;

	p->id = ++node->next_id;
	p->fn = fn;
	p->arg = arg;
	if (node->gone) {
		json_decref(params);
		event_base_once(node->fleet->base, -1, EV_TIMEOUT, on_call_to_nobody, p, NULL);
		return;
	}
	HASH_ADD_INT(node->pending, id, p);
	message = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", p->id, "method", method,
			    "params", params);
	text = json_dumps(message, JSON_COMPACT);
	bufferevent_write(node->bev, text, strlen(text));
	bufferevent_write(node->bev, "\n", 1);
	free(text);
	json_decref(message);
}

static void on_status(void *arg, const json_t *answer)
{
	struct fleet_node *node = arg;
	const json_t *result = json_object_get(answer, "result");
	const char *role = json_string_value(json_object_get(result, "role"));

	snprintf(node->role, sizeof node->role, "%s", role ? role : "?");
	node->enb_id = (uint32_t)json_integer_value(json_object_get(result, "enb"));
	for (size_t i = 0; i < node->fleet->n_nodes; i++)
		if (!node->fleet->nodes[i]->role[0])
			return;
	fleet_stop(node->fleet);
}

static bool is_wanted(const struct fleet *f, const char *name)
{
	for (size_t i = 0; i < f->n_only; i++)
		if (strcmp(f->only[i], name) == 0)
			return true;
	return f->n_only == 0;
}

/* A socket at which nobody listens was left over by a node that ended. */
static void connect_to(void *arg, const char *name, const char *path)
{
	struct fleet *f = arg;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	if (f->n_nodes == FLEET_NODES_MAX || !is_wanted(f, name) ||
	    strlen(path) >= sizeof to.sun_path)
		return;
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
		close(fd);
		return;
	}
	struct fleet_node *node = x_calloc(1, sizeof *node);
	evutil_make_socket_nonblocking(fd);
	node->fleet = f;
	snprintf(node->name, sizeof node->name, "%s", name);
	node->bev = bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(node->bev, on_read, NULL, on_event, node);
	bufferevent_enable(node->bev, EV_READ | EV_WRITE);
	f->nodes[f->n_nodes++] = node;
}

static int ask_roles(struct fleet *f)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		fleet_call(f->nodes[i], "status", json_object(), on_status, f->nodes[i]);
	return fleet_run_patiently(f);
}

int fleet_open_some(struct fleet *f, const char *dir, char *const *names, size_t n,
		    const struct fleet_ops *ops, void *arg)
{
	memset(f, 0, sizeof *f);
	f->ops = ops;
	f->arg = arg;
	f->only = names;
	f->n_only = n;
	f->base = event_base_new();
	(void)nodes_each(dir, connect_to, f);
	if (!f->n_nodes) {
		fprintf(stderr,
			"keyhop: no node%s%s answers in %s\n"
			"hint: scripts/demo --stay --moves 0, or keyhop lab up -t "
			"conf/topologies/3-enbs.yaml\n",
			n ? " " : "", n ? names[0] : "", dir ? dir : NODES_WHERE);
		return EXIT_UNREACHABLE;
	}
	return ask_roles(f);
}

int fleet_open(struct fleet *f, const char *dir, const struct fleet_ops *ops, void *arg)
{
	return fleet_open_some(f, dir, NULL, 0, ops, arg);
}

void fleet_close(struct fleet *f)
{
	struct pending *p, *tmp;

	for (size_t i = 0; i < f->n_nodes; i++) {
		HASH_ITER (hh, f->nodes[i]->pending, p, tmp) {
			HASH_DEL(f->nodes[i]->pending, p);
			free(p);
		}
		bufferevent_free(f->nodes[i]->bev);
		free(f->nodes[i]);
	}
	f->n_nodes = 0;
	if (f->reader)
		event_free(f->reader);
	if (f->base)
		event_base_free(f->base);
}

void fleet_run(struct fleet *f)
{
	event_base_loop(f->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void fleet_stop(struct fleet *f)
{
	event_base_loopbreak(f->base);
}

static void on_unread(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fleet_stop(arg);
}

/* The end of a pipe that is written to has nothing to read, but for the error when the other end is closed. */
void fleet_stop_when_unread(struct fleet *f)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) || !S_ISFIFO(st.st_mode))
		return;
	f->reader = event_new(f->base, STDOUT_FILENO, EV_READ, on_unread, f);
	event_add(f->reader, NULL);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
	struct fleet *f = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i]->pending)
			fprintf(stderr, "keyhop: %s does not answer\n", f->nodes[i]->name);
	f->silent = true;
	fleet_stop(f);
}

int fleet_run_patiently(struct fleet *f)
{
	const struct timeval patience = {10, 0};
	struct event *guard = evtimer_new(f->base, on_silence, f);

	f->silent = false;
	evtimer_add(guard, &patience);
	fleet_run(f);
	event_free(guard);
	return f->silent ? EXIT_UNREACHABLE : EXIT_DONE;
}

struct fleet_node *fleet_find(struct fleet *f, const char *name)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		if (strcmp(f->nodes[i]->name, name) == 0)
			return f->nodes[i];
	return NULL;
}

struct fleet_node *fleet_enb(struct fleet *f, uint32_t enb_id)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i]->enb_id == enb_id && enb_id)
			return f->nodes[i];
	return NULL;
}

struct fleet_node *fleet_role(struct fleet *f, const char *role)
{
	struct fleet_node *found = NULL;

	for (size_t i = 0; i < f->n_nodes; i++) {
		if (strcmp(f->nodes[i]->role, role) != 0)
			continue;
		if (found)
			return NULL;
		found = f->nodes[i];
	}
	return found;
}
