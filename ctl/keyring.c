#include "keyring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "client.h"
#include "crypto.h"
#include "ids.h"
#include "mem.h"
#include "nas_sec.h"
#include "pdcp.h"
#include "wrap.h"

#define LINE_LEN 512
#define SETS_MAX 1000000
#define SRB_SPAN 32 /* sequence numbers of an SRB */
#define NAS_SPAN 256

enum { DOWN, UP, DIRECTIONS };
enum { ON_UU, ON_S1, SIDES };

struct as_set {
	char ue[16];
	uint32_t enb;
	struct as_keys keys;
	uint8_t eea, eia;
	struct pdcp at[DIRECTIONS];
};

struct nas_set {
	char ue[16];
	struct k_nas_enc enc;
	struct k_nas_int integrity;
	uint8_t eea, eia;
	struct nas_sec at[SIDES][DIRECTIONS];
};

struct enb_key {
	uint32_t enb;
	struct mme_enb_key key;
};

struct hint {
	char place[96];
	size_t set;
	UT_hash_handle hh;
};

struct keyring {
	struct crypto *crypto;
	struct as_set *as;
	struct nas_set *nas;
	struct enb_key *enb;
	size_t n_as, n_nas, n_enb;
	struct hint *as_hints, *nas_hints;
};

struct line {
	char name[32], node[64], ue[16];
	uint32_t enb, kid;
	uint8_t alg;
	uint8_t key[KEY_MAX_LEN];
	size_t len;
};

struct keyring *keyring_new(void)
{
	struct keyring *k = x_calloc(1, sizeof *k);

	k->crypto = crypto_new();
	return k;
}

static void free_hints(struct hint **hints)
{
	struct hint *h, *tmp;

	HASH_ITER (hh, *hints, h, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		HASH_DEL(*hints, h);
		free(h);
	}
}

void keyring_free(struct keyring *k)
{
	free_hints(&k->as_hints);
	free_hints(&k->nas_hints);
	if (k->as)
		key_wipe(k->as, k->n_as * sizeof *k->as);
	if (k->nas)
		key_wipe(k->nas, k->n_nas * sizeof *k->nas);
	if (k->enb)
		key_wipe(k->enb, k->n_enb * sizeof *k->enb);
	free(k->as);
	free(k->nas);
	free(k->enb);
	crypto_free(k->crypto);
	free(k);
}

static int parse_word(struct line *l, const char *word)
{
	if (sscanf(word, "node=%63s", l->node) == 1 || sscanf(word, "ue=%15s", l->ue) == 1 ||
	    sscanf(word, "enb=%u", &l->enb) == 1 || sscanf(word, "kid=%u", &l->kid) == 1 ||
	    sscanf(word, "alg=%hhu", &l->alg) == 1 || strncmp(word, "gen=", 4) == 0)
		return 0;
	l->len = strlen(word) / 2;
	return l->len > KEY_MAX_LEN ? -1 : hex_decode(l->key, l->len, word);
}

static int parse_line(struct line *l, char *text)
{
	char *word = strsep(&text, " \n");

	*l = (struct line){0};
	snprintf(l->name, sizeof l->name, "%s", word);
	while ((word = strsep(&text, " \n")))
		if (*word && parse_word(l, word))
			return -1;
	return l->len == 16 || l->len == 32 ? 0 : -1;
}

/* Every two times as many, so that adding is cheap. Old room is wiped. */
static void *grown(void *items, size_t n, size_t size)
{
	if (n & (n - 1))
		return items;
	void *more = x_calloc(n ? 2 * n : 1, size);
	if (n) {
		memcpy(more, items, n * size);
		key_wipe(items, n * size);
	}
	free(items);
	return more;
}

static void start_as(struct as_set *s)
{
	for (int d = 0; d < DIRECTIONS; d++) {
		/* It opens what the other end sends. */
		pdcp_init(&s->at[d], d == UP ? EPS_DOWNLINK : EPS_UPLINK);
		pdcp_install(&s->at[d], &s->keys, s->eea, s->eia);
		pdcp_start_ciphering(&s->at[d]);
	}
}

static void start_nas(struct nas_set *s)
{
	for (int side = 0; side < SIDES; side++)
		for (int d = 0; d < DIRECTIONS; d++)
			nas_sec_init(&s->at[side][d], d == UP ? EPS_DOWNLINK : EPS_UPLINK, s->eea,
				     s->eia, &s->enc, &s->integrity);
}

static bool known_as(const struct keyring *k, const struct as_set *new)
{
	for (size_t i = 0; i < k->n_as; i++)
		if (memcmp(&k->as[i].keys, &new->keys, sizeof new->keys) == 0)
			return true;
	return false;
}

static bool known_nas(const struct keyring *k, const struct nas_set *new)
{
	for (size_t i = 0; i < k->n_nas; i++)
		if (memcmp(&k->nas[i].integrity, &new->integrity, sizeof new->integrity) == 0)
			return true;
	return false;
}

