/* The one interface of connections over every transport that works here, and links on it. */
#include "conn.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_main.h"
#include "test_net.h"
#include "udp_impair.h"

static struct test_net net;
static struct test_pki pki;
static unsigned seen[NOTICE_PATH_DOWN + 1];
static uint64_t counts[NET_COUNTS]; /* until the very end */

static void on_notice(void *arg, const struct net_notice *notice)
{
	char text[ENDPOINT_TEXT_LEN];

	ck_assert_ptr_eq(arg, &net);
	ck_assert_int_eq(notice->transport, net.transport);
	endpoint_text(notice->peer, text);
	ck_assert_int_eq(strncmp(text, "127.0.0.1:", 10), 0);
	seen[notice->kind]++;
}

/* False, with a word why, where this transport does not work. */
static bool begin(int transport)
{
	char why[200];

	if (transport_check((enum transport)transport, NULL, why, sizeof why)) {
		printf("left out: %s\n", why);
		return false;
	}
	net.transport = (enum transport)transport;
	test_net_open(&net);
	net_set_observer(net.net, on_notice, &net);
	return true;
}

static bool is_sctp(void)
{
	return net.transport != TRANSPORT_TCP;
}

static void teardown(void)
{
	if (net.loop)
		test_net_close(&net);
	memset(&net, 0, sizeof net);
	memset(seen, 0, sizeof seen);
	memset(counts, 0, sizeof counts);
}

static void exchange(void)
{
	test_net_both_up(&net);
	ck_ok(link_send_raw(net.client.link, (const uint8_t *)"to server", 9));
	ck_ok(link_send_raw(net.server.link, (const uint8_t *)"to client", 9));
	RUN_UNTIL(net.loop, net.client.frames && net.server.frames);
	ck_assert_mem_eq(net.server.seen, "\0\0\0\x09to server", 13);
	ck_assert_mem_eq(net.client.seen, "\0\0\0\x09to client", 13);
}

static void client_leaves(void)
{
	link_close(net.client.link);
	net.client.link = NULL;
	RUN_UNTIL(net.loop, net.server.downs);
	ck_err(net.server.err, KH_E_LINK_LOST);
}

static void same_end(const struct endpoint *a, const struct endpoint *b)
{
	char a_text[ENDPOINT_TEXT_LEN], b_text[ENDPOINT_TEXT_LEN];

	endpoint_text(a, a_text);
	endpoint_text(b, b_text);
	ck_assert_str_eq(a_text, b_text);
}

START_TEST(both_ways)
{
	struct endpoint local, peer, client_local, client_peer;

	if (!begin(_i))
		return;
	exchange();
	link_endpoints(net.server.link, &local, &peer);
	link_endpoints(net.client.link, &client_local, &client_peer);
	ck_assert_uint_eq(endpoint_port(&local), endpoint_port(listener_endpoint(net.listener)));
	same_end(&client_peer, &local);
	/* Nobody has bound the client to an address. */
	same_end(&client_local, &peer);
	client_leaves();
	ck_assert_uint_eq(seen[NOTICE_UP], is_sctp() ? 2 : 0);
	ck_assert_uint_eq(seen[NOTICE_DOWN], seen[NOTICE_UP]);
	ck_assert_uint_eq(seen[NOTICE_RESTART], 0);
}
END_TEST

START_TEST(with_tls)
{
	if (!begin(_i))
		return;
	test_net_set_tls(&net, &pki, "enb1");
	exchange();
	ck_assert_str_eq(net.client.identity, "keyhop:mme:mme1");
	client_leaves();
	ck_assert_str_eq(net.server.detail, "closed by the peer");
}
END_TEST

/* More than any buffer holds, there and back: pieces, back-pressure, order. */
START_TEST(much)
{
	enum { FRAMES = 300, LEN = 60000 };
	static uint8_t frame[LEN];

	if (!begin(_i))
		return;
	if (_i % 2)
		test_net_set_tls(&net, &pki, "enb1");
	net.client_settings.output_limit = net.server_settings.output_limit = 2 * FRAMES * LEN;
	net.server.echo = true;
	test_net_both_up(&net);
	for (int i = 0; i < FRAMES; i++) {
		memset(frame, i, sizeof frame);
		ck_ok(link_send_raw(net.client.link, frame, sizeof frame));
	}
	ck_assert_uint_gt(link_output_len(net.client.link), 0);
	RUN_UNTIL(net.loop, net.client.frames == FRAMES);
	for (size_t i = 0; i < FRAMES; i++)
		ck_assert_uint_eq(net.client.seen[i * (LEN + FRAME_HEADER) + FRAME_HEADER],
				  i % 256);
}
END_TEST

