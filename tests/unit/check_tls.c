#include "tls.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "check_main.h"
#include "test_pki.h"

#define ALPN "keyhop-s1/1"
#define ROUNDS 200 /* more than any handshake takes in whole flights */

static struct test_pki pki;

/* One end: a connection, how far it got, and what it read. */
struct end {
	struct tls_context *context;
	struct tls *tls;
	int result; /* of the handshake, then KH_E_* of the first error */
	uint8_t read[256];
	size_t read_len;
};

struct pair {
	struct end client, server;
};

static void setup(void)
{
	test_pki_make(&pki);
}

static void teardown(void)
{
	test_pki_remove(&pki);
}

static void end_open(struct end *e, const char *leaf, const char *ca, bool server, const char *alpn)
{
	e->context = test_pki_context(&pki, leaf, ca, NULL);
	e->tls = tls_new(e->context, server, alpn);
}

static void end_close(struct end *e)
{
	tls_free(e->tls);
	tls_context_free(e->context);
}

static void pair_open(struct pair *p, const char *client, const char *client_ca)
{
	end_open(&p->client, client, client_ca, false, ALPN);
	end_open(&p->server, "mme", "ca", true, ALPN);
}

static void pair_close(struct pair *p)
{
	end_close(&p->client);
	end_close(&p->server);
}

static void advance(struct end *e)
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

/* Moves at most `most` octets; true when there were any. */
static bool move(struct end *from, struct end *to, size_t most)
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

static void run(struct pair *p, size_t most)
{
	bool moved;

	do {
		advance(&p->client);
		advance(&p->server);
		moved = move(&p->client, &p->server, most);
		moved |= move(&p->server, &p->client, most);
	} while (moved);
	advance(&p->client);
	advance(&p->server);
}

static void expect_both_up(const struct pair *p)
{
	ck_assert_msg(p->client.result == 1, "client: %s %s", err_name(p->client.result),
		      tls_error_text(p->client.tls));
	ck_assert_msg(p->server.result == 1, "server: %s %s", err_name(p->server.result),
		      tls_error_text(p->server.tls));
}

START_TEST(good_pair)
{
	struct pair p = {0};

	pair_open(&p, "enb1", "ca");
	ck_assert_str_eq(tls_peer_identity(p.client.tls), "");
	run(&p, SIZE_MAX);
	expect_both_up(&p);
	ck_assert_str_eq(tls_peer_identity(p.client.tls), "keyhop:mme:mme1");
	ck_assert_str_eq(tls_peer_identity(p.server.tls), "keyhop:enb:00101-1");
	ck_assert_str_eq(tls_error_text(p.server.tls), "");
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"ping", 4));
	ck_ok(tls_write(p.server.tls, (const uint8_t *)"pong!", 5));
	run(&p, SIZE_MAX);
	ck_assert_mem_eq(p.server.read, "ping", 4);
	ck_assert_mem_eq(p.client.read, "pong!", 5);
	pair_close(&p);
}
END_TEST

START_TEST(octet_by_octet)
{
	struct pair p = {0};

	pair_open(&p, "enb2", "ca");
	run(&p, 1);
	expect_both_up(&p);
	ck_assert_str_eq(tls_peer_identity(p.server.tls), "keyhop:enb:00101-2");
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"slowly", 6));
	run(&p, 1);
	ck_assert_uint_eq(p.server.read_len, 6);
	ck_assert_mem_eq(p.server.read, "slowly", 6);
	pair_close(&p);
}
END_TEST

START_TEST(one_write_few_records)
{
	static uint8_t data[40000];
	const uint8_t *out;
	struct pair p = {0};

	pair_open(&p, "enb1", "ca");
	run(&p, SIZE_MAX);
	ck_ok(tls_write(p.client.tls, data, sizeof data));
	/* Three records of at most 16 KiB, 22 octets more each. */
	ck_assert_uint_eq(tls_output(p.client.tls, &out), sizeof data + 3 * 22);
	ck_ok(tls_write(p.client.tls, NULL, 0));
	ck_assert_uint_eq(tls_output(p.client.tls, &out), sizeof data + 3 * 22);
	pair_close(&p);
}
END_TEST