/* Keys of one set stand in lines one after the other; the integrity key is the last. */
struct pending {
	struct as_set as;
	struct nas_set nas;
};

static void take(struct keyring *k, struct pending *p, const struct line *l)
{
	if (strcmp(l->name, "k_rrc_enc") == 0 && l->len == 16) {
		memcpy(p->as.keys.rrc_enc.b, l->key, 16);
		p->as.eea = l->alg;
	} else if (strcmp(l->name, "k_up_enc") == 0 && l->len == 16) {
		memcpy(p->as.keys.up_enc.b, l->key, 16);
	} else if (strcmp(l->name, "k_rrc_int") == 0 && l->len == 16) {
		memcpy(p->as.keys.rrc_int.b, l->key, 16);
		snprintf(p->as.ue, sizeof p->as.ue, "%s", l->ue);
		p->as.enb = l->enb;
		p->as.eia = l->alg;
		if (known_as(k, &p->as))
			return;
		k->as = grown(k->as, k->n_as, sizeof *k->as);
		k->as[k->n_as] = p->as;
		start_as(&k->as[k->n_as++]);
	} else if (strcmp(l->name, "k_nas_enc") == 0 && l->len == 16) {
		memcpy(p->nas.enc.b, l->key, 16);
		p->nas.eea = l->alg;
	} else if (strcmp(l->name, "k_nas_int") == 0 && l->len == 16) {
		memcpy(p->nas.integrity.b, l->key, 16);
		snprintf(p->nas.ue, sizeof p->nas.ue, "%s", l->ue);
		p->nas.eia = l->alg;
		if (known_nas(k, &p->nas))
			return;
		k->nas = grown(k->nas, k->n_nas, sizeof *k->nas);
		k->nas[k->n_nas] = p->nas;
		start_nas(&k->nas[k->n_nas++]);
	} else if (strcmp(l->name, "mme_enb_key") == 0) {
		k->enb = grown(k->enb, k->n_enb, sizeof *k->enb);
		k->enb[k->n_enb] = (struct enb_key){.enb = l->enb,
						    .key = {.len = (uint8_t)l->len, .id = l->kid}};
		memcpy(k->enb[k->n_enb++].key.b, l->key, l->len);
	}
}

int keyring_read(struct keyring *k, const char *path)
{
	char text[LINE_LEN];
	struct line l;
	struct pending p = {0};
	unsigned number = 0;
	FILE *f = fopen(path, "re");
	int err = f ? 0 : -1;

	if (!f)
		fprintf(stderr, "keyhop: %s: %s\n", path, strerror(errno));
	while (f && !err && fgets(text, sizeof text, f)) {
		number++;
		if (parse_line(&l, text) || k->n_as + k->n_nas + k->n_enb >= SETS_MAX) {
			fprintf(stderr, "keyhop: %s:%u: no line of a keylog\n", path, number);
			err = -1;
		} else {
			take(k, &p, &l);
		}
	}
	if (f)
		fclose(f);
	KEY_WIPE(&text);
	KEY_WIPE(&l);
	KEY_WIPE(&p);
	return err;
}

static size_t hinted(struct hint *hints, const char *place)
{
	struct hint *h;

	HASH_FIND_STR(hints, place, h); /* NOLINT(clang-analyzer-*): uthash */
	return h ? h->set : SIZE_MAX;
}

static void remember(struct hint **hints, const char *place, size_t set)
{
	struct hint *h;

	HASH_FIND_STR(*hints, place, h); /* NOLINT(clang-analyzer-*): uthash */
	if (!h) {
		h = x_calloc(1, sizeof *h);
		snprintf(h->place, sizeof h->place, "%s", place);
		HASH_ADD_STR(*hints, place, h); /* NOLINT(clang-analyzer-*): uthash */
	}
	h->set = set;
}

/* As the receiver, and as one who sees it for the second time. */
static bool open_pdcp(struct keyring *k, struct pdcp *p, const uint8_t *pdu, size_t len,
		      uint8_t *out, size_t *out_len)
{
	struct pdcp again = *p;
	int err = pdcp_srb_open(k->crypto, p, pdu, len, out, out_len);

	if (err == KH_E_PDCP_REPLAY) {
		again.srb1.rx_next -= again.srb1.rx_next < SRB_SPAN ? again.srb1.rx_next : SRB_SPAN;
		err = pdcp_srb_open(k->crypto, &again, pdu, len, out, out_len);
	}
	if (!err)
		return true;
	/* SECURITY MODE COMMAND and COMPLETE have a MAC and no cipher. */
	again = *p;
	again.ciphering = false;
	if (pdcp_srb_open(k->crypto, &again, pdu, len, out, out_len))
		return false;
	p->srb1.rx_next = again.srb1.rx_next;
	return true;
}