START_TEST(nobody_listens)
{
	struct conn_peer gone;

	if (!begin(_i))
		return;
	gone = test_net_server(&net);
	listener_close(net.listener);
	net.listener = NULL;
	net.client_settings.setup_timeout_ms = 100;
	if (link_connect(&net.client.link, &net.client_settings, &gone, NULL) < 0)
		return;
	RUN_UNTIL(net.loop, net.client.downs);
	ck_assert(net.client.err == KH_E_CANNOT_CONNECT || net.client.err == KH_E_TIMEOUT);
	ck_assert_int_eq(net.client.ups, 0);
}
END_TEST

START_TEST(closed_before_it_is_up)
{
	if (!begin(_i))
		return;
	test_net_connect(&net);
	link_close(net.client.link);
	net.client.link = NULL;
	test_turn(net.loop);
	exchange();
}
END_TEST

START_TEST(listening_refused)
{
	struct conn_peer taken;
	struct listener *other = NULL;
	struct endpoints at;

	if (!begin(_i))
		return;
	taken = test_net_server(&net);
	ck_err(listener_open(&other, net.net, net.transport, &taken.at, NULL, NULL),
	       KH_E_CANNOT_CONNECT);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_ok(endpoints_parse(&at, "192.0.2.1", 0));
	ck_err(listener_open(&other, net.net, net.transport, &at, NULL, NULL), KH_E_CANNOT_CONNECT);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
}
END_TEST

/* Connects, says something, and goes. */
static void visit(void)
{
	test_end_clear(&net.server);
	test_end_clear(&net.client);
	exchange();
	client_leaves();
}

/* What is kept for a connection goes with it. What is kept longer, for a while, has its bound. */
START_TEST(nothing_leaks)
{
	enum { WARM_UP = 100, VISITS = 1000, SLACK = 300 * 1024 };
	size_t before, after;
	int fd;

	if (!begin(_i))
		return;
	for (int i = 0; i < WARM_UP; i++)
		visit();
	before = mallinfo2().uordblks;
	fd = dup(0);
	for (int i = 0; i < VISITS; i++)
		visit();
	after = mallinfo2().uordblks;
	ck_assert_uint_lt(after, before + SLACK);
	close(fd);
	ck_assert_int_eq(dup(0), fd);
	close(fd);
}
END_TEST

/* A process of its own that connects once it is told to, from ports that are given, and says so. */
struct child {
	pid_t pid;
	int go[2], done[2];
};

static void child_runs(struct child *c, uint16_t local_port, uint16_t local_udp)
{
	struct net_settings settings = {.udp_port = local_udp};
	struct conn_peer server = {.transport = TRANSPORT_SCTP_UDP};
	struct test_end end = {0};
	struct loop *loop = loop_new();
	struct link_settings s = {.ops = &test_end_ops, .owner = &end};
	struct endpoints local;
	uint16_t ports[2];

	if (read(c->go[0], ports, sizeof ports) != sizeof ports)
		_exit(0);
	s.net = net_new(loop, &settings);
	server.udp_port = ports[1];
	ck_ok(endpoints_parse(&server.at, "127.0.0.1", ports[0]));
	ck_ok(endpoints_parse(&local, "127.0.0.1", local_port));
	ck_ok(link_connect(&end.link, &s, &server, &local));
	while (!end.ups)
		test_wait(loop);
	ck_assert_int_eq(write(c->done[1], "u", 1), 1);
	/* The first one is gone here without a word; the second hears that it has to begin again. */
	while (read(c->go[0], ports, 1) == 1 && !end.downs)
		test_wait(loop);
	if (end.downs)
		ck_assert_int_eq(write(c->done[1], "d", 1), 1);
	_exit(0);
}

