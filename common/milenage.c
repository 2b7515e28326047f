#include "milenage.h"

#include <string.h>

#include "crypto.h"

#define BLOCK 16
#define OUTS 5

/* TS 35.206 4.1: rotations r1..r5 (whole octets here) and the low octet of c1..c5. */
static const uint8_t rotation[OUTS] = {8, 0, 4, 8, 12};
static const uint8_t constant[OUTS] = {0, 1, 2, 4, 8};

/* TEMP, OUT1..OUT5: the responses are keys. */
struct milenage_blocks {
	uint8_t temp[BLOCK];
	uint8_t out[OUTS][BLOCK];
};
KEY_LOCAL_DECLARE(milenage_blocks)

static void xor_into(uint8_t *to, const uint8_t *with, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] ^= with[i];
}

int milenage_opc(struct crypto *c, const struct subscriber_key *k, const uint8_t op[static 16],
		 struct opc *out)
{
	int err = crypto_aes_encrypt(c, k->b, sizeof k->b, op, out->b, 1);

	if (err)
		KEY_WIPE(out);
	else
		xor_into(out->b, op, sizeof out->b);
	return err;
}

/* Input of the AES of OUTi: rot(in xor OPc, ri) xor ci. */
static void prepare(uint8_t out[static BLOCK], const uint8_t in[static BLOCK],
		    const struct opc *opc, unsigned i)
{
	for (unsigned j = 0; j < BLOCK; j++) {
		unsigned from = (j + rotation[i]) % BLOCK;

		out[j] = in[from] ^ opc->b[from];
	}
	out[BLOCK - 1] ^= constant[i];
}

static void fill_outputs(struct milenage *m, const struct milenage_blocks *b)
{
	memcpy(m->mac_a, b->out[0], 8);
	memcpy(m->mac_s, b->out[0] + 8, 8);
	memcpy(m->ak, b->out[1], 6);
	memcpy(m->res, b->out[1] + 8, 8);
	memcpy(m->ck.b, b->out[2], 16);
	memcpy(m->ik.b, b->out[3], 16);
	memcpy(m->ak_star, b->out[4], 6);
}

int milenage_run(struct crypto *c, const struct subscriber_key *k, const struct opc *opc,
		 const uint8_t rand[static 16], const uint8_t sqn[static 6],
		 const uint8_t amf[static 2], struct milenage *out)
{
	KEY_LOCAL(milenage_blocks) struct milenage_blocks b;
	uint8_t in1[BLOCK];
	int err;

	memcpy(b.temp, rand, BLOCK);
	xor_into(b.temp, opc->b, BLOCK);
	err = crypto_aes_encrypt(c, k->b, sizeof k->b, b.temp, b.temp, 1);
	if (err)
		return err;
	for (unsigned half = 0; half < BLOCK; half += 8) {
		memcpy(in1 + half, sqn, 6);
		memcpy(in1 + half + 6, amf, 2);
	}
	/* f1 and f1* mix TEMP in after the rotation, the others start from it. */
	prepare(b.out[0], in1, opc, 0);
	xor_into(b.out[0], b.temp, BLOCK);
	for (unsigned i = 1; i < OUTS; i++)
		prepare(b.out[i], b.temp, opc, i);
	err = crypto_aes_encrypt(c, k->b, sizeof k->b, b.out[0], b.out[0], OUTS);
	if (err)
		return err;
	for (unsigned i = 0; i < OUTS; i++)
		xor_into(b.out[i], opc->b, BLOCK);
	fill_outputs(out, &b);
	return KH_OK;
}
