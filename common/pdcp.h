/* PDCP security (TS 36.323) of one UE in one cell: SRB1 and DRB1, 5-bit and 12-bit sequence numbers. */
#ifndef KEYHOP_PDCP_H
#define KEYHOP_PDCP_H

#include <stdbool.h>

#include "eps_alg.h"
#include "keys.h"

#define PDCP_SRB_OVERHEAD 5 /* header octet and MAC-I */
#define PDCP_DRB_OVERHEAD 2
#define PDCP_SDU_MAX 8188 /* TS 36.323 4.3.1 */
#define PDCP_BEARER_SRB1 0 /* RB identity - 1 */
#define PDCP_BEARER_DRB1 0

struct pdcp_counts {
	uint32_t tx; /* next COUNT to send */
	uint32_t rx_next; /* lowest COUNT still acceptable */
};

struct pdcp {
	struct as_keys keys;
	struct pdcp_counts srb1, drb1;
	uint8_t eea, eia;
	uint8_t tx_direction; /* EPS_UPLINK at the UE, EPS_DOWNLINK at the eNodeB */
	bool integrity; /* SECURITY MODE COMMAND sent or received: MAC-I is real */
	bool ciphering; /* SECURITY MODE COMPLETE sent or received */
};

/* No security yet: MAC-I is four zero octets, nothing is ciphered (TS 36.323 5.7). */
void pdcp_init(struct pdcp *p, uint8_t tx_direction);
/* New keys: all COUNTs back to 0. Ciphering starts with pdcp_start_ciphering(). Copies the keys. */
void pdcp_install(struct pdcp *p, const struct as_keys *keys, uint8_t eea, uint8_t eia);
void pdcp_start_ciphering(struct pdcp *p);
/* Wipes everything. */
void pdcp_clear(struct pdcp *p);

/* SRB1: MAC-I over header and plaintext, then data and MAC-I are ciphered. Writes len + PDCP_SRB_OVERHEAD.
 * KH_E_COUNT_EXHAUSTED, KH_E_BAD_PDCP_PDU above PDCP_SDU_MAX. */
int pdcp_srb_seal(struct crypto *c, struct pdcp *p, const uint8_t *sdu, size_t len,
		  uint8_t *out) KH_MUST_CHECK;
/* Writes len - PDCP_SRB_OVERHEAD octets. KH_E_BAD_PDCP_PDU, KH_E_BAD_PDCP_MAC, KH_E_PDCP_REPLAY; on an error
 * nothing changes. */
int pdcp_srb_open(struct crypto *c, struct pdcp *p, const uint8_t *pdu, size_t len, uint8_t *out,
		  size_t *out_len) KH_MUST_CHECK;
/* The UE reads SECURITY MODE COMMAND before it can check it (TS 36.331 5.3.4.3): the SDU of an unciphered SRB
 * PDU, unchecked, pointing into `pdu`. Check it with pdcp_srb_open() once the keys are installed. */
int pdcp_srb_peek(const uint8_t *pdu, size_t len, const uint8_t **sdu,
		  size_t *sdu_len) KH_MUST_CHECK;

/* DRB1: ciphered only. Writes len + PDCP_DRB_OVERHEAD; KH_E_NO_SECURITY_CONTEXT before ciphering
 * has started, as user data never travels in clear. Open: KH_E_BAD_PDCP_PDU, KH_E_PDCP_REPLAY,
 * KH_E_COUNT_EXHAUSTED. */
int pdcp_drb_seal(struct crypto *c, struct pdcp *p, const uint8_t *sdu, size_t len,
		  uint8_t *out) KH_MUST_CHECK;
int pdcp_drb_open(struct crypto *c, struct pdcp *p, const uint8_t *pdu, size_t len, uint8_t *out,
		  size_t *out_len) KH_MUST_CHECK;

/* Short MAC-I of a re-establishment (TS 36.331 5.3.7.4): last 16 bits of the MAC over source eNB_ID(4) |
 * target eNB_ID(4) | C-RNTI(2), COUNT, BEARER and DIRECTION all ones. */
int pdcp_short_mac(struct crypto *c, const struct pdcp *p, uint32_t source_enb_id,
		   uint32_t target_enb_id, uint16_t c_rnti, uint16_t *out) KH_MUST_CHECK;

#endif
