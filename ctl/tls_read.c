#include "tls_read.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <uthash.h>

#include "buf.h"
#include "ids.h"
#include "mem.h"

#define RANDOM_LEN 32
#define SECRET_MAX 48
#define RECORD_MAX (16384 + 256)
#define TAG_LEN 16
#define SESSIONS_MAX 65536
#define HANDSHAKE_MAX (256U << 10)

enum { RECORD_CCS = 20, RECORD_ALERT, RECORD_HANDSHAKE, RECORD_DATA };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, FINISHED = 20, KEY_UPDATE = 24 };
enum { CLIENT, SERVER, ENDS };
enum { HANDSHAKE, TRAFFIC, PHASES };

struct secret {
	uint8_t b[SECRET_MAX];
	size_t len;
};

struct session {
	uint8_t random[RANDOM_LEN];
	struct secret secrets[ENDS][PHASES];
	UT_hash_handle hh;
};

struct tls_keys {
	struct session *sessions;
};

static const struct suite {
	uint16_t id;
	const EVP_CIPHER *(*cipher)(void);
	const EVP_MD *(*md)(void);
} suites[] = {
	{0x1301, EVP_aes_128_gcm, EVP_sha256},
	{0x1302, EVP_aes_256_gcm, EVP_sha384},
	{0x1303, EVP_chacha20_poly1305, EVP_sha256},
};

/* One direction. */
struct half {
	struct secret secret;
	uint8_t key[32], iv[12];
	uint64_t seq;
	bool has_keys;
	int end; /* CLIENT or SERVER */
	struct buf handshake; /* messages that are not whole yet */
};

struct tls_read {
	const struct tls_keys *keys;
	const struct session *session;
	const struct suite *suite;
	struct half halves[2];
};

struct tls_keys *tls_keys_new(void)
{
	return x_calloc(1, sizeof(struct tls_keys));
}

void tls_keys_free(struct tls_keys *k)
{
	struct session *s, *tmp;

	HASH_ITER (hh, k->sessions, s, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		HASH_DEL(k->sessions, s);
		OPENSSL_cleanse(s, sizeof *s);
		free(s);
	}
	free(k);
}

static struct session *find_session(const struct tls_keys *k, const uint8_t random[RANDOM_LEN])
{
	struct session *s;

	HASH_FIND(hh, k->sessions, random, RANDOM_LEN, s); /* NOLINT(clang-analyzer-*): uthash */
	return s;
}

static void take_line(struct tls_keys *k, const char *line)
{
	static const char *const labels[ENDS][PHASES] = {
		{"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"},
		{"SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"},
	};
	char label[40], random[2 * RANDOM_LEN + 1], secret[2 * SECRET_MAX + 1];
	uint8_t b[RANDOM_LEN];

	if (sscanf(line, "%39s %64s %96s", label, random, secret) != 3 ||
	    hex_decode(b, sizeof b, random))
		return;
	for (int i = 0; i < ENDS * PHASES; i++) {
		struct secret v = {.len = strlen(secret) / 2};
		if (strcmp(label, labels[i / PHASES][i % PHASES]) != 0 || v.len < 32 ||
		    hex_decode(v.b, v.len, secret))
			continue;
		struct session *s = find_session(k, b);
		if (!s && HASH_COUNT(k->sessions) < SESSIONS_MAX) {
			s = x_calloc(1, sizeof *s);
			memcpy(s->random, b, sizeof b);
			HASH_ADD(hh, k->sessions, random, RANDOM_LEN, s); /* NOLINT */
		}
		if (s)
			s->secrets[i / PHASES][i % PHASES] = v;
		OPENSSL_cleanse(&v, sizeof v);
	}
	OPENSSL_cleanse(secret, sizeof secret);
}

void tls_keys_add(struct tls_keys *k, const void *lines, size_t len)
{
	const char *at = lines, *end = at + len;
	char line[256];

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((nl ? nl : end) - at);
		if (n < sizeof line) {
			memcpy(line, at, n);
			line[n] = '\0';
			take_line(k, line);
		}
		at += n + 1;
	}
	OPENSSL_cleanse(line, sizeof line);
}

struct tls_read *tls_read_new(const struct tls_keys *keys)
{
	struct tls_read *t = x_calloc(1, sizeof *t);

	t->keys = keys;
	tls_read_reset(t);
	return t;
}

void tls_read_reset(struct tls_read *t)
{
	const struct tls_keys *keys = t->keys;

	for (int i = 0; i < 2; i++)
		buf_clear(&t->halves[i].handshake);
	OPENSSL_cleanse(t, sizeof *t);
	t->keys = keys;
	t->halves[0].handshake.secret = t->halves[1].handshake.secret = true;
}

void tls_read_free(struct tls_read *t)
{
	if (!t)
		return;
	tls_read_reset(t);
	free(t);
}

/* HKDF-Expand-Label (RFC 8446 7.1) with an empty context; one block of output is enough for all that is asked. */
static bool expand(const struct tls_read *t, const struct secret *secret, const char *label,
		   uint8_t *out, size_t len)
{
	uint8_t info[64], mac[EVP_MAX_MD_SIZE];
	unsigned n = 0, mac_len = 0;

	info[n++] = 0;
	info[n++] = (uint8_t)len;
	info[n++] = (uint8_t)(6 + strlen(label));
	n += (unsigned)snprintf((char *)info + n, sizeof info - n, "tls13 %s", label);
	info[n++] = 0;
	info[n++] = 1; /* the first block */
	bool good = HMAC(t->suite->md(), secret->b, (int)secret->len, info, n, mac, &mac_len) &&
		    len <= mac_len;
	if (good)
		memcpy(out, mac, len);
	OPENSSL_cleanse(mac, sizeof mac);
	return good;
}

