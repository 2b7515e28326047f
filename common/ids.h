/* Identities: PLMN, eNB_ID, IMSI, node names in certificates. */
#ifndef KEYHOP_IDS_H
#define KEYHOP_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define ENB_ID_MAX 0xfffffffU /* 28 bits (TS 36.413 9.2.1.37), 0 is not used */
#define IMSI_LEN 15
#define NODE_NAME_MAX 31 /* letters, digits, '-', '_', '.' */
#define IDENTITY_MAX 96

/* Three octets as in TS 24.301: MCC 001 MNC 01 = 00 F1 10. */
struct plmn {
	uint8_t b[3];
};

struct imsi {
	char s[IMSI_LEN + 1]; /* "" when not known */
};

/* MCC of 3 digits, MNC of 2 or 3. 0 or KH_E_BAD_FIELD. */
int plmn_from_text(struct plmn *out, const char *mcc, const char *mnc) KH_MUST_CHECK;
/* "00101" for MCC 001 MNC 01. */
void plmn_to_text(const struct plmn *plmn, char out[7]);
bool plmn_equal(const struct plmn *a, const struct plmn *b);

bool enb_id_is_valid(uint32_t id);
/* The whole text as a number up to 2^32 - 1: decimal without a leading zero, or hex after 0x. 0 or KH_E_BAD_FIELD. */
int id_parse(uint32_t *out, const char *text) KH_MUST_CHECK;
/* 15 digits. 0 or KH_E_BAD_FIELD. */
int imsi_parse(struct imsi *out, const char *text) KH_MUST_CHECK;
bool node_name_is_valid(const char *name);

/* URI SAN of a node: "keyhop:mme:<name>" and "keyhop:enb:<plmn>-<id>". */
void identity_mme(char out[IDENTITY_MAX], const char *name);
void identity_enb(char out[IDENTITY_MAX], const struct plmn *plmn, uint32_t enb_id);

/* Octets to lower-case hex, out of 2 * len + 1. */
void hex_encode(char *out, const void *in, size_t len);
/* Exactly 2 * len hex digits. 0 or KH_E_BAD_FIELD. */
int hex_decode(void *out, size_t len, const char *text) KH_MUST_CHECK;

/* Big endian. */
void put_be32(uint8_t *p, uint32_t v);
void put_be64(uint8_t *p, uint64_t v);
uint32_t get_be32(const uint8_t *p);
uint64_t get_be64(const uint8_t *p);

#endif
