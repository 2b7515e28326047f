#include "test_tls.h"

#include "check_main.h"

void tls_end_open(struct tls_end *e, const struct test_pki *pki, const char *leaf, const char *ca,
		  bool server, const char *alpn)
{
	e->context = test_pki_context(pki, leaf, ca, NULL);
	e->tls = tls_new(e->context, server, alpn);
}

void tls_end_close(struct tls_end *e)
{
	tls_free(e->tls);
	tls_context_free(e->context);
}

void tls_pair_open(struct tls_pair *p, const struct test_pki *pki, const char *client,
		   const char *client_ca)
{
	tls_end_open(&p->client, pki, client, client_ca, false, TEST_ALPN);
	tls_end_open(&p->server, pki, "mme", "ca", true, TEST_ALPN);
}

void tls_pair_close(struct tls_pair *p)
{
	tls_end_close(&p->client);
	tls_end_close(&p->server);
}

void tls_end_advance(struct tls_end *e)
{
	int n;

	if (e->result < 0)
		return;
	e->result = tls_handshake(e->tls);
	if (e->result < 1)
		return;
	while ((n = tls_read(e->tls, e->read + e->read_len, sizeof e->read - e->read_len)) > 0)
		e->read_len += (size_t)n;
	if (n < 0)
		e->result = n;
}

bool tls_end_move(struct tls_end *from, struct tls_end *to, size_t most)
{
	const uint8_t *data;
	size_t len = tls_output(from->tls, &data);

	if (len > most)
		len = most;
	if (len > 0 && to->result >= 0)
		ck_assert_int_le(tls_feed(to->tls, data, len), 0);
	tls_output_drain(from->tls, len);
	return len > 0;
}

void tls_pair_run(struct tls_pair *p, size_t most)
{
	bool moved;

	do {
		tls_end_advance(&p->client);
		tls_end_advance(&p->server);
		moved = tls_end_move(&p->client, &p->server, most);
		moved |= tls_end_move(&p->server, &p->client, most);
	} while (moved);
	tls_end_advance(&p->client);
	tls_end_advance(&p->server);
}

void tls_pair_expect_up(const struct tls_pair *p)
{
	ck_assert_msg(p->client.result == 1, "client: %s %s", err_name(p->client.result),
		      tls_error_text(p->client.tls));
	ck_assert_msg(p->server.result == 1, "server: %s %s", err_name(p->server.result),
		      tls_error_text(p->server.tls));
}
