/* The control socket with real clients: framing, errors by name, subscriptions, slow and vanishing readers. */
#include "ctl.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "check_main.h"
#include "events.h"
#include "loop.h"
#include "message.h"
#include "test_link.h"

#define RING 2000 /* events kept */

static char dir[] = "/tmp/keyhop-ctl-XXXXXX";
static char path[64], viewer_path[64], why[400];
static struct loop *loop;
static struct events *events;
static struct ctl *ctl;
static struct ctl_request *waiting;

static void echo(void *node, struct ctl_request *req, const json_t *params)
{
	ck_assert_ptr_eq(node, &loop);
	ctl_reply(req, json_pack("{s:s, s:I, s:b}", "text", ctl_string(params, "text", "none"),
				 "number", (json_int_t)ctl_int(params, "number", -1), "flag",
				 ctl_bool(params, "flag", false)));
}

static void fail_always(void *node, struct ctl_request *req, const json_t *params)
{
	(void)node;
	(void)params;
	ctl_fail(req, KH_E_UE_NOT_FOUND, "see ue.list");
}

static void later(void *node, struct ctl_request *req, const json_t *params)
{
	(void)node;
	(void)params;
	waiting = req;
}

static const struct ctl_param echo_params[] = {{"text", CTL_STRING, true, 0, 0, "some text"},
					       {"number", CTL_INT, false, 1, 9, "a digit"},
					       {"flag", CTL_BOOL, false, 0, 0, "yes or no"},
					       {0}};
static const struct ctl_param none[] = {{0}};
static const struct ctl_method methods[] = {{"echo.text", echo_params, echo, "says it again", true},
					    {"fail", none, fail_always, "never works", false},
					    {"later", none, later, "takes its time", false},
					    {0}};

static void setup(void)
{
	static const struct ctl_method *const tables[] = {methods, NULL};

	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s", dir);
	snprintf(viewer_path, sizeof viewer_path, "%s/v", dir);
	signal(SIGPIPE, SIG_IGN); /* as every daemon does */
	loop = loop_new();
	events = events_new("n1", RING);
	const struct ctl_settings settings = {.loop = loop,
					      .events = events,
					      .operators = {.path = path},
					      .viewers = {.path = viewer_path},
					      .role = "testd",
					      .node_name = "n1",
					      .version = "0",
					      .tables = tables,
					      .node = &loop};
	ck_assert_msg(ctl_open(&ctl, &settings, why, sizeof why) == 0, "%s", why);
	waiting = NULL;
}

static void teardown(void)
{
	if (waiting)
		ctl_reply(waiting, NULL);
	ctl_close(ctl);
	events_free(events);
	loop_free(loop);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_ne(access(viewer_path, F_OK), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static int raw_client_at(const char *where)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(to.sun_path, where);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static int raw_client(void)
{
	return raw_client_at(path);
}

/* One line, as JSON; the loop runs until it is there. NULL at the end of the connection. */
static json_t *line(int fd)
{
	static char buffer[200000];
	size_t len = 0;
	struct loop_timer *guard = test_guard(loop);

	for (;;) {
		ssize_t n = recv(fd, buffer + len, 1, 0);
		if (n == 0)
			break;
		if (n < 0) {
			test_wait(loop);
			continue;
		}
		if (buffer[len++] == '\n')
			break;
		ck_assert_uint_lt(len, sizeof buffer);
	}
	loop_timer_stop(&guard);
	return len ? json_loadb(buffer, len, 0, NULL) : NULL;
}

static int client_at(const char *where, bool viewer)
{
	int fd = raw_client_at(where);
	json_t *hello = line(fd), *params = json_object_get(hello, "params");

	ck_assert_str_eq(json_string_value(json_object_get(hello, "method")), "hello");
	ck_assert(json_is_boolean(json_object_get(params, "viewer")));
	ck_assert_int_eq(json_is_true(json_object_get(params, "viewer")), viewer);
	json_decref(hello);
	return fd;
}

static int client(void)
{
	return client_at(path, false);
}

static int viewer(void)
{
	return client_at(viewer_path, true);
}

static void say(int fd, const char *text)
{
	test_write(fd, text, strlen(text));
}

static int code_of(json_t *answer)
{
	int code =
		(int)json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));

	json_decref(answer);
	return code;
}