static void child_start(struct child *c, uint16_t local_port, uint16_t local_udp)
{
	ck_assert_int_eq(pipe(c->go), 0);
	ck_assert_int_eq(pipe(c->done), 0);
	c->pid = fork();
	if (c->pid == 0)
		child_runs(c, local_port, local_udp);
	ck_assert_int_gt(c->pid, 0);
}

static void child_go(struct child *c)
{
	uint16_t ports[2] = {endpoint_port(listener_endpoint(net.listener)), net.settings.udp_port};

	ck_assert_int_eq(write(c->go[1], ports, sizeof ports), sizeof ports);
}

static void child_end(struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(c->go[i]);
		close(c->done[i]);
	}
}

/* A peer that comes again from the same ports, having forgotten all: the old association, of which the
 * library makes the new one, is lost. */
START_TEST(a_peer_that_starts_again)
{
	uint16_t udp = test_net_free_udp_port();
	struct child first, second;
	char why[100];

	if (transport_check(TRANSPORT_SCTP_UDP, NULL, why, sizeof why))
		return;
	/* Before the library has a thread here. */
	child_start(&first, 40001, udp);
	child_start(&second, 40001, udp);
	ck_assert(begin(TRANSPORT_SCTP_UDP));
	child_go(&first);
	RUN_UNTIL(net.loop, net.server.ups == 1);
	child_end(&first);
	child_go(&second);
	RUN_UNTIL(net.loop, net.server.downs == 1);
	ck_err(net.server.err, KH_E_LINK_LOST);
	ck_assert_str_eq(net.server.detail, strerror(ECONNRESET));
	ck_assert_uint_eq(seen[NOTICE_RESTART], 1);
	ck_assert_uint_eq(seen[NOTICE_UP], seen[NOTICE_DOWN]);
	child_end(&second);
}
END_TEST

/* A peer that is gone without a word, when nothing is under way. */
START_TEST(a_peer_that_is_gone)
{
	struct child peer;
	char why[100];

	if (transport_check(TRANSPORT_SCTP_UDP, NULL, why, sizeof why))
		return;
	child_start(&peer, 0, test_net_free_udp_port());
	net.settings = (struct net_settings){
		.heartbeat_ms = 50, .rto_initial_ms = 50, .rto_min_ms = 50, .rto_max_ms = 100};
	ck_assert(begin(TRANSPORT_SCTP_UDP));
	child_go(&peer);
	RUN_UNTIL(net.loop, net.server.ups == 1);
	child_end(&peer);
	RUN_UNTIL(net.loop, net.server.downs == 1);
	ck_err(net.server.err, KH_E_LINK_LOST);
	ck_assert_uint_eq(seen[NOTICE_PATH_DOWN], 1);
	ck_assert_uint_eq(seen[NOTICE_DOWN], 1);
}
END_TEST

START_TEST(damaged_on_purpose)
{
	enum { FRAMES = 400 };
	uint8_t frame[1000];

	net.settings.impair = (struct udp_impairment){
		.loss = 1000, .duplicate = 1000, .reorder = 1000, .seed = 7};
	net.settings.rto_min_ms = 10;
	net.settings.rto_initial_ms = 10;
	if (!begin(TRANSPORT_SCTP_UDP))
		return;
	net_set_counts(net.net, counts);
	net.server.echo = true;
	test_net_both_up(&net);
	for (int i = 0; i < FRAMES; i++) {
		memset(frame, i, sizeof frame);
		ck_ok(link_send_raw(net.client.link, frame, sizeof frame));
		if (i % 10 == 0)
			test_turn(net.loop);
	}
	RUN_UNTIL(net.loop, net.client.frames == FRAMES);
	for (size_t i = 0; i < FRAMES; i++)
		ck_assert_uint_eq(net.client.seen[i * 1004 + FRAME_HEADER], i % 256);
	ck_assert_uint_gt(counts[NET_UDP_IMPAIRED], 10);
}
END_TEST

static int bound(struct endpoint *ep)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ck_ok(endpoint_parse(ep, "127.0.0.1", 0));
	ck_assert_int_eq(bind(fd, (const void *)&ep->addr, ep->len), 0);
	ck_assert_int_eq(getsockname(fd, (void *)&ep->addr, &ep->len), 0);
	return fd;
}

