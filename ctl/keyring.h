/* The keys of some nodes' keylogs, and what they open. A key is tried where it could fit and counts when a MAC or a tag
 * says so; so a capture tells just what these nodes could read. */
#ifndef KEYHOP_CTL_KEYRING_H
#define KEYHOP_CTL_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keyring;
struct opened;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *k);
/* 0, or -1 after a printed error with file and line. */
int keyring_read(struct keyring *k, const char *path);

/* What was opened with which key. */
struct opened {
	char ue[16]; /* "" when the key belongs to no UE */
	uint32_t enb; /* of the key; 0: none */
	const char *key; /* name of the key */
	char fp[9]; /* fingerprint of that key, or of what was inside */
};

/* `place` names a UE in a cell or at the MME as the capture does; what opened there last is tried first. A PDU that
 * was seen before on the same side opens again. True and the SDU in `out`, which has room for `len` octets. */
bool keyring_open_srb(struct keyring *k, const char *place, const uint8_t *pdu, size_t len,
		      uint8_t *out, size_t *out_len, struct opened *what);
bool keyring_open_nas(struct keyring *k, const char *place, bool on_s1, const uint8_t *pdu,
		      size_t len, uint8_t *out, size_t *out_len, struct opened *what);
/* A wrapped KeNB: `what` has its fingerprint. `aes-block` proves nothing and is not opened. */
bool keyring_open_wrapped(struct keyring *k, uint32_t mme_ue_id, uint64_t generation,
			  uint32_t key_id, const uint8_t *in, size_t len, struct opened *what);

#endif
