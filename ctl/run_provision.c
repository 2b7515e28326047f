/* The UEs of a run: those of the ued, and as many more as the scenario wants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>

#include "client.h"
#include "mem.h"
#include "run_internal.h"

#define PAGE 1000
#define BATCH 500 /* subscribers under way at once */

struct page {
	struct run *r;
	json_t *items;
	json_int_t offset; /* of the page to come */
	bool more;
};

static void on_page(void *arg, const json_t *answer)
{
	struct page *p = arg;
	const json_t *result = json_object_get(answer, "result");
	const json_t *next = json_object_get(result, "next");

	json_array_extend(p->items, json_object_get(result, "items"));
	p->more = json_is_integer(next);
	p->offset = json_integer_value(next);
	fleet_stop(&p->r->fleet);
}

/* New array of what ue.list says; an exit code in *code. */
static json_t *list_ues(struct run *r, int *code)
{
	struct page p = {.r = r, .items = json_array(), .more = true};

	for (*code = 0; p.more && !*code;) {
		fleet_call(r->ue, "ue.list",
			   json_pack("{s:I, s:i}", "offset", p.offset, "limit", PAGE), on_page, &p);
		*code = fleet_run_patiently(&r->fleet);
	}
	return p.items;
}

struct batch {
	struct run *r;
	size_t left;
	char error[64];
};

static void on_added(void *arg, const json_t *answer)
{
	struct batch *b = arg;
	const char *error = answer_error(answer);

	if (error && !b->error[0])
		snprintf(b->error, sizeof b->error, "%s", error);
	if (--b->left == 0)
		fleet_stop(&b->r->fleet);
}

static void hex_key(char out[33])
{
	unsigned char octets[16];

	if (getrandom(octets, sizeof octets, 0) != (ssize_t)sizeof octets)
		abort();
	for (size_t i = 0; i < sizeof octets; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
	OPENSSL_cleanse(octets, sizeof octets);
}

/* A subscriber of the MME with keys of its own, and its UE. */
static void add_one(struct batch *b, const char *imsi)
{
	char k[33], opc[33];
	json_t *params;

	hex_key(k);
	hex_key(opc);
	params = json_pack("{s:s, s:s, s:s}", "ue", imsi, "k", k, "opc", opc);
	b->left += 2;
	fleet_call(b->r->mme, "subscriber.add", json_incref(params), on_added, b);
	fleet_call(b->r->ue, "ue.add", params, on_added, b);
	OPENSSL_cleanse(k, sizeof k);
	OPENSSL_cleanse(opc, sizeof opc);
}

/* IMSIs count on from the highest one. */
static unsigned long long highest(const json_t *items)
{
	unsigned long long top = 0;
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)items, i, item)
	{
		const char *imsi = json_string_value(json_object_get(item, "ue"));
		unsigned long long n = imsi ? strtoull(imsi, NULL, 10) : 0;
		if (n > top)
			top = n;
	}
	return top;
}

static int add_ues(struct run *r, const json_t *items)
{
	struct batch b = {.r = r};
	unsigned long long imsi = highest(items);
	size_t n = json_array_size(items);
	char text[24];

	if (!r->mme || imsi == 0) {
		fprintf(stderr,
			"keyhop: the ued has %zu UEs, and the scenario wants %u; to add some, "
			"there "
			"must be one mmed among the nodes, and one UE to count on from\n",
			n, r->scenario.ues);
		return EXIT_USAGE;
	}
	fprintf(stderr, "keyhop: adds %zu UEs with random keys at %s and %s\n", r->scenario.ues - n,
		r->mme->name, r->ue->name);
	int code = 0;
	while (n < r->scenario.ues && !b.error[0] && !code) {
		for (size_t i = 0; i < BATCH && n < r->scenario.ues; i++, n++) {
			snprintf(text, sizeof text, "%015llu", ++imsi);
			add_one(&b, text);
		}
		code = fleet_run_patiently(&r->fleet);
	}
	if (code || !b.error[0])
		return code;
	fprintf(stderr, "keyhop: adding UE %s: %s\n", text, b.error);
	return EXIT_FAILED;
}

static int fill(struct run *r, const json_t *items)
{
	r->n_movers = json_array_size(items);
	if (r->scenario.ues)
		r->n_movers = r->scenario.ues;
	r->movers = x_calloc(r->n_movers ? r->n_movers : 1, sizeof *r->movers);
	for (size_t i = 0; i < r->n_movers; i++) {
		struct mover *m = &r->movers[i];
		const json_t *item = json_array_get(items, i);
		m->run = r;
		snprintf(m->imsi, sizeof m->imsi, "%s",
			 json_string_value(json_object_get(item, "ue")));
		if (strcmp(json_string_value(json_object_get(item, "state")), "attached") == 0)
			m->cell = (uint32_t)json_integer_value(json_object_get(item, "serving"));
		HASH_ADD_STR(r->by_imsi, imsi, m);
	}
	if (r->n_movers == 0)
		fputs("keyhop: the ued has no UEs; --ues N adds some to one that is there\n",
		      stderr);
	return r->n_movers ? 0 : EXIT_USAGE;
}

int run_find_ues(struct run *r)
{
	int code;
	json_t *items = list_ues(r, &code);

	if (!code && json_array_size(items) < r->scenario.ues) {
		code = add_ues(r, items);
		json_decref(items);
		items = code ? json_array() : list_ues(r, &code);
	}
	if (!code && json_array_size(items) < r->scenario.ues)
		code = EXIT_FAILED;
	if (!code)
		code = fill(r, items);
	json_decref(items);
	return code;
}