static bool try_as(struct keyring *k, size_t i, const uint8_t *pdu, size_t len, uint8_t *out,
		   size_t *out_len, struct opened *what)
{
	struct as_set *s = &k->as[i];

	if (!open_pdcp(k, &s->at[UP], pdu, len, out, out_len) &&
	    !open_pdcp(k, &s->at[DOWN], pdu, len, out, out_len))
		return false;
	*what = (struct opened){.enb = s->enb, .key = "k_rrc_enc"};
	memcpy(what->ue, s->ue, sizeof what->ue);
	key_fingerprint(k->crypto, KEY_K_RRC_ENC, s->keys.rrc_enc.b, 16, what->fp);
	return true;
}

bool keyring_open_srb(struct keyring *k, const char *place, const uint8_t *pdu, size_t len,
		      uint8_t *out, size_t *out_len, struct opened *what)
{
	size_t first = hinted(k->as_hints, place);

	if (first < k->n_as && try_as(k, first, pdu, len, out, out_len, what))
		return true;
	/* The newest keys first: a UE has just come. */
	for (size_t i = k->n_as; i-- > 0;) {
		if (i == first || !try_as(k, i, pdu, len, out, out_len, what))
			continue;
		remember(&k->as_hints, place, i);
		return true;
	}
	return false;
}

static bool open_nas(struct keyring *k, struct nas_sec *s, const uint8_t *pdu, size_t len,
		     uint8_t *out, size_t *out_len)
{
	struct nas_sec again = *s;
	enum nas_header type;
	int err = nas_open(k->crypto, s, pdu, len, &type, out, out_len);

	if (err == KH_E_NAS_REPLAY) {
		again.rx_next -= again.rx_next < NAS_SPAN ? again.rx_next : NAS_SPAN;
		err = nas_open(k->crypto, &again, pdu, len, &type, out, out_len);
	}
	return err == 0;
}

static bool try_nas(struct keyring *k, size_t i, int side, const uint8_t *pdu, size_t len,
		    uint8_t *out, size_t *out_len, struct opened *what)
{
	struct nas_set *s = &k->nas[i];

	if (!open_nas(k, &s->at[side][UP], pdu, len, out, out_len) &&
	    !open_nas(k, &s->at[side][DOWN], pdu, len, out, out_len))
		return false;
	*what = (struct opened){.key = "k_nas_enc"};
	memcpy(what->ue, s->ue, sizeof what->ue);
	key_fingerprint(k->crypto, KEY_K_NAS_ENC, s->enc.b, 16, what->fp);
	return true;
}

bool keyring_open_nas(struct keyring *k, const char *place, bool on_s1, const uint8_t *pdu,
		      size_t len, uint8_t *out, size_t *out_len, struct opened *what)
{
	int side = on_s1 ? ON_S1 : ON_UU;
	size_t first = hinted(k->nas_hints, place);

	if (first < k->n_nas && try_nas(k, first, side, pdu, len, out, out_len, what))
		return true;
	for (size_t i = k->n_nas; i-- > 0;) {
		if (i == first || !try_nas(k, i, side, pdu, len, out, out_len, what))
			continue;
		remember(&k->nas_hints, place, i);
		return true;
	}
	return false;
}

/* The source is in the associated data and not in the message: it is one of those whose keys we have, or any with
 * a small number. */
#define SOURCE_MAX 256

static bool unwrap(struct keyring *k, const struct enb_key *e, struct wrap_binding *b,
		   const uint8_t *in, size_t len, struct kenb *kenb)
{
	if (wrap_open(k->crypto, WRAP_AES_KW, &e->key, b, in, len, kenb) == 0)
		return true;
	for (b->source_enb_id = 1; b->source_enb_id <= SOURCE_MAX; b->source_enb_id++)
		if (wrap_open(k->crypto, WRAP_AES_GCM, &e->key, b, in, len, kenb) == 0)
			return true;
	for (size_t i = 0; i < k->n_enb; i++) {
		b->source_enb_id = k->enb[i].enb;
		if (wrap_open(k->crypto, WRAP_AES_GCM, &e->key, b, in, len, kenb) == 0)
			return true;
	}
	return false;
}

bool keyring_open_wrapped(struct keyring *k, uint32_t mme_ue_id, uint64_t generation,
			  uint32_t key_id, const uint8_t *in, size_t len, struct opened *what)
{
	for (size_t i = 0; i < k->n_enb; i++) {
		KEY_LOCAL(kenb) struct kenb kenb = {0};
		const struct enb_key *e = &k->enb[i];
		struct wrap_binding b = {
			.mme_ue_id = mme_ue_id, .generation = generation, .target_enb_id = e->enb};
		if (e->key.id != key_id || !unwrap(k, e, &b, in, len, &kenb))
			continue;
		*what = (struct opened){.enb = e->enb, .key = "kenb"};
		key_fingerprint(k->crypto, KEY_KENB, kenb.b, kenb.len, what->fp);
		return true;
	}
	return false;
}