START_TEST(close_notify)
{
	struct pair p = {0};

	pair_open(&p, "enb1", "ca");
	run(&p, SIZE_MAX);
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"bye", 3));
	tls_shutdown(p.client.tls);
	run(&p, SIZE_MAX);
	ck_assert_uint_eq(p.server.read_len, 3);
	ck_err(p.server.result, KH_E_LINK_LOST);
	ck_assert_str_eq(tls_error_text(p.server.tls), "closed by the peer");
	ck_err(tls_write(p.server.tls, (const uint8_t *)"x", 1), KH_E_LINK_LOST);
	pair_close(&p);
}
END_TEST

START_TEST(nothing_before_the_handshake)
{
	struct pair p = {0};
	uint8_t octet = 0;

	pair_open(&p, "enb1", "ca");
	ck_assert_int_eq(tls_read(p.server.tls, &octet, 1), 0);
	ck_err(tls_write(p.server.tls, &octet, 1), KH_E_INTERNAL);
	tls_shutdown(p.server.tls);
	run(&p, SIZE_MAX);
	expect_both_up(&p);
	pair_close(&p);
}
END_TEST

static const struct {
	const char *leaf, *ca; /* of the client */
	int server, client;
	const char *told; /* to the client, by the server's alert */
} refused[] = {
	{"foreign", "ca", KH_E_UNKNOWN_CA, KH_E_REFUSED_BY_PEER, "unknown ca"},
	{"expired", "ca", KH_E_CERTIFICATE_EXPIRED, KH_E_REFUSED_BY_PEER, "certificate expired"},
	{"future", "ca", KH_E_CERTIFICATE_EXPIRED, KH_E_REFUSED_BY_PEER, "bad certificate"},
	{"server", "ca", KH_E_CERTIFICATE_INVALID, KH_E_REFUSED_BY_PEER, "unsupported certificate"},
	{"enb1", "foreign-ca", KH_E_REFUSED_BY_PEER, KH_E_UNKNOWN_CA, NULL},
};

START_TEST(certificates_refused)
{
	struct pair p = {0};

	pair_open(&p, refused[_i].leaf, refused[_i].ca);
	run(&p, SIZE_MAX);
	ck_err(p.server.result, refused[_i].server);
	ck_err(p.client.result, refused[_i].client);
	if (refused[_i].told)
		ck_assert_msg(strstr(tls_error_text(p.client.tls), refused[_i].told) != NULL, "%s",
			      tls_error_text(p.client.tls));
	ck_assert_str_ne(tls_error_text(p.server.tls), "");
	/* An error stays. */
	ck_err(tls_handshake(p.server.tls), refused[_i].server);
	ck_err(tls_feed(p.server.tls, (const uint8_t *)"", 1), refused[_i].server);
	pair_close(&p);
}
END_TEST

START_TEST(late_alert_has_a_name)
{
	struct pair p = {0};

	/* The client is done before the server has seen its certificate. */
	pair_open(&p, "foreign", "ca");
	advance(&p.client);
	move(&p.client, &p.server, SIZE_MAX);
	advance(&p.server);
	move(&p.server, &p.client, SIZE_MAX);
	advance(&p.client);
	ck_assert_int_eq(p.client.result, 1);
	ck_assert_int_eq(p.server.result, 0);
	run(&p, SIZE_MAX);
	ck_err(p.server.result, KH_E_UNKNOWN_CA);
	ck_err(p.client.result, KH_E_REFUSED_BY_PEER);
	pair_close(&p);
}
END_TEST

START_TEST(names_refused)
{
	static const char *const leaf[] = {"nameless", "two", "nul", "long"};
	struct pair p = {0};

	pair_open(&p, leaf[_i], "ca");
	run(&p, SIZE_MAX);
	expect_both_up(&p);
	ck_assert_str_eq(tls_peer_identity(p.server.tls), "");
	pair_close(&p);
}
END_TEST

