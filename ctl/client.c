#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mem.h"

#define SCHEMA_MS 1000

static void say(const struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(const struct client *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	fputs("keyhop: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

static int connect_to(struct client *c, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof addr.sun_path) {
		say(c, "%s: path too long for a socket", path);
		return EXIT_USAGE;
	}
	strcpy(addr.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&addr, sizeof addr) == 0)
		return 0;
	say(c, "%s: %s%s", path, strerror(errno),
	    errno == ECONNREFUSED ? " (left over by a node that ended?)" : "");
	return EXIT_UNREACHABLE;
}

static int open_client(struct client *c, const char *path, int timeout_ms)
{
	int code = connect_to(c, path);
	json_t *hello = code ? NULL : client_read(c, timeout_ms, &code), *params;
	const char *role, *node;

	if (!hello)
		return code;
	params = json_object_get(hello, "params");
	role = json_string_value(json_object_get(params, "role"));
	node = json_string_value(json_object_get(params, "node"));
	snprintf(c->role, sizeof c->role, "%s", role ? role : "");
	snprintf(c->node, sizeof c->node, "%s", node ? node : "");
	json_decref(hello);
	return 0;
}

int client_open(struct client *c, const char *path, int timeout_ms)
{
	*c = (struct client){.fd = -1};
	return open_client(c, path, timeout_ms);
}

int client_open_quiet(struct client *c, const char *path, int timeout_ms)
{
	*c = (struct client){.fd = -1, .quiet = true};
	return open_client(c, path, timeout_ms);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->buf);
}

/* One more read into the buffer. */
static int fill(struct client *c, int timeout_ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	if (c->cap - c->len < 65536) {
		c->cap += 131072;
		c->buf = x_realloc(c->buf, c->cap);
	}
	int ready = poll(&p, 1, timeout_ms);
	if (ready == 0) {
		say(c, "no answer in time");
		return EXIT_TIMEOUT;
	}
	ssize_t n = ready > 0 ? read(c->fd, c->buf + c->len, c->cap - c->len) : -1;
	if (n <= 0) {
		say(c, "the daemon closed the connection");
		return EXIT_UNREACHABLE;
	}
	c->len += (size_t)n;
	return 0;
}

json_t *client_read(struct client *c, int timeout_ms, int *code)
{
	char *end;

	while (!(end = c->len ? memchr(c->buf, '\n', c->len) : NULL)) {
		*code = fill(c, timeout_ms);
		if (*code)
			return NULL;
	}
	size_t line = (size_t)(end - c->buf);
	json_t *msg = json_loadb(c->buf, line, 0, NULL);
	memmove(c->buf, end + 1, c->len - line - 1);
	c->len -= line + 1;
	if (!msg) {
		say(c, "the daemon does not speak JSON");
		*code = EXIT_FAILED;
	}
	return msg;
}

static int send_all(struct client *c, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(c->fd, text, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

json_t *client_call(struct client *c, const char *method, json_t *params, int timeout_ms, int *code)
{
	int id = ++c->next_id;
	json_t *msg = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", id, "method",
				method, "params", params);
	char *text = json_dumps(msg, JSON_COMPACT);
	int failed = !text || send_all(c, text, strlen(text)) || send_all(c, "\n", 1);

	json_decref(msg);
	free(text);
	if (failed) {
		say(c, "cannot send the request");
		*code = EXIT_UNREACHABLE;
		return NULL;
	}
	while ((msg = client_read(c, timeout_ms, code))) {
		if (json_integer_value(json_object_get(msg, "id")) == id)
			return msg;
		json_decref(msg);
	}
	return NULL;
}

json_t *client_schema(const char *path)
{
	struct client c;
	int code = client_open_quiet(&c, path, SCHEMA_MS);
	json_t *answer =
		code ? NULL : client_call(&c, "schema.list", json_object(), SCHEMA_MS, &code);
	json_t *schema = json_incref(json_object_get(answer, "result"));

	json_decref(answer);
	client_close(&c);
	return schema;
}

int client_exit_code(json_int_t code)
{
	static const struct {
		json_int_t from, to;
		int exit_code;
	} rows[] = {
		{-32700, -32600, EXIT_USAGE}, {1403, 1403, EXIT_REFUSED},
		{1404, 1405, EXIT_NOT_FOUND}, {1408, 1408, EXIT_TIMEOUT},
		{1429, 1429, EXIT_REFUSED}, /* too much at once */
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (code >= rows[i].from && code <= rows[i].to)
			return rows[i].exit_code;
	return EXIT_FAILED;
}

int client_print_error(const json_t *error)
{
	const json_t *data = json_object_get(error, "data");
	const char *name = json_string_value(json_object_get(data, "name"));
	const char *hint = json_string_value(json_object_get(data, "hint"));

	fprintf(stderr, "keyhop: %s%s%s\n", name ? name : "", name ? ": " : "",
		json_string_value(json_object_get(error, "message")));
	if (hint)
		fprintf(stderr, "hint: %s\n", hint);
	return client_exit_code(json_integer_value(json_object_get(error, "code")));
}