static int ask(int fd, const char *text)
{
	say(fd, text);
	return code_of(line(fd));
}

#define CALL(id, method, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":" params "}\n"

START_TEST(says_hello)
{
	int fd = raw_client();
	json_t *hello = line(fd), *params = json_object_get(hello, "params");

	ck_assert_str_eq(json_string_value(json_object_get(params, "role")), "testd");
	ck_assert_str_eq(json_string_value(json_object_get(params, "node")), "n1");
	ck_assert_str_eq(json_string_value(json_object_get(params, "api")), CTL_API);
	json_decref(hello);
	close(fd);
}
END_TEST

START_TEST(only_owner_and_group)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0660);
	ck_assert_int_eq(stat(viewer_path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0660);
}
END_TEST

START_TEST(answers)
{
	int fd = client();

	say(fd, CALL("\"x\"", "echo.text", "{\"text\":\"hi\",\"number\":9,\"flag\":true}"));
	json_t *answer = line(fd), *result = json_object_get(answer, "result");
	ck_assert_str_eq(json_string_value(json_object_get(answer, "id")), "x");
	ck_assert_str_eq(json_string_value(json_object_get(result, "text")), "hi");
	ck_assert_int_eq(json_integer_value(json_object_get(result, "number")), 9);
	ck_assert(json_is_true(json_object_get(result, "flag")));
	json_decref(answer);
	close(fd);
}
END_TEST

START_TEST(many_in_one_and_one_in_many)
{
	const char *two = CALL("1", "echo.text", "{\"text\":\"a\"}")
		CALL("2", "echo.text", "{\"text\":\"b\"}");
	int fd = client();

	say(fd, two);
	ck_assert_int_eq(code_of(line(fd)), 0);
	ck_assert_int_eq(code_of(line(fd)), 0);
	for (const char *p = two; *p; p++) {
		test_write(fd, p, 1);
		test_turn(loop);
	}
	ck_assert_int_eq(code_of(line(fd)), 0);
	ck_assert_int_eq(code_of(line(fd)), 0);
	close(fd);
}
END_TEST

START_TEST(errors_have_names)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"{\n", -32700},
		{"\"text\"\n", -32600},
		{"[]\n", -32600},
		{"{\"id\":1,\"method\":\"fail\"}\n", -32600},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"fail\"}\n", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"fail\"}\n", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"fail\"}\n", -32700},
		{CALL("1", "fail", "[]"), -32600},
		{CALL("1", "nothing", "{}"), -32601},
		{CALL("1", "echo.text", "{}"), -32602},
		{CALL("1", "echo.text", "{\"text\":1}"), -32602},
		{CALL("1", "echo.text", "{\"text\":\"a\",\"number\":0}"), -32602},
		{CALL("1", "echo.text", "{\"text\":\"a\",\"number\":10}"), -32602},
		{CALL("1", "echo.text", "{\"text\":\"a\",\"number\":1.5}"), -32602},
		{CALL("1", "echo.text", "{\"text\":\"a\",\"flag\":\"true\"}"), -32602},
		{CALL("1", "echo.text", "{\"text\":\"a\",\"more\":1}"), -32602},
		{CALL("1", "fail", "{}"), 1404},
	};
	int fd = client();

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ck_assert_msg(ask(fd, cases[i].text) == cases[i].code, "%s", cases[i].text);
	say(fd, CALL("1", "fail", "{}"));
	json_t *answer = line(fd),
	       *data = json_object_get(json_object_get(answer, "error"), "data");
	ck_assert_str_eq(json_string_value(json_object_get(data, "name")), "UE_NOT_FOUND");
	ck_assert_str_eq(json_string_value(json_object_get(data, "cause")), "ue-not-found");
	ck_assert_str_eq(json_string_value(json_object_get(data, "hint")), "see ue.list");
	json_decref(answer);
	say(fd, CALL("1", "echo.txet", "{}"));
	answer = line(fd);
	data = json_object_get(json_object_get(answer, "error"), "data");
	ck_assert_str_eq(json_string_value(json_object_get(data, "hint")), "echo.text");
	json_decref(answer);
	close(fd);
}
END_TEST

