#include "fleet.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <uthash.h>

#include "client.h"

struct pending {
	int id;
	fleet_answer_fn *fn;
	void *arg;
	UT_hash_handle hh;
};

static void *allocate(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		fputs("keyhop: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return p;
}

const char *answer_error(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *name =
		json_string_value(json_object_get(json_object_get(error, "data"), "name"));

	if (!answer)
		return "NODE_GONE";
	return error ? name ? name : "ERROR" : NULL;
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
	HASH_ITER (hh, node->pending, p, tmp)
		settle(node, p, NULL);
	if (node->fleet->ops->lost)
		node->fleet->ops->lost(node->fleet->arg, node);
}

void fleet_call(struct fleet_node *node, const char *method, json_t *params, fleet_answer_fn *fn,
		void *arg)
{
	struct pending *p = allocate(sizeof *p);
	json_t *message;
	char *text;

	p->id = ++node->next_id;
	p->fn = fn;
	p->arg = arg;
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

static int connect_to(struct fleet *f, const char *dir, const char *file)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t stem = strlen(file) - strlen(".sock");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if ((size_t)snprintf(to.sun_path, sizeof to.sun_path, "%s/%s", dir, file) >=
		    sizeof to.sun_path ||
	    fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
		close(fd);
		return -1; /* left over by a node that ended */
	}
	struct fleet_node *node = allocate(sizeof *node);
	evutil_make_socket_nonblocking(fd);
	node->fleet = f;
	snprintf(node->name, sizeof node->name, "%.*s", (int)stem, file);
	node->bev = bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(node->bev, on_read, NULL, on_event, node);
	bufferevent_enable(node->bev, EV_READ | EV_WRITE);
	f->nodes[f->n_nodes++] = node;
	return 0;
}

static int open_dir(struct fleet *f, const char *dir)
{
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *entry;

	if (!d)
		return 0;
	while ((entry = readdir(d)) && f->n_nodes < FLEET_NODES_MAX) {
		size_t len = strlen(entry->d_name);
		if (len > 5 && strcmp(entry->d_name + len - 5, ".sock") == 0)
			(void)connect_to(f, dir, entry->d_name);
	}
	closedir(d);
	return f->n_nodes > 0;
}

int fleet_open(struct fleet *f, const char *dir, const struct fleet_ops *ops, void *arg)
{
	const char *dirs[] = {getenv("KEYHOP_RUN"), "run", ".", "/run/keyhop"};

	memset(f, 0, sizeof *f);
	f->ops = ops;
	f->arg = arg;
	f->base = event_base_new();
	if (dir)
		(void)open_dir(f, dir);
	for (size_t i = 0; !dir && i < sizeof dirs / sizeof dirs[0] && !f->n_nodes; i++)
		(void)open_dir(f, dirs[i]);
	if (!f->n_nodes) {
		fprintf(stderr, "keyhop: no node answers in %s\n",
			dir ? dir : "$KEYHOP_RUN, ./run, this folder or /run/keyhop");
		return EXIT_UNREACHABLE;
	}
	for (size_t i = 0; i < f->n_nodes; i++)
		fleet_call(f->nodes[i], "status", json_object(), on_status, f->nodes[i]);
	fleet_run(f);
	return 0;
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
