/* A server's and a client's link on 127.0.0.1, over TCP or another transport, with TLS if asked for. */
#ifndef KEYHOP_TEST_NET_H
#define KEYHOP_TEST_NET_H

#include "test_link.h"
#include "test_pki.h"

#define TEST_ALPN "keyhop-s1/1"

struct test_net {
	enum transport transport;
	struct net_settings settings;
	struct loop *loop;
	struct net *net;
	struct listener *listener;
	struct tls_context *server_tls, *client_tls;
	struct link_settings server_settings, client_settings;
	struct test_end server, client;
};

/* Over `net->transport`, with `net->settings`; UDP on a port that is free. */
void test_net_open(struct test_net *net);
/* Where the server listens. */
struct conn_peer test_net_server(const struct test_net *net);
void test_net_close(struct test_net *net);
/* TLS from now on: the server is mme, the client `client_leaf`. */
void test_net_set_tls(struct test_net *net, const struct test_pki *pki, const char *client_leaf);
void test_net_connect(struct test_net *net);
void test_net_both_up(struct test_net *net);
uint16_t test_net_free_udp_port(void);
/* A plain socket connected to the server. */
int test_net_connect_raw(struct test_net *net);
/* A socket that listens and never accepts; its queue holds one connection. */
int test_net_deaf(struct endpoint *ep);

#endif