START_TEST(a_line_without_end_is_cut_off)
{
	int fd = client();
	char *text = malloc(CTL_LINE_MAX + 2);

	memset(text, 'x', CTL_LINE_MAX + 2);
	test_write(fd, text, CTL_LINE_MAX + 2);
	ck_assert_int_eq(code_of(line(fd)), -32700);
	ck_assert_ptr_null(line(fd));
	free(text);
	close(fd);
	close(client());
}
END_TEST

static void emit(const char *topic, const char *imsi)
{
	struct node_event e = {.topic = topic};

	if (imsi)
		ck_ok(imsi_parse(&e.ue, imsi));
	events_emit(events, &e);
}

static uint64_t next_event(int fd, const char *topic)
{
	json_t *j = line(fd), *params = json_object_get(j, "params");
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(params, "seq"));

	ck_assert_str_eq(json_string_value(json_object_get(j, "method")), "event");
	ck_assert_str_eq(json_string_value(json_object_get(params, "topic")), topic);
	json_decref(j);
	return seq;
}

START_TEST(subscriptions)
{
	int fd = client();

	emit("a.old", NULL);
	emit("b.old", NULL);
	ck_assert_int_eq(
		ask(fd, CALL("1", "events.subscribe", "{\"since\":0,\"topics\":[\"a.\",\"c\"]}")),
		0);
	ck_assert_uint_eq(next_event(fd, "a.old"), 1);
	emit("b.new", NULL);
	emit("c.new", NULL);
	ck_assert_uint_eq(next_event(fd, "c.new"), 4);
	ck_assert_int_eq(ask(fd, CALL("1", "events.subscribe", "{\"ue\":\"001010000000001\"}")), 0);
	emit("a.other", "001010000000002");
	emit("b.mine", "001010000000001");
	ck_assert_uint_eq(next_event(fd, "b.mine"), 6);
	ck_assert_int_eq(ask(fd, CALL("1", "events.unsubscribe", "{}")), 0);
	emit("b.mine", "001010000000001");
	ck_assert_int_eq(ask(fd, CALL("1", "events.subscribe", "{\"ue\":\"12\"}")), -32602);
	ck_assert_int_eq(ask(fd, CALL("1", "events.subscribe", "{\"topics\":[1]}")), -32602);
	close(fd);
}
END_TEST

static void emit_messages(unsigned n)
{
	while (n--) {
		struct node_event e = {.topic = "msg.rx", .message = message_row(IFACE_X2, 7)};
		events_emit(events, &e);
	}
}

static void says_lost(int fd, json_int_t from, json_int_t to)
{
	json_t *j = line(fd), *params = json_object_get(j, "params");

	ck_assert_str_eq(json_string_value(json_object_get(j, "method")), "events.lost");
	ck_assert_int_eq(json_integer_value(json_object_get(params, "from")), from);
	ck_assert_int_eq(json_integer_value(json_object_get(params, "to")), to);
	json_decref(j);
}

