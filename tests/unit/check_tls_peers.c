/* TLS against peers that are not ours, and peers that speak no TLS. */
#include "tls.h"

#include <string.h>

#include <openssl/ssl.h>

#include "check_main.h"
#include "test_tls.h"

#define ROUNDS 200 /* more than any handshake takes in whole flights */

static struct test_pki pki;

static void setup(void)
{
	test_pki_make(&pki);
}

static void teardown(void)
{
	test_pki_remove(&pki);
}

/* A peer that is not ours: plain OpenSSL on memory BIOs, joined with one of our ends. */
struct stranger {
	SSL_CTX *ctx;
	SSL *ssl;
};

static void stranger_open(struct stranger *s, int version, bool certificate, const char *alpn)
{
	char cert[TEST_PKI_PATH], key[TEST_PKI_PATH];

	test_pki_path(&pki, "mme", ".pem", cert);
	test_pki_path(&pki, "mme", ".key", key);
	s->ctx = SSL_CTX_new(TLS_method());
	SSL_CTX_set_max_proto_version(s->ctx, version);
	if (certificate) {
		ck_assert_int_eq(SSL_CTX_use_certificate_file(s->ctx, cert, SSL_FILETYPE_PEM), 1);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(s->ctx, key, SSL_FILETYPE_PEM), 1);
	}
	s->ssl = SSL_new(s->ctx);
	SSL_set_bio(s->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (alpn)
		SSL_set_alpn_protos(s->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
}

static void stranger_close(struct stranger *s)
{
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
}

static void stranger_run(struct stranger *s, struct tls_end *own)
{
	uint8_t buf[16384];
	const uint8_t *data;
	size_t len;
	int n;

	for (int i = 0; i < ROUNDS; i++) {
		n = SSL_do_handshake(s->ssl) == 1 ? SSL_read(s->ssl, buf, sizeof buf) : 0;
		n = BIO_read(SSL_get_wbio(s->ssl), buf, sizeof buf);
		if (n > 0 && own->result >= 0)
			ck_assert_int_le(tls_feed(own->tls, buf, (size_t)n), 0);
		tls_end_advance(own);
		len = tls_output(own->tls, &data);
		BIO_write(SSL_get_rbio(s->ssl), data, (int)len);
		tls_output_drain(own->tls, len);
	}
}

static const struct {
	int version;
	const char *alpn;
	int want;
} strange_clients[] = {
	{TLS1_3_VERSION, "\x0bkeyhop-s1/1", KH_E_NO_CERTIFICATE},
	{TLS1_2_VERSION, "\x0bkeyhop-s1/1", KH_E_TLS_FAILED},
	{TLS1_3_VERSION, NULL, KH_E_ALPN_MISMATCH},
	{TLS1_3_VERSION, "\x08http/1.1\x02h2", KH_E_ALPN_MISMATCH},
};

START_TEST(strange_client)
{
	struct stranger s;
	struct tls_end server = {0};

	stranger_open(&s, strange_clients[_i].version, false, strange_clients[_i].alpn);
	SSL_set_connect_state(s.ssl);
	tls_end_open(&server, &pki, "mme", "ca", true, TEST_ALPN);
	stranger_run(&s, &server);
	ck_err(server.result, strange_clients[_i].want);
	ck_assert_str_ne(tls_error_text(server.tls), "");
	tls_end_close(&server);
	stranger_close(&s);
}
END_TEST

START_TEST(server_without_protocol)
{
	struct stranger s;
	struct tls_end client = {0};

	stranger_open(&s, TLS1_3_VERSION, true, NULL);
	SSL_set_accept_state(s.ssl);
	tls_end_open(&client, &pki, "enb1", "ca", false, TEST_ALPN);
	stranger_run(&s, &client);
	ck_err(client.result, KH_E_ALPN_MISMATCH);
	tls_end_close(&client);
	stranger_close(&s);
}
END_TEST

START_TEST(old_server)
{
	struct stranger s;
	struct tls_end client = {0};

	stranger_open(&s, TLS1_2_VERSION, true, NULL);
	SSL_set_accept_state(s.ssl);
	tls_end_open(&client, &pki, "enb1", "ca", false, TEST_ALPN);
	stranger_run(&s, &client);
	ck_err(client.result, KH_E_REFUSED_BY_PEER);
	ck_assert_msg(strstr(tls_error_text(client.tls), "protocol version") != NULL, "%s",
		      tls_error_text(client.tls));
	tls_end_close(&client);
	stranger_close(&s);
}
END_TEST

START_TEST(garbage)
{
	static const char *const text[] = {
		"GET / HTTP/1.1\r\nHost: mme\r\n\r\n",
		"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	};
	struct tls_end server = {0};

	tls_end_open(&server, &pki, "mme", "ca", true, TEST_ALPN);
	ck_ok(tls_feed(server.tls, (const uint8_t *)text[_i], strlen(text[_i])));
	ck_err(tls_handshake(server.tls), KH_E_TLS_FAILED);
	ck_assert_str_ne(tls_error_text(server.tls), "");
	tls_end_close(&server);
}
END_TEST

START_TEST(too_much_input)
{
	static uint8_t zeros[1024 * 1024];
	struct tls_end server = {0};

	tls_end_open(&server, &pki, "mme", "ca", true, TEST_ALPN);
	ck_ok(tls_feed(server.tls, zeros, sizeof zeros));
	ck_err(tls_feed(server.tls, zeros, 1), KH_E_TLS_FAILED);
	tls_end_close(&server);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls-peers");
	TCase *tables = tcase_create("tables");

	CHECK_CASE_WITH(s, "strangers", setup, teardown, server_without_protocol, old_server,
			too_much_input);
	tcase_set_timeout(tables, 120);
	tcase_add_checked_fixture(tables, setup, teardown);
	tcase_add_loop_test(tables, strange_client, 0,
			    sizeof strange_clients / sizeof *strange_clients);
	tcase_add_loop_test(tables, garbage, 0, 3);
	suite_add_tcase(s, tables);
	return check_main(s);
}