START_TEST(other_protocol)
{
	struct pair p = {0};

	end_open(&p.client, "enb1", "ca", false, "keyhop-x2/1");
	end_open(&p.server, "mme", "ca", true, ALPN);
	run(&p, SIZE_MAX);
	ck_err(p.server.result, KH_E_ALPN_MISMATCH);
	ck_err(p.client.result, KH_E_REFUSED_BY_PEER);
	ck_assert_msg(strstr(tls_error_text(p.client.tls), "no application protocol") != NULL, "%s",
		      tls_error_text(p.client.tls));
	pair_close(&p);
}
END_TEST

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

static void stranger_run(struct stranger *s, struct end *own)
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
		advance(own);
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
	struct end server = {0};

	stranger_open(&s, strange_clients[_i].version, false, strange_clients[_i].alpn);
	SSL_set_connect_state(s.ssl);
	end_open(&server, "mme", "ca", true, ALPN);
	stranger_run(&s, &server);
	ck_err(server.result, strange_clients[_i].want);
	ck_assert_str_ne(tls_error_text(server.tls), "");
	end_close(&server);
	stranger_close(&s);
}
END_TEST

START_TEST(server_without_protocol)
{
	struct stranger s;
	struct end client = {0};

	stranger_open(&s, TLS1_3_VERSION, true, NULL);
	SSL_set_accept_state(s.ssl);
	end_open(&client, "enb1", "ca", false, ALPN);
	stranger_run(&s, &client);
	ck_err(client.result, KH_E_ALPN_MISMATCH);
	end_close(&client);
	stranger_close(&s);
}
END_TEST

START_TEST(old_server)
{
	struct stranger s;
	struct end client = {0};

	stranger_open(&s, TLS1_2_VERSION, true, NULL);
	SSL_set_accept_state(s.ssl);
	end_open(&client, "enb1", "ca", false, ALPN);
	stranger_run(&s, &client);
	ck_err(client.result, KH_E_REFUSED_BY_PEER);
	ck_assert_msg(strstr(tls_error_text(client.tls), "protocol version") != NULL, "%s",
		      tls_error_text(client.tls));
	end_close(&client);
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
	struct end server = {0};

	end_open(&server, "mme", "ca", true, ALPN);
	ck_ok(tls_feed(server.tls, (const uint8_t *)text[_i], strlen(text[_i])));
	ck_err(tls_handshake(server.tls), KH_E_TLS_FAILED);
	ck_assert_str_ne(tls_error_text(server.tls), "");
	end_close(&server);
}
END_TEST

/* A flipped bit anywhere ends the connection, never in a crash and never in other plaintext. */
START_TEST(damage_is_noticed)
{
	const uint8_t *data;
	uint8_t record[64];
	struct pair p = {0};
	size_t len;

	pair_open(&p, "enb1", "ca");
	run(&p, SIZE_MAX);
	ck_ok(tls_write(p.client.tls, (const uint8_t *)"0123456789abcdef", 16));
	len = tls_output(p.client.tls, &data);
	ck_assert_uint_le(len, sizeof record);
	memcpy(record, data, len);
	record[5 + (unsigned)_i] ^= 0x10;
	ck_ok(tls_feed(p.server.tls, record, len));
	advance(&p.server);
	ck_err(p.server.result, KH_E_TLS_FAILED);
	ck_assert_uint_eq(p.server.read_len, 0);
	pair_close(&p);
}
END_TEST

START_TEST(too_much_input)
{
	static uint8_t zeros[1024 * 1024];
	struct end server = {0};

	end_open(&server, "mme", "ca", true, ALPN);
	ck_ok(tls_feed(server.tls, zeros, sizeof zeros));
	ck_err(tls_feed(server.tls, zeros, 1), KH_E_TLS_FAILED);
	end_close(&server);
}
END_TEST

static int open_context(const char *ca, const char *cert, const char *key, const char *keylog,
			char why[200])
{
	struct tls_settings s = {.ca = ca, .cert = cert, .key = key, .keylog = keylog};
	struct tls_context *context = NULL;
	int err = tls_context_new(&context, &s, why, 200);

	tls_context_free(err == 0 ? context : NULL);
	return err;
}