/* Messages of a trace leave their own ring; that is a loss for those who want some. */
START_TEST(messages_are_lost_to_who_wants_them)
{
	int fd = client();

	emit("a", NULL); /* 1 */
	emit_messages(RING + 3); /* 2 to RING + 4; the first three are gone */
	emit("a", NULL);
	ck_assert_int_eq(ask(fd, CALL("1", "events.subscribe", "{\"since\":0,\"topics\":[\"a\"]}")),
			 0);
	ck_assert_uint_eq(next_event(fd, "a"), 1);
	ck_assert_uint_eq(next_event(fd, "a"), RING + 5);
	ck_assert_int_eq(
		ask(fd, CALL("2", "events.subscribe", "{\"since\":0,\"topics\":[\"a\",\"msg\"]}")),
		0);
	ck_assert_uint_eq(next_event(fd, "a"), 1);
	says_lost(fd, 2, 4);
	ck_assert_uint_eq(next_event(fd, "msg.rx"), 5);
	close(fd);
}
END_TEST

/* Those of procedures are lost to everybody, and no more than those. */
START_TEST(procedures_are_lost_to_all)
{
	int fd = client();

	emit_messages(1);
	for (unsigned i = 0; i < RING + 1; i++)
		emit("a", NULL); /* 2 to RING + 2; 2 is gone */
	emit_messages(1);
	ck_assert_int_eq(ask(fd, CALL("1", "events.subscribe", "{\"since\":0,\"topics\":[\"b\"]}")),
			 0);
	says_lost(fd, 1, 2);
	emit("b", NULL);
	ck_assert_uint_eq(next_event(fd, "b"), RING + 4);
	ck_assert_int_eq(ask(fd, CALL("2", "events.subscribe", "{\"since\":0}")), 0);
	ck_assert_uint_eq(next_event(fd, "msg.rx"), 1);
	says_lost(fd, 2, 3);
	close(fd);
}
END_TEST

/* First sequence number that comes after those of this line, which must follow `expected` without a gap. */
static uint64_t after(json_t *j, uint64_t expected, bool *lost)
{
	const json_t *params = json_object_get(j, "params");
	const char *method = json_string_value(json_object_get(j, "method"));
	const char *last = "seq";

	*lost = strcmp(method, "events.lost") == 0;
	if (*lost)
		last = "to";
	ck_assert_int_eq(json_integer_value(json_object_get(params, *lost ? "from" : "seq")),
			 (json_int_t)expected);
	uint64_t next = (uint64_t)json_integer_value(json_object_get(params, last)) + 1;
	json_decref(j);
	return next;
}

/* A reader that does not read holds up nobody. What it missed and the ring still has, it gets; what the ring has not,
 * it is told by number. */
START_TEST(a_slow_reader)
{
	int slow = client(), other = client();
	bool lost = false, any = false;
	uint64_t next = 1;

	ck_assert_int_eq(ask(slow, CALL("1", "events.subscribe", "{}")), 0);
	for (int i = 0; i < 12000; i++)
		emit("handover.completed", "001010000000001");
	ck_assert_uint_gt(ctl_events_dropped(ctl), 0);
	ck_assert_int_eq(ask(other, CALL("1", "echo.text", "{\"text\":\"a\"}")), 0);
	while (next <= 12000) {
		next = after(line(slow), next, &lost);
		any = any || lost;
	}
	ck_assert(any);
	emit("handover.completed", "001010000000001");
	ck_assert_uint_eq(next_event(slow, "handover.completed"), 12001);
	close(slow);
	close(other);
}
END_TEST

/* A replay of more than a socket takes at once is whole, and comes before what is new. */
START_TEST(a_long_replay)
{
	int fd = client();
	bool lost;
	uint64_t next = 101;

	for (int i = 0; i < RING; i++)
		emit("handover.completed", "001010000000001");
	ck_assert_int_eq(ask(fd, CALL("1", "events.subscribe", "{\"since\":100}")), 0);
	for (int i = 0; i < 50; i++)
		emit("handover.failed", "001010000000001");
	while (next <= 2050) {
		next = after(line(fd), next, &lost);
		ck_assert(!lost);
	}
	close(fd);
}
END_TEST

