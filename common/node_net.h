/* A node's transports: the options, who may be reached how, and what SCTP says of its associations. */
#ifndef KEYHOP_NODE_NET_H
#define KEYHOP_NODE_NET_H

#include "config.h"
#include "conn.h"
#include "ids.h"

struct node;
struct node_options;

#define TRANSPORT_OF_NODE (-1) /* an option that was left out */
extern const struct config_word node_transport_words[], node_link_transport_words[];

/* A listener or a peer as the configuration has it. */
struct transport_option {
	const char *key; /* "s1.listen", for errors */
	const char *list; /* "s1.listeners": `key` is of its item `item`; NULL: of no list */
	size_t item;
	int32_t transport; /* or TRANSPORT_OF_NODE */
	const char *address; /* one, or several */
	uint16_t port, udp_port;
};

/* An item of a list of peers: neighbours of an eNodeB, cells of a ued. */
struct peer_option {
	uint32_t id; /* eNB_ID */
	char *name; /* NULL: none was given */
	char *address;
	uint16_t port, udp_port;
	int32_t transport;
};

/* The value of one of the latter's words; false when it is none. */
bool node_transport_parse(const char *word, int32_t *out);
/* Do options that every transport has fit together? KH_E_CONFIG with `why`. */
int node_net_check(const struct node_options *o, char *why, size_t why_len) KH_MUST_CHECK;
/* Opens what the transports share. */
void node_net_open(struct node *n);
/* Checks and fills `out`; `node` has the transport of links that say nothing else. KH_E_CONFIG with `why`: no address, or
 * a transport that cannot be used here. */
int node_peer(const struct node_options *node, const struct transport_option *o,
	      struct conn_peer *out, char *why, size_t why_len) KH_MUST_CHECK;
/* The same of item `i` of `peers`, a list of struct peer_option that the configuration calls `list`. */
int node_listed_peer(const struct node_options *node, const char *list,
		     const struct config_list *peers, size_t i, struct conn_peer *out, char *why,
		     size_t why_len) KH_MUST_CHECK;
/* Has each of them a name and an address that are right, and an id and a name that no other has? KH_E_CONFIG with
 * `why`. */
int node_peers_check(const struct node_options *node, const char *list,
		     const struct config_list *peers, char *why, size_t why_len) KH_MUST_CHECK;
/* Listens as `o` says. KH_E_CONFIG or KH_E_CANNOT_CONNECT, with `why`. */
int node_listen(struct node *n, const struct transport_option *o, listener_accept_fn *fn,
		struct listener **out, char *why, size_t why_len) KH_MUST_CHECK;

#define TRANSPORT_ROW(name, at) \
	{ \
		.key = (name), .type = CONFIG_ENUM, .offset = (at), .def = "node", \
		.words = node_link_transport_words, .help = "node: that of the node" \
	}
#define UDP_PORT_ROW(name, at) \
	{ \
		.key = (name), .type = CONFIG_PORT, .offset = (at), .def = "0", \
		.help = "its port of SCTP in UDP; 0: sctp.udp_port with sctp-udp, no UDP with " \
			"sctp" \
	}

#define PEER_OPT(member) offsetof(struct peer_option, member)
#define PEER_ROWS(interface, preset_port) \
	{.key = "id", \
	 .type = CONFIG_U32, \
	 .offset = PEER_OPT(id), \
	 .required = true, \
	 .min = 1, \
	 .max = ENB_ID_MAX, \
	 .help = "eNB_ID"}, \
		{.key = "address", \
		 .type = CONFIG_STRING, \
		 .offset = PEER_OPT(address), \
		 .required = true, \
		 .help = "address of its " interface "; with sctp up to four"}, \
		{.key = "port", \
		 .type = CONFIG_PORT, \
		 .offset = PEER_OPT(port), \
		 .def = (preset_port), \
		 .help = "port of its " interface}, \
		TRANSPORT_ROW("transport", PEER_OPT(transport)), \
		UDP_PORT_ROW("udp_port", PEER_OPT(udp_port)), \
	{ \
		.key = "name", .type = CONFIG_STRING, .offset = PEER_OPT(name), \
		.help = "node name" \
	}

#define NET_MS_ROW(name, member, preset, least, most, text) \
	{ \
		.key = (name), .type = CONFIG_DURATION, .offset = NODE_OPT(net.member), \
		.def = (preset), .min = (least), .max = (most), .help = (text) \
	}
#define NET_COUNT_ROW(name, member, preset, text) \
	{ \
		.key = (name), .type = CONFIG_U32, .offset = NODE_OPT(net.member), \
		.def = (preset), .min = 1, .max = 100, .help = (text) \
	}
#define NET_PER_CENT_ROW(name, member, text) \
	{ \
		.key = (name), .type = CONFIG_CDB, .offset = NODE_OPT(net.impair.member), \
		.def = "0", .min = 0, .max = 10000, .help = (text) \
	}
#define NODE_NET_ROWS \
	{.key = "transport", \
	 .type = CONFIG_ENUM, \
	 .offset = NODE_OPT(transport), \
	 .def = "tcp", \
	 .words = node_transport_words, \
	 .help = "of all links that say nothing else: tcp, sctp (the kernel's) or sctp-udp"}, \
		NET_MS_ROW("tcp.user_timeout", tcp_user_timeout_ms, "4s", 1000, 600000, \
			   "octets that TCP has not acknowledged for so long end a connection"), \
		NET_MS_ROW("sctp.rto_initial", rto_initial_ms, "300ms", 10, 60000, \
			   "first retransmission time-out of SCTP"), \
		NET_MS_ROW("sctp.rto_min", rto_min_ms, "100ms", 10, 60000, \
			   "least retransmission time-out of SCTP"), \
		NET_MS_ROW("sctp.rto_max", rto_max_ms, "500ms", 10, 60000, \
			   "greatest retransmission time-out of SCTP"), \
		NET_MS_ROW("sctp.heartbeat", heartbeat_ms, "200ms", 50, 600000, \
			   "silence of a path after which it is probed"), \
		NET_COUNT_ROW("sctp.path_retransmissions", path_retransmissions, "2", \
			      "unanswered packets after which a path is down"), \
		NET_COUNT_ROW("sctp.association_retransmissions", association_retransmissions, \
			      "4", "unanswered packets after which an association has ended"), \
		{.key = "sctp.udp_port", \
		 .type = CONFIG_PORT, \
		 .offset = NODE_OPT(net.udp_port), \
		 .def = "9899", \
		 .min = 1, \
		 .max = 65535, \
		 .help = "UDP port of sctp-udp, here and at peers that name none"}, \
		NET_PER_CENT_ROW("lab.udp_impair.loss", loss, \
				 "per cent of the datagrams of sctp-udp that are not sent"), \
		NET_PER_CENT_ROW("lab.udp_impair.duplicate", duplicate, \
				 "per cent of the datagrams that are sent twice"), \
		NET_PER_CENT_ROW("lab.udp_impair.reorder", reorder, \
				 "per cent of the datagrams that are sent after the next"), \
		NET_MS_ROW("lab.udp_impair.delay", impair.delay_ms, "0ms", 0, 10000, \
			   "all datagrams are late by this"), \
		{.key = "lab.udp_impair.seed", \
		 .type = CONFIG_U32, \
		 .offset = NODE_OPT(net.impair.seed), \
		 .def = "1", \
		 .max = UINT32_MAX, \
		 .help = "seed of the random numbers that choose"},

#endif