START_TEST(files_refused)
{
	char ca[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH], other[TEST_PKI_PATH];
	char why[200];

	test_pki_path(&pki, "ca", ".pem", ca);
	test_pki_path(&pki, "enb1", ".pem", cert);
	test_pki_path(&pki, "enb1", ".key", key);
	test_pki_path(&pki, "enb2", ".key", other);
	ck_ok(open_context(ca, cert, key, NULL, why));
	ck_err(open_context("/nonexistent", cert, key, NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "/nonexistent"));
	ck_err(open_context(ca, "/nonexistent", key, NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "/nonexistent: No such file"));
	ck_err(open_context(ca, cert, "/nonexistent", NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "/nonexistent: No such file"));
	ck_err(open_context(ca, key, key, NULL, why), KH_E_CONFIG);
	ck_err(open_context(ca, cert, cert, NULL, why), KH_E_CONFIG);
	ck_err(open_context(ca, cert, other, NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "mismatch"));
	ck_err(open_context(NULL, cert, key, NULL, why), KH_E_CONFIG);
	ck_assert_int_eq(chmod(key, 0644), 0);
	ck_err(open_context(ca, cert, key, NULL, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "others may read it"));
	ck_assert_int_eq(chmod(key, 0640), 0);
	ck_ok(open_context(ca, cert, key, NULL, why));
}
END_TEST

START_TEST(key_log)
{
	char path[TEST_PKI_PATH], line[512];
	struct pair p = {0};
	struct stat st;
	int lines = 0;
	FILE *f;

	test_pki_path(&pki, "keys", ".log", path);
	p.client.context = test_pki_context(&pki, "enb1", "ca", path);
	p.client.tls = tls_new(p.client.context, false, ALPN);
	end_open(&p.server, "mme", "ca", true, ALPN);
	run(&p, SIZE_MAX);
	expect_both_up(&p);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f)) {
		ck_assert_int_eq(line[strlen(line) - 1], '\n');
		lines++;
	}
	fclose(f);
	ck_assert_int_ge(lines, 4);
	pair_close(&p);
}
END_TEST

START_TEST(key_log_refused)
{
	char ca[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH], path[TEST_PKI_PATH];
	char why[200];
	int fd;

	test_pki_path(&pki, "ca", ".pem", ca);
	test_pki_path(&pki, "enb1", ".pem", cert);
	test_pki_path(&pki, "enb1", ".key", key);
	test_pki_path(&pki, "keys", ".log", path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, 0640), 0);
	ck_err(open_context(ca, cert, key, path, why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, path));
	ck_assert_int_eq(fchmod(fd, 0600), 0);
	ck_ok(open_context(ca, cert, key, path, why));
	close(fd);
	ck_err(open_context(ca, cert, key, "/dev/null", why), KH_E_CONFIG);
	ck_err(open_context(ca, cert, key, "/nonexistent/keys", why), KH_E_CONFIG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls");
	TCase *tables = tcase_create("refused");

	CHECK_CASE_WITH(s, "pair", setup, teardown, good_pair, octet_by_octet,
			one_write_few_records, close_notify, nothing_before_the_handshake,
			late_alert_has_a_name, other_protocol);
	CHECK_CASE_WITH(s, "strangers", setup, teardown, server_without_protocol, old_server,
			too_much_input);
	CHECK_CASE_WITH(s, "files", setup, teardown, files_refused, key_log, key_log_refused);
	tcase_set_timeout(tables, 120);
	tcase_add_checked_fixture(tables, setup, teardown);
	tcase_add_loop_test(tables, certificates_refused, 0, sizeof refused / sizeof *refused);
	tcase_add_loop_test(tables, names_refused, 0, 4);
	tcase_add_loop_test(tables, strange_client, 0,
			    sizeof strange_clients / sizeof *strange_clients);
	tcase_add_loop_test(tables, garbage, 0, 3);
	tcase_add_loop_test(tables, damage_is_noticed, 0, 17 + 16);
	suite_add_tcase(s, tables);
	return check_main(s);
}