/* Says its last word, not to its end, and still gets every answer; then it is closed. */
START_TEST(half_closed)
{
	int fd = client();

	for (int i = 0; i < 60; i++)
		say(fd, CALL("1", "echo.text", "{\"text\":\"a\"}"));
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"met");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	for (int i = 0; i < 60; i++)
		ck_assert_int_eq(code_of(line(fd)), 0);
	ck_assert_int_eq(code_of(line(fd)), -32700);
	ck_assert_ptr_null(line(fd));
	ck_assert_uint_eq(ctl_clients(ctl), 0);
	close(fd);
	/* One that waits for an answer stays until it has it. */
	fd = client();
	say(fd, CALL("1", "later", "{}"));
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	RUN_UNTIL(loop, waiting != NULL);
	test_turn(loop);
	ctl_reply(waiting, NULL);
	waiting = NULL;
	ck_assert_int_eq(code_of(line(fd)), 0);
	ck_assert_ptr_null(line(fd));
	close(fd);
}
END_TEST

/* What was asked for is replayed; then nobody is kept who cannot say that he has left. */
START_TEST(half_closed_subscriber)
{
	int fd = client();
	bool lost;
	uint64_t next = 1;

	for (int i = 0; i < 1500; i++)
		emit("handover.completed", "001010000000001");
	say(fd, CALL("1", "events.subscribe", "{\"since\":0}"));
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_int_eq(code_of(line(fd)), 0);
	while (next <= 1500)
		next = after(line(fd), next, &lost);
	ck_assert_ptr_null(line(fd));
	ck_assert_uint_eq(ctl_clients(ctl), 0);
	close(fd);
}
END_TEST

/* Who asks a lot and reads nothing is not served ahead of others, and loses nothing. */
START_TEST(a_flood_of_requests)
{
	static char text[200000];
	int greedy = client(), other = client();
	size_t len = 0, sent = 0, n = 0;

	while (len < 150000) {
		len += (size_t)snprintf(text + len, sizeof text - len,
					CALL("1", "echo.text", "{\"text\":\"%0500d\"}"), 0);
		n++;
	}
	while (sent < len) {
		ssize_t done = send(greedy, text + sent, len - sent, MSG_DONTWAIT);
		if (done > 0)
			sent += (size_t)done;
		else
			test_wait(loop);
	}
	ck_assert_int_eq(ask(other, CALL("1", "echo.text", "{\"text\":\"a\"}")), 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(code_of(line(greedy)), 0);
	close(greedy);
	close(other);
}
END_TEST

static void wrong(int fd, const char *text, int code, const char *id)
{
	say(fd, text);
	json_t *j = line(fd);
	char *got = json_dumps(json_object_get(j, "id"), JSON_ENCODE_ANY);

	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(j, "error"), "code")),
			 code);
	ck_assert_str_eq(got, id);
	free(got);
	json_decref(j);
}

/* Names are cut inside a character, notifications are not answered, blank lines are nothing. */
START_TEST(odd_requests)
{
	char text[200];
	int fd = client();

	snprintf(text, sizeof text,
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%063d\xe2\x82\xac\"}\n", 0);
	wrong(fd, text, -32601, "1");
	snprintf(text, sizeof text,
		 "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo.text\",\"params\":{\"%063d"
		 "\xe2\x82\xac\":1}}\n",
		 0);
	wrong(fd, text, -32602, "\"x\"");
	wrong(fd, "{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"echo.text\"}\n", -32600, "7");
	wrong(fd, "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"echo.text\"}\n", -32600, "null");
	say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}\n \r\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"echo.text\",\"params\":{\"no\":1}}\n");
	ck_assert_int_eq(ask(fd, CALL("1", "echo.text", "{\"text\":\"a\"}")), 0);
	close(fd);
}
END_TEST

START_TEST(a_client_that_vanishes)
{
	int fd = client();

	say(fd, CALL("1", "later", "{}"));
	RUN_UNTIL(loop, waiting != NULL);
	close(fd);
	test_turn(loop);
	ctl_reply(waiting, NULL);
	waiting = NULL;
	fd = client();
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"met");
	close(fd);
	test_turn(loop);
	close(client());
}
END_TEST

