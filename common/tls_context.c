#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

#include "file.h"
#include "log.h"
#include "mem.h"
#include "tls_internal.h"

#define VERIFY_DEPTH 4
#define CERT_LIST_MAX (16 * 1024)
#define KEYLOG_LINE_MAX 512
#define PEM_FILE_MAX (4LL * 1024 * 1024)

/* Our own BIO and not BIO_s_mem(), which keeps the size of its worst moment as long as it lives. */
static int bio_write(BIO *bio, const char *data, int len)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len > 0)
		buf_append(&t->out, data, (size_t)len);
	return len;
}

static int bio_read(BIO *bio, char *out, int len)
{
	struct tls *t = BIO_get_data(bio);
	size_t n = t->in.len;

	BIO_clear_retry_flags(bio);
	if (n == 0 || len <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n > (size_t)len)
		n = (size_t)len;
	memcpy(out, buf_data(&t->in), n);
	buf_drain(&t->in, n);
	return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *new_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "keyhop");

	if (!method)
		x_out_of_memory();
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_ctrl(method, bio_ctrl);
	return method;
}

/* Called only when the client names protocols; on_client_hello() sees to it that it does. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned in_len, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);
	size_t own = strlen(t->alpn);

	(void)arg;
	for (unsigned i = 0; i < in_len && in[i] < in_len - i; i += 1U + in[i]) {
		if (in[i] != own || memcmp(in + i + 1, t->alpn, own) != 0)
			continue;
		*out = in + i + 1;
		*out_len = in[i];
		return SSL_TLSEXT_ERR_OK;
	}
	t->cause = KH_E_ALPN_MISMATCH;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);
	const unsigned char *ext;
	size_t len;

	(void)arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &ext,
				      &len) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	t->cause = KH_E_ALPN_MISMATCH;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

/* One write() a line: several nodes may share the file. */
static void on_keylog(const SSL *ssl, const char *line)
{
	const struct tls_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	char buf[KEYLOG_LINE_MAX];
	int len = snprintf(buf, sizeof buf, "%s\n", line);

	if (len > 0 && (size_t)len < sizeof buf && write(c->keylog_fd, buf, (size_t)len) != len)
		log_warn(LOG_TUNNEL, "TLS key log: %s", strerror(errno));
	OPENSSL_cleanse(buf, sizeof buf);
}

/* Without it OpenSSL asks the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static void set_policy(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_verify_depth(ctx, VERIFY_DEPTH);
	SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
}

static const char *library_reason(void)
{
	unsigned long e = ERR_peek_error();
	const char *reason;

	if (ERR_SYSTEM_ERROR(e))
		return strerror(ERR_GET_REASON(e));
	reason = ERR_reason_error_string(e);
	return reason ? reason : "cannot be used";
}

static int refuse(char *why, size_t why_len, const char *key, const char *path, const char *reason)
{
	snprintf(why, why_len, "%s: %s: %s", key, path ? path : "(none)", reason);
	ERR_clear_error();
	return KH_E_CONFIG;
}

static bool others_may_read(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0;
}

/* OpenSSL opens by name, and would wait for whoever writes to a FIFO. */
static int check_files(const struct tls_settings *s, char *why, size_t why_len)
{
	const struct {
		const char *key, *path;
	} files[] = {{"tls.ca", s->ca}, {"tls.cert", s->cert}, {"tls.key", s->key}};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		const char *reason =
			files[i].path ? file_refusal(files[i].path, PEM_FILE_MAX) : NULL;
		if (reason)
			return refuse(why, why_len, files[i].key, files[i].path, reason);
	}
	return 0;
}

static int load_files(SSL_CTX *ctx, const struct tls_settings *s, char *why, size_t why_len)
{
	int err = check_files(s, why, why_len);

	if (err)
		return err;
	ERR_clear_error();
	if (!s->ca || SSL_CTX_load_verify_file(ctx, s->ca) != 1)
		return refuse(why, why_len, "tls.ca", s->ca, library_reason());
	if (!s->cert || SSL_CTX_use_certificate_chain_file(ctx, s->cert) != 1)
		return refuse(why, why_len, "tls.cert", s->cert, library_reason());
	if (!s->key || SSL_CTX_use_PrivateKey_file(ctx, s->key, SSL_FILETYPE_PEM) != 1)
		return refuse(why, why_len, "tls.key", s->key, library_reason());
	if (SSL_CTX_check_private_key(ctx) != 1)
		return refuse(why, why_len, "tls.key", s->key, library_reason());
	if (others_may_read(s->key))
		return refuse(why, why_len, "tls.key", s->key, "others may read it");
	return 0;
}

/* NULL, or why this is no file for secrets. */
static const char *keylog_refusal(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return "others may read it (wanted: mode 0600)";
	return NULL;
}

static int open_keylog(struct tls_context *c, const char *path, char *why, size_t why_len)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	const char *refusal;

	c->keylog_fd = open(path, flags, 0600);
	if (c->keylog_fd < 0)
		return refuse(why, why_len, "tls_keylog", path, strerror(errno));
	refusal = keylog_refusal(c->keylog_fd);
	if (refusal)
		return refuse(why, why_len, "tls_keylog", path, refusal);
	log_warn(LOG_TUNNEL, "file=%s TLS keys are written to a file: for the lab only", path);
	return 0;
}

int tls_context_make(struct tls_context *c, const struct tls_settings *s, SSL_CTX **out, char *why,
		     size_t why_len)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (!ctx)
		x_out_of_memory();
	SSL_CTX_set_app_data(ctx, c);
	set_policy(ctx);
	tls_trust_init(c, ctx);
	if (c->keylog_fd >= 0)
		SSL_CTX_set_keylog_callback(ctx, on_keylog);
	int err = load_files(ctx, s, why, why_len);
	if (err)
		SSL_CTX_free(ctx);
	else
		*out = ctx;
	return err;
}

static int open_crl(struct tls_context *c, const char *path, char *why, size_t why_len)
{
	char reason[200];

	if (tls_context_load_crl(c, path, reason, sizeof reason) == 0)
		return 0;
	snprintf(why, why_len, "tls.crl: %s", reason);
	return KH_E_CONFIG;
}

int tls_context_new(struct tls_context **out, const struct tls_settings *s, char *why,
		    size_t why_len)
{
	struct tls_context *c = x_calloc(1, sizeof *c);
	int err = 0;

	c->keylog_fd = -1;
	c->bio = new_bio_method();
	if (s->keylog)
		err = open_keylog(c, s->keylog, why, why_len);
	if (!err)
		err = tls_context_make(c, s, &c->ctx, why, why_len);
	if (!err && s->crl)
		err = open_crl(c, s->crl, why, why_len);
	if (err < 0) {
		tls_context_free(c);
		return err;
	}
	*out = c;
	return 0;
}

const struct tls_handshakes *tls_context_handshakes(const struct tls_context *c)
{
	return &c->handshakes;
}

void tls_context_free(struct tls_context *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ctx);
	tls_crl_free(c->crl);
	BIO_meth_free(c->bio);
	if (c->keylog_fd >= 0)
		close(c->keylog_fd);
	free(c);
}

SSL *tls_context_ssl(struct tls_context *c, struct tls *t)
{
	SSL *ssl = SSL_new(c->ctx);
	BIO *bio = BIO_new(c->bio);

	if (!ssl || !bio)
		x_out_of_memory();
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, t);
	return ssl;
}