/* A datagram that is late, of a socket that is closed meanwhile: its number may be that of a connection by then. */
START_TEST(late_and_closed)
{
	const struct net_settings settings = {.impair = {.delay_ms = 20}};
	struct loop *loop = loop_new();
	struct net *own = net_new(loop, &settings);
	struct udp_impair *impair = udp_impair_new(own);
	struct endpoint to, from;
	int at = bound(&to), gone = bound(&from), other = bound(&from);
	char got[8] = "";

	udp_impair_send(impair, gone, &to, "gone", 5);
	udp_impair_send(impair, other, &to, "other", 6);
	udp_impair_forget(impair, gone);
	ck_assert_int_eq(dup2(other, gone), gone);
	RUN_UNTIL(loop, recv(at, got, sizeof got, MSG_DONTWAIT) > 0);
	ck_assert_str_eq(got, "other");
	udp_impair_free(impair);
	net_free(own);
	loop_free(loop);
	close(at);
	close(gone);
	close(other);
}
END_TEST

START_TEST(addresses_and_transports)
{
	static const struct {
		const char *text;
		int n;
	} cases[] = {{"10.0.0.1", 1},
		     {"10.0.0.1 10.1.0.1", 2},
		     {" 10.0.0.1 , 10.1.0.1,", 2},
		     {"::1 ::2", 2},
		     {"10.0.0.1 ::1", 0},
		     {"", 0},
		     {" , ", 0},
		     {"1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4 5.5.5.5", 0},
		     {"x", 0}};
	char why[200];
	struct endpoints at;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int err = endpoints_parse(&at, cases[i].text, 7);
		ck_assert_int_eq(err, cases[i].n ? 0 : KH_E_BAD_FIELD);
		ck_assert(err || at.n == (size_t)cases[i].n);
	}
	ck_ok(endpoints_parse(&at, "10.0.0.1 10.1.0.1", 7));
	ck_err(transport_check(TRANSPORT_TCP, &at, why, sizeof why), KH_E_CONFIG);
	ck_assert_str_eq(why, "transport: tcp: takes one address, only sctp takes several");
	ck_err(transport_check(TRANSPORT_SCTP_UDP, &at, why, sizeof why), KH_E_CONFIG);
	ck_ok(endpoints_parse(&at, "::1", 7));
	ck_ok(transport_check(TRANSPORT_TCP, &at, why, sizeof why));
	ck_err(transport_check(TRANSPORT_SCTP_UDP, &at, why, sizeof why), KH_E_CONFIG);
	if (transport_check(TRANSPORT_SCTP, NULL, why, sizeof why)) {
		ck_assert_ptr_nonnull(strstr(why, "sctp-udp"));
		ck_assert_ptr_nonnull(strstr(why, "tcp"));
	}
}
END_TEST

static void make_pki(void)
{
	test_pki_make(&pki);
}

static void remove_pki(void)
{
	test_pki_remove(&pki);
}

int main(void)
{
	Suite *s = suite_create("transports");
	TCase *each = tcase_create("each");

	tcase_add_unchecked_fixture(each, make_pki, remove_pki);
	tcase_add_checked_fixture(each, NULL, teardown);
	tcase_set_timeout(each, 120);
	tcase_add_loop_test(each, both_ways, 0, TRANSPORTS);
	tcase_add_loop_test(each, with_tls, 0, TRANSPORTS);
	tcase_add_loop_test(each, much, 0, TRANSPORTS);
	tcase_add_loop_test(each, nobody_listens, 0, TRANSPORTS);
	tcase_add_loop_test(each, closed_before_it_is_up, 0, TRANSPORTS);
	tcase_add_loop_test(each, listening_refused, 0, TRANSPORTS);
	tcase_add_loop_test(each, nothing_leaks, 0, TRANSPORTS);
	suite_add_tcase(s, each);
	CHECK_CASE_WITH(s, "sctp-udp", NULL, teardown, a_peer_that_starts_again,
			a_peer_that_is_gone, damaged_on_purpose);
	CHECK_CASE(s, "addresses", addresses_and_transports, late_and_closed);
	return check_main(s);
}