static bool set_secret(struct tls_read *t, struct half *h, const struct secret *secret)
{
	if (secret->len != (size_t)EVP_MD_get_size(t->suite->md()))
		return false;
	h->secret = *secret;
	h->seq = 0;
	h->has_keys = expand(t, &h->secret, "key", h->key,
			     (size_t)EVP_CIPHER_get_key_length(t->suite->cipher())) &&
		      expand(t, &h->secret, "iv", h->iv, sizeof h->iv);
	return h->has_keys;
}

static bool update_secret(struct tls_read *t, struct half *h)
{
	struct secret next = {.len = h->secret.len};
	bool good =
		expand(t, &h->secret, "traffic upd", next.b, next.len) && set_secret(t, h, &next);

	OPENSSL_cleanse(&next, sizeof next);
	return good;
}

/* Opens a record with its header in place of the associated data; the length of what is inside, or -1. */
static int open_record(const struct tls_read *t, struct half *h, const uint8_t *record, size_t len,
		       uint8_t *out)
{
	uint8_t nonce[sizeof h->iv];
	int n = -1, last = 0;
	EVP_CIPHER_CTX *c;

	if (len < 5 + TAG_LEN)
		return -1;
	memcpy(nonce, h->iv, sizeof nonce);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(h->seq >> (8 * (7 - i)));
	c = EVP_CIPHER_CTX_new();
	if (!c || EVP_DecryptInit_ex(c, t->suite->cipher(), NULL, h->key, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_LEN,
				(void *)(uintptr_t)(record + len - TAG_LEN)) != 1 ||
	    EVP_DecryptUpdate(c, NULL, &last, record, 5) != 1 ||
	    EVP_DecryptUpdate(c, out, &n, record + 5, (int)(len - 5 - TAG_LEN)) != 1 ||
	    EVP_DecryptFinal_ex(c, out + n, &last) != 1)
		n = -1;
	EVP_CIPHER_CTX_free(c);
	h->seq++;
	return n;
}

static const struct suite *suite_of(unsigned id)
{
	for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

/* One handshake message; false when nothing can come of this connection. */
static bool take_message(struct tls_read *t, struct half *h, const uint8_t *m, size_t len)
{
	struct half *other = &t->halves[h == t->halves];

	if (m[0] == CLIENT_HELLO) {
		if (len < 6 + RANDOM_LEN)
			return false;
		h->end = CLIENT;
		other->end = SERVER;
		t->session = find_session(t->keys, m + 6);
		return t->session != NULL;
	}
	if (m[0] == SERVER_HELLO) {
		size_t at = 6 + RANDOM_LEN + 1; /* behind the length of the session id */
		if (len < at || len < at + m[at - 1] + 2)
			return false;
		at += m[at - 1];
		t->suite = suite_of((unsigned)m[at] << 8 | m[at + 1]);
		return t->suite != NULL;
	}
	if (m[0] == FINISHED && t->session && t->suite)
		return set_secret(t, h, &t->session->secrets[h->end][TRAFFIC]);
	return m[0] != KEY_UPDATE || (h->has_keys && t->suite && update_secret(t, h));
}

static bool take_handshake(struct tls_read *t, struct half *h, const uint8_t *data, size_t len)
{
	if (h->handshake.len + len > HANDSHAKE_MAX)
		return false;
	buf_append(&h->handshake, data, len);
	while (h->handshake.len >= 4) {
		const uint8_t *m = buf_data(&h->handshake);
		size_t whole = 4 + ((size_t)m[1] << 16 | (size_t)m[2] << 8 | m[3]);
		if (h->handshake.len < whole)
			return true;
		if (!take_message(t, h, m, whole))
			return false;
		buf_drain(&h->handshake, whole);
	}
	return true;
}

static bool take_ciphered(struct tls_read *t, struct half *h, const uint8_t *record, size_t len,
			  struct buf *out)
{
	uint8_t inner[RECORD_MAX];
	bool good = true;

	if (!h->has_keys && (!t->session || !t->suite ||
			     !set_secret(t, h, &t->session->secrets[h->end][HANDSHAKE])))
		return false;
	int n = open_record(t, h, record, len, inner);
	while (n > 0 && inner[n - 1] == 0) /* padding */
		n--;
	if (n <= 0)
		return false;
	if (inner[n - 1] == RECORD_DATA)
		buf_append(out, inner, (size_t)n - 1);
	else if (inner[n - 1] == RECORD_HANDSHAKE)
		good = take_handshake(t, h, inner, (size_t)n - 1);
	OPENSSL_cleanse(inner, (size_t)n);
	return good;
}

bool tls_read_take(struct tls_read *t, int dir, struct buf *in, struct buf *out)
{
	struct half *h = &t->halves[dir];

	while (in->len >= 5) {
		const uint8_t *record = buf_data(in);
		size_t len = 5 + ((size_t)record[3] << 8 | record[4]);
		bool good = true;
		if (record[1] != 3 || len > 5 + RECORD_MAX)
			return false;
		if (in->len < len)
			return true;
		if (record[0] == RECORD_DATA)
			good = take_ciphered(t, h, record, len, out);
		else if (record[0] == RECORD_HANDSHAKE)
			good = take_handshake(t, h, record + 5, len - 5);
		else if (record[0] != RECORD_CCS && record[0] != RECORD_ALERT)
			return false;
		if (!good)
			return false;
		buf_drain(in, len);
	}
	return true;
}