/* More sockets, beside those of setup(). */
static int open_second(struct ctl **second, const struct ctl_place *operators,
		       const struct ctl_place *viewers)
{
	static const struct ctl_method *const tables[] = {methods, NULL};
	const struct ctl_settings settings = {.loop = loop,
					      .events = events,
					      .operators = *operators,
					      .viewers = *viewers,
					      .role = "testd",
					      .node_name = "n2",
					      .version = "0",
					      .tables = tables,
					      .node = &loop};

	return ctl_open(second, &settings, why, sizeof why);
}

START_TEST(one_daemon_a_socket)
{
	struct ctl *second = NULL;

	ck_err(open_second(&second, &(struct ctl_place){path, NULL}, &(struct ctl_place){0}),
	       KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, path));
	ctl_close(second);
	close(client());
}
END_TEST

/* A slip of the pen in the configuration costs no database. */
START_TEST(a_file_stays)
{
	char other[80];
	struct ctl *second = NULL;

	snprintf(other, sizeof other, "%s/mme.db", dir);
	fclose(fopen(other, "w"));
	ck_err(open_second(&second, &(struct ctl_place){other, NULL}, &(struct ctl_place){0}),
	       KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "no socket"));
	ctl_close(second);
	ck_assert_int_eq(unlink(other), 0);
}
END_TEST

/* Who waits without a descriptor for it must not keep the loop busy: a timer is what comes next. */
START_TEST(out_of_descriptors)
{
	struct rlimit old, low;
	int fd = raw_client(), next = dup(fd);

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	close(next);
	low = old;
	low.rlim_cur = (rlim_t)next;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	const struct timeval soon = {0, 50000};
	unsigned turns = 0;
	event_base_loopexit(loop_base(loop), &soon);
	while (!event_base_got_exit(loop_base(loop)) && turns < 100) {
		event_base_loop(loop_base(loop), EVLOOP_ONCE);
		turns++;
	}
	ck_assert_uint_lt(turns, 100);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	json_t *hello = line(fd);
	ck_assert_ptr_nonnull(json_object_get(hello, "method"));
	json_decref(hello);
	close(fd);
}
END_TEST

/* What changes something is refused before it is looked at, also where nobody waits for the answer. */
START_TEST(viewers_change_nothing)
{
	int fd = viewer();

	ck_assert_int_eq(ask(fd, CALL("1", "echo.text", "{\"text\":\"a\"}")), 0);
	ck_assert_int_eq(ask(fd, CALL("1", "later", "{}")), 1403);
	ck_assert_int_eq(ask(fd, CALL("1", "later", "{\"wrong\":1}")), 1403);
	say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"later\"}\n");
	say(fd, CALL("1", "fail", "{}"));
	json_t *answer = line(fd),
	       *data = json_object_get(json_object_get(answer, "error"), "data");
	ck_assert_str_eq(json_string_value(json_object_get(data, "name")), "READ_ONLY");
	ck_assert_str_eq(json_string_value(json_object_get(data, "cause")), "read-only");
	ck_assert(json_is_false(json_object_get(data, "retryable")));
	json_decref(answer);
	ck_assert_ptr_null(waiting);
	ck_assert_int_eq(ask(fd, CALL("1", "events.subscribe", "{}")), 0);
	emit("a.new", NULL);
	ck_assert_uint_eq(next_event(fd, "a.new"), 1);
	close(fd);
}
END_TEST

START_TEST(viewers_keep_no_operator_out)
{
	int fds[64];

	for (int i = 0; i < 64; i++)
		fds[i] = viewer();
	int late = raw_client_at(viewer_path);
	ck_assert_int_eq(code_of(line(late)), 1429);
	int fd = client();
	ck_assert_uint_eq(ctl_clients(ctl), 65);
	close(fd);
	close(late);
	for (int i = 0; i < 64; i++)
		close(fds[i]);
}
END_TEST

