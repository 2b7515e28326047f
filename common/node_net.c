#include "node_net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node.h"

const struct config_word node_transport_words[] = {
	{"tcp", TRANSPORT_TCP}, {"sctp", TRANSPORT_SCTP}, {"sctp-udp", TRANSPORT_SCTP_UDP}, {0}};
const struct config_word node_link_transport_words[] = {{"node", TRANSPORT_OF_NODE},
							{"tcp", TRANSPORT_TCP},
							{"sctp", TRANSPORT_SCTP},
							{"sctp-udp", TRANSPORT_SCTP_UDP},
							{0}};

/* What is said of each kind of notice. */
static const struct {
	const char *topic;
	enum log_level level;
} notices[] = {
	[NOTICE_UP] = {"association.up", LOG_INFO},
	[NOTICE_DOWN] = {"association.down", LOG_INFO},
	[NOTICE_RESTART] = {"association.restart", LOG_WARN},
	[NOTICE_SHUTDOWN] = {"association.shutdown", LOG_INFO},
	[NOTICE_PATH_UP] = {"path.up", LOG_INFO},
	[NOTICE_PATH_DOWN] = {"path.down", LOG_WARN},
};

static void on_notice(void *arg, const struct net_notice *notice)
{
	struct node_event e = {.topic = notices[notice->kind].topic};
	const char *transport = transport_name(notice->transport);
	char peer[ENDPOINT_TEXT_LEN];
	struct node *n = arg;

	endpoint_text(notice->peer, peer);
	snprintf(e.detail, sizeof e.detail, "%s peer=%s", transport, peer);
	log_at(LOG_TUNNEL, notices[notice->kind].level, "%s transport=%s peer=%s", e.topic,
	       transport, peer);
	events_emit(n->events, &e);
}

static void warn_of_impairment(const struct udp_impairment *i)
{
	if (!i->loss && !i->duplicate && !i->reorder && !i->delay_ms)
		return;
	log_warn(LOG_TUNNEL,
		 "lab.udp_impair: what sctp-udp sends is damaged on purpose: loss=%d.%02d%% "
		 "duplicate=%d.%02d%% reorder=%d.%02d%% delay=%ums seed=%u",
		 i->loss / 100, i->loss % 100, i->duplicate / 100, i->duplicate % 100,
		 i->reorder / 100, i->reorder % 100, i->delay_ms, i->seed);
}

#define SAME_ORDER(id) \
	_Static_assert((int)METRIC_UDP_##id == (int)METRIC_UDP_SHORT + (int)NET_UDP_##id, #id);
NET_COUNTERS(SAME_ORDER)
#undef SAME_ORDER

bool node_transport_parse(const char *word, int32_t *out)
{
	for (const struct config_word *w = node_link_transport_words; w->word; w++) {
		if (strcmp(w->word, word) != 0)
			continue;
		*out = w->value;
		return true;
	}
	return false;
}

int node_net_check(const struct node_options *o, char *why, size_t why_len)
{
	const struct net_settings *s = &o->net;

	if (s->rto_min_ms <= s->rto_initial_ms && s->rto_initial_ms <= s->rto_max_ms)
		return 0;
	snprintf(why, why_len,
		 "sctp: rto_min, rto_initial and rto_max must not fall (%u, %u, %u ms)",
		 s->rto_min_ms, s->rto_initial_ms, s->rto_max_ms);
	return KH_E_CONFIG;
}

void node_net_open(struct node *n)
{
	n->net = net_new(n->loop, &n->options->net);
	net_set_observer(n->net, on_notice, n);
	net_set_counts(n->net, &n->metrics.count[METRIC_UDP_SHORT]);
	warn_of_impairment(&n->options->net.impair);
}

static enum transport transport_of(const struct node_options *node, int32_t wanted)
{
	return (enum transport)(wanted == TRANSPORT_OF_NODE ? node->transport : wanted);
}

#define KEY_LEN 64

static const char *key_of(const struct transport_option *o, char out[KEY_LEN])
{
	if (!o->list)
		return o->key;
	snprintf(out, KEY_LEN, "%s.%zu.%s", o->list, o->item, o->key);
	return out;
}

int node_peer(const struct node_options *node, const struct transport_option *o,
	      struct conn_peer *out, char *why, size_t why_len)
{
	char reason[CONFIG_WHY_LEN], key[KEY_LEN];

	*out = (struct conn_peer){.transport = transport_of(node, o->transport),
				  .udp_port = o->udp_port};
	if (endpoints_parse(&out->at, o->address, o->port)) {
		snprintf(why, why_len, "%s: \"%s\" is not an address", key_of(o, key), o->address);
		return KH_E_CONFIG;
	}
	if (transport_check(out->transport, &out->at, reason, sizeof reason)) {
		snprintf(why, why_len, "%s: %s", key_of(o, key), reason);
		return KH_E_CONFIG;
	}
	return 0;
}

int node_listed_peer(const struct node_options *node, const char *list,
		     const struct config_list *peers, size_t i, struct conn_peer *out, char *why,
		     size_t why_len)
{
	const struct peer_option *p = (const struct peer_option *)peers->items + i;
	const struct transport_option o = {.list = list,
					   .item = i,
					   .key = "address",
					   .transport = p->transport,
					   .address = p->address,
					   .port = p->port,
					   .udp_port = p->udp_port};

	return node_peer(node, &o, out, why, why_len);
}

/* The key that both have the same value of, or NULL. */
static const char *same_key(const struct peer_option *a, const struct peer_option *b)
{
	if (a->id == b->id)
		return "id";
	return a->name && b->name && strcmp(a->name, b->name) == 0 ? "name" : NULL;
}

static int check_peer(const char *list, const struct peer_option *all, size_t i, char *why,
		      size_t why_len)
{
	if (all[i].name && !node_name_is_valid(all[i].name)) {
		snprintf(why, why_len, "%s.%zu.name: \"%s\" is not a node name", list, i,
			 all[i].name);
		return KH_E_CONFIG;
	}
	for (size_t j = 0; j < i; j++) {
		const char *key = same_key(&all[i], &all[j]);
		if (!key)
			continue;
		snprintf(why, why_len, "%s.%zu.%s: the same as %s.%zu", list, i, key, list, j);
		return KH_E_CONFIG;
	}
	return 0;
}

int node_peers_check(const struct node_options *node, const char *list,
		     const struct config_list *peers, char *why, size_t why_len)
{
	struct conn_peer at;
	int err = 0;

	for (size_t i = 0; i < peers->n && !err; i++) {
		err = check_peer(list, peers->items, i, why, why_len);
		if (!err)
			err = node_listed_peer(node, list, peers, i, &at, why, why_len);
	}
	return err;
}

int node_listen(struct node *n, const struct transport_option *o, listener_accept_fn *fn,
		struct listener **out, char *why, size_t why_len)
{
	char key[KEY_LEN];
	struct conn_peer at;
	int err = node_peer(n->options, o, &at, why, why_len);

	if (err)
		return err;
	err = listener_open(out, n->net, at.transport, &at.at, fn, n);
	if (err)
		snprintf(why, why_len, "%s: %s port %u: cannot listen: %s", key_of(o, key),
			 o->address, o->port, strerror(errno));
	return err;
}
