/* Where S1 is listened for: s1.listen, and s1.listeners with other addresses and transports. */
#include <stdio.h>

#include <jansson.h>

#include "mme.h"

/* The `i`-th of them; false when there is none. */
static bool listener_at(const struct mme_options *opt, size_t i, struct transport_option *out)
{
	const struct listener_option *more = opt->s1_listeners.items;

	if (opt->s1_listen && i-- == 0) {
		*out = (struct transport_option){.key = "s1.listen",
						 .transport = opt->s1_transport,
						 .address = opt->s1_listen,
						 .port = opt->s1_port};
		return true;
	}
	if (i >= opt->s1_listeners.n)
		return false;
	*out = (struct transport_option){.list = "s1.listeners",
					 .item = i,
					 .key = "listen",
					 .transport = more[i].transport,
					 .address = more[i].address,
					 .port = more[i].port};
	return true;
}

int s1_listen_check(const struct mme_options *opt, char *why, size_t why_len)
{
	struct transport_option o;
	struct conn_peer at;
	int err = 0;

	if (!listener_at(opt, 0, &o)) {
		snprintf(why, why_len, "s1: listen or listeners is missing");
		return KH_E_CONFIG;
	}
	for (size_t i = 0; listener_at(opt, i, &o) && !err; i++)
		err = node_peer(&opt->node, &o, &at, why, why_len);
	return err;
}

int s1_listen(struct mme *m, char *why, size_t why_len)
{
	struct transport_option o;
	int err = 0;

	for (size_t i = 0; listener_at(&m->opt, i, &o) && !err; i++) {
		err = node_listen(&m->node, &o, s1_accept, &m->s1[i], why, why_len);
		m->n_s1 += !err;
	}
	return err;
}

void s1_listen_end(struct mme *m)
{
	while (m->n_s1 > 0)
		listener_close(m->s1[--m->n_s1]);
}

json_t *s1_listeners_json(const struct mme *m)
{
	json_t *out = json_array();
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < m->n_s1; i++) {
		endpoint_text(listener_endpoint(m->s1[i]), text);
		json_array_append_new(out, json_pack("{s:s, s:s}", "address", text, "transport",
						     transport_name(listener_transport(m->s1[i]))));
	}
	return out;
}
