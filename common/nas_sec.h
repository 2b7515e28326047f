/* NAS security (TS 24.301 4.4, TS 33.401 8): one EPS security context, used by the MME and the UE. */
#ifndef KEYHOP_NAS_SEC_H
#define KEYHOP_NAS_SEC_H

#include <stdbool.h>

#include "eps_alg.h"
#include "keys.h"

/* Security header types, TS 24.301 9.3.1. */
enum nas_header {
	NAS_PLAIN = 0,
	NAS_INTEGRITY = 1,
	NAS_CIPHERED = 2,
	NAS_INTEGRITY_NEW = 3, /* SECURITY MODE COMMAND only */
	NAS_CIPHERED_NEW = 4, /* SECURITY MODE COMPLETE only */
};

#define NAS_OVERHEAD 6 /* header octet, MAC, sequence number */
#define NAS_PLAIN_OVERHEAD 1
#define NAS_PD_EMM 7 /* protocol discriminator in the low half of the first octet */
#define NAS_COUNT_MAX 0xffffffU

struct nas_sec {
	struct k_nas_enc enc;
	struct k_nas_int integrity;
	uint32_t tx_count; /* next COUNT to send */
	uint32_t rx_next; /* lowest COUNT still acceptable */
	uint8_t eea, eia;
	uint8_t tx_direction; /* EPS_UPLINK at the UE, EPS_DOWNLINK at the MME */
	bool active;
};

/* Takes keys in use, both COUNTs 0. Copies the keys. */
void nas_sec_init(struct nas_sec *s, uint8_t tx_direction, uint8_t eea, uint8_t eia,
		  const struct k_nas_enc *enc, const struct k_nas_int *integrity);
void nas_sec_clear(struct nas_sec *s);

/* Security header type of a PDU; KH_E_BAD_NAS_PDU when it is too short or not EMM. */
int nas_pdu_header(const uint8_t *pdu, size_t len, enum nas_header *type) KH_MUST_CHECK;

/* Plain PDU: writes len + 1 octets. Open of a plain PDU: *body points into `pdu`. */
void nas_plain_seal(const uint8_t *body, size_t len, uint8_t *out);
int nas_plain_open(const uint8_t *pdu, size_t len, const uint8_t **body,
		   size_t *body_len) KH_MUST_CHECK;

/* Protects: writes len + NAS_OVERHEAD octets to `out` (may not overlap). Type 1 and 3 are not ciphered.
 * KH_E_COUNT_EXHAUSTED before the COUNT would wrap. */
int nas_seal(struct crypto *c, struct nas_sec *s, enum nas_header type, const uint8_t *body,
	     size_t len, uint8_t *out) KH_MUST_CHECK;
/* Checks the MAC, then the COUNT, then deciphers to `out` (len - NAS_OVERHEAD octets). On any error nothing
 * changes: KH_E_BAD_NAS_PDU, KH_E_BAD_NAS_MAC, KH_E_NAS_REPLAY, KH_E_NO_SECURITY_CONTEXT. A COUNT is accepted
 * at most once and never below one accepted before. */
int nas_open(struct crypto *c, struct nas_sec *s, const uint8_t *pdu, size_t len,
	     enum nas_header *type, uint8_t *out, size_t *out_len) KH_MUST_CHECK;

#endif