START_TEST(belongs_to_a_group)
{
	char other[80], more[80], number[12];
	struct stat st;
	struct ctl *second = NULL;

	snprintf(other, sizeof other, "%s/other", dir);
	snprintf(more, sizeof more, "%s/more", dir);
	snprintf(number, sizeof number, "%u", (unsigned)getegid());
	ck_ok(open_second(&second, &(struct ctl_place){other, number},
			  &(struct ctl_place){more, getgrgid(getegid())->gr_name}));
	ck_assert_int_eq(stat(other, &st), 0);
	ck_assert_uint_eq(st.st_gid, getegid());
	ck_assert_int_eq(st.st_mode & 0777, 0660);
	ck_assert_int_eq(stat(more, &st), 0);
	ck_assert_uint_eq(st.st_gid, getegid());
	ctl_close(second);
}
END_TEST

/* Then no file is left, and whoever has the first socket goes on. */
START_TEST(a_group_that_is_not_there)
{
	char other[80], more[80];
	struct ctl *second = NULL;
	int fd = client();

	snprintf(other, sizeof other, "%s/other", dir);
	snprintf(more, sizeof more, "%s/more", dir);
	ck_err(open_second(&second, &(struct ctl_place){other, NULL},
			   &(struct ctl_place){more, "no-such-group-here"}),
	       KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "control.viewer_socket"));
	ck_assert_ptr_nonnull(strstr(why, "no such group"));
	ctl_close(second);
	ck_assert_int_ne(access(other, F_OK), 0);
	ck_assert_int_ne(access(more, F_OK), 0);
	ck_assert_int_eq(ask(fd, CALL("1", "events.subscribe", "{}")), 0);
	emit("a.new", NULL);
	ck_assert_uint_eq(next_event(fd, "a.new"), 1);
	close(fd);
}
END_TEST

START_TEST(two_roles_two_places)
{
	char other[80];
	struct ctl *second = NULL;

	snprintf(other, sizeof other, "%s/other", dir);
	ck_err(open_second(&second, &(struct ctl_place){other, NULL},
			   &(struct ctl_place){other, NULL}),
	       KH_E_CONFIG);
	ctl_close(second);
	ck_err(open_second(&second, &(struct ctl_place){other, NULL},
			   &(struct ctl_place){viewer_path, NULL}),
	       KH_E_CONFIG);
	ctl_close(second);
	close(viewer());
}
END_TEST

START_TEST(what_is_a_group)
{
	gid_t gid = 7;

	ck_assert(ctl_group("0", &gid) && gid == 0);
	ck_assert(ctl_group("4294967294", &gid) && gid == 4294967294U);
	static const char *const no[] = {"", "4294967295", "99999999999999999999", "12x", "-1"};
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		ck_assert_msg(!ctl_group(no[i], &gid), "%s", no[i]);
}
END_TEST

START_TEST(a_crowd_is_kept_out)
{
	int fds[70], refused = 0;

	for (int i = 0; i < 70; i++) {
		fds[i] = raw_client();
		json_t *j = line(fds[i]);
		refused += !j || !json_object_get(j, "method");
		json_decref(j);
	}
	ck_assert_int_eq(refused, 70 - 64);
	for (int i = 0; i < 70; i++)
		close(fds[i]);
	test_turn(loop);
	close(client());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ctl");

	CHECK_CASE_WITH(s, "ctl", setup, teardown, says_hello, only_owner_and_group, answers,
			many_in_one_and_one_in_many, errors_have_names,
			a_line_without_end_is_cut_off, subscriptions,
			messages_are_lost_to_who_wants_them, procedures_are_lost_to_all,
			a_slow_reader, a_long_replay, odd_requests, half_closed,
			half_closed_subscriber, a_flood_of_requests, a_client_that_vanishes,
			one_daemon_a_socket, a_file_stays, a_crowd_is_kept_out, out_of_descriptors,
			viewers_change_nothing, viewers_keep_no_operator_out, belongs_to_a_group,
			a_group_that_is_not_there, two_roles_two_places, what_is_a_group);
	return check_main(s);
}
