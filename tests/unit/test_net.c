#include "test_net.h"

#include <unistd.h>

#include "check_main.h"
#include "tls.h"

static void on_accept(void *arg, struct conn *c, const struct endpoint *peer)
{
	struct test_net *net = arg;

	net->server.link = link_accept(&net->server_settings, c, peer);
}

uint16_t test_net_free_udp_port(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct endpoint ep;

	ck_ok(endpoint_parse(&ep, "127.0.0.1", 0));
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&ep.addr, ep.len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ep.addr, &ep.len), 0);
	close(fd);
	return endpoint_port(&ep);
}

void test_net_open(struct test_net *net)
{
	struct link_settings common = {.alpn = TEST_ALPN, .ops = &test_end_ops};
	struct endpoints any;

	net->loop = loop_new();
	ck_assert_ptr_nonnull(net->loop);
	if (net->transport == TRANSPORT_SCTP_UDP)
		net->settings.udp_port = test_net_free_udp_port();
	net->net = net_new(net->loop, &net->settings);
	common.net = net->net;
	net->server_settings = common;
	net->server_settings.owner = &net->server;
	net->client_settings = common;
	net->client_settings.owner = &net->client;
	ck_ok(endpoints_parse(&any, "127.0.0.1", 0));
	ck_ok(listener_open(&net->listener, net->net, net->transport, &any, on_accept, net));
}

void test_net_close(struct test_net *net)
{
	if (net->server.link)
		link_close(net->server.link);
	if (net->client.link)
		link_close(net->client.link);
	listener_close(net->listener);
	net_free(net->net);
	loop_free(net->loop);
	test_end_clear(&net->server);
	test_end_clear(&net->client);
	tls_context_free(net->server_tls);
	tls_context_free(net->client_tls);
}

void test_net_set_tls(struct test_net *net, const struct test_pki *pki, const char *client_leaf)
{
	net->server_tls = test_pki_context(pki, "mme", "ca", NULL);
	net->client_tls = test_pki_context(pki, client_leaf, "ca", NULL);
	net->server_settings.tls = net->server_tls;
	net->client_settings.tls = net->client_tls;
}

struct conn_peer test_net_server(const struct test_net *net)
{
	return (struct conn_peer){.transport = net->transport,
				  .at = {.at = {*listener_endpoint(net->listener)}, .n = 1}};
}

void test_net_connect(struct test_net *net)
{
	const struct conn_peer server = test_net_server(net);

	ck_ok(link_connect(&net->client.link, &net->client_settings, &server, NULL));
	ck_assert(!link_is_up(net->client.link));
}

void test_net_both_up(struct test_net *net)
{
	test_net_connect(net);
	RUN_UNTIL(net->loop, net->client.ups && net->server.ups);
}

int test_net_connect_raw(struct test_net *net)
{
	const struct endpoint *ep = listener_endpoint(net->listener);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&ep->addr, ep->len), 0);
	RUN_UNTIL(net->loop, net->server.link);
	return fd;
}

int test_net_deaf(struct endpoint *ep)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_ok(endpoint_parse(ep, "127.0.0.1", 0));
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&ep->addr, ep->len), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ep->addr, &ep->len), 0);
	return fd;
}
