#include "nas_sec.h"

#include <string.h>

#define BEARER 0 /* TS 33.401 8.1: NAS has one bearer */
#define MAC_LEN 4
#define SN_AT 5 /* offset of the sequence number; the MAC covers what follows from here */
#define SN_SPAN 256 /* sequence numbers before they repeat */

void nas_sec_init(struct nas_sec *s, uint8_t tx_direction, uint8_t eea, uint8_t eia,
		  const struct k_nas_enc *enc, const struct k_nas_int *integrity)
{
	/* Member by member: a compound literal would leave the keys on the stack. */
	memset(s, 0, sizeof *s);
	s->enc = *enc;
	s->integrity = *integrity;
	s->eea = eea;
	s->eia = eia;
	s->tx_direction = tx_direction;
	s->active = true;
}

void nas_sec_clear(struct nas_sec *s)
{
	KEY_WIPE(s);
}

int nas_pdu_header(const uint8_t *pdu, size_t len, enum nas_header *type)
{
	uint8_t header;

	if (len < NAS_PLAIN_OVERHEAD || (pdu[0] & 0xf) != NAS_PD_EMM)
		return KH_E_BAD_NAS_PDU;
	header = pdu[0] >> 4;
	if (header > NAS_CIPHERED_NEW || (header != NAS_PLAIN && len < NAS_OVERHEAD))
		return KH_E_BAD_NAS_PDU;
	*type = (enum nas_header)header;
	return KH_OK;
}

static uint8_t first_octet(enum nas_header type)
{
	return (uint8_t)((unsigned)type << 4 | NAS_PD_EMM);
}

void nas_plain_seal(const uint8_t *body, size_t len, uint8_t *out)
{
	out[0] = first_octet(NAS_PLAIN);
	if (len > 0)
		memcpy(out + 1, body, len);
}

int nas_plain_open(const uint8_t *pdu, size_t len, const uint8_t **body, size_t *body_len)
{
	enum nas_header type;
	int err = nas_pdu_header(pdu, len, &type);

	if (err)
		return err;
	if (type != NAS_PLAIN)
		return KH_E_BAD_NAS_PDU;
	*body = pdu + NAS_PLAIN_OVERHEAD;
	*body_len = len - NAS_PLAIN_OVERHEAD;
	return KH_OK;
}

/* EEA0 for the header types that are not ciphered. */
static uint8_t cipher_of(const struct nas_sec *s, enum nas_header type)
{
	return type == NAS_CIPHERED || type == NAS_CIPHERED_NEW ? s->eea : EEA0;
}

/* TS 24.301 4.4.3.3: over sequence number and ciphertext, in which the ciphering came first. */
static int compute_mac(struct crypto *c, const struct nas_sec *s, uint32_t count, uint8_t direction,
		       const uint8_t *pdu, size_t len, uint8_t mac[static MAC_LEN])
{
	return eia_mac(c, s->eia, s->integrity.b, count, BEARER, direction, pdu + SN_AT,
		       len - SN_AT, NULL, 0, mac);
}

int nas_seal(struct crypto *c, struct nas_sec *s, enum nas_header type, const uint8_t *body,
	     size_t len, uint8_t *out)
{
	int err;

	if (!s->active)
		return KH_E_NO_SECURITY_CONTEXT;
	if ((unsigned)type < NAS_INTEGRITY || (unsigned)type > NAS_CIPHERED_NEW)
		return KH_E_BAD_NAS_PDU;
	if (s->tx_count > NAS_COUNT_MAX)
		return KH_E_COUNT_EXHAUSTED;
	out[0] = first_octet(type);
	out[SN_AT] = (uint8_t)s->tx_count;
	err = eea_apply(c, cipher_of(s, type), s->enc.b, s->tx_count, BEARER, s->tx_direction, body,
			out + NAS_OVERHEAD, len);
	if (!err)
		err = compute_mac(c, s, s->tx_count, s->tx_direction, out, len + NAS_OVERHEAD,
				  out + 1);
	if (!err)
		s->tx_count++;
	return err;
}

/* 0 when the PDU's MAC is right for `count`. */
static int check_mac(struct crypto *c, const struct nas_sec *s, uint32_t count, const uint8_t *pdu,
		     size_t len)
{
	uint8_t mac[MAC_LEN];
	int err = compute_mac(c, s, count, !s->tx_direction, pdu, len, mac);

	if (err)
		return err;
	return key_equal(mac, pdu + 1, MAC_LEN) ? KH_OK : KH_E_BAD_NAS_MAC;
}

/* Finds the COUNT under which the MAC is good. The sequence number leaves one candidate at or above
 * rx_next (TS 24.301 4.4.3.1); the one a round below tells a replay from a forgery. */
static int find_count(struct crypto *c, const struct nas_sec *s, const uint8_t *pdu, size_t len,
		      uint32_t *count)
{
	uint32_t ahead = (uint8_t)(pdu[SN_AT] - s->rx_next);
	uint32_t candidate = s->rx_next + ahead;
	int err = KH_E_BAD_NAS_MAC;

	if (candidate <= NAS_COUNT_MAX)
		err = check_mac(c, s, candidate, pdu, len);
	if (!err)
		*count = candidate;
	if (err != KH_E_BAD_NAS_MAC || candidate < SN_SPAN)
		return err;
	err = check_mac(c, s, candidate - SN_SPAN, pdu, len);
	return err ? err : KH_E_NAS_REPLAY;
}

int nas_open(struct crypto *c, struct nas_sec *s, const uint8_t *pdu, size_t len,
	     enum nas_header *type, uint8_t *out, size_t *out_len)
{
	enum nas_header header;
	uint32_t count;
	int err = nas_pdu_header(pdu, len, &header);

	if (err)
		return err;
	if (header == NAS_PLAIN)
		return KH_E_BAD_NAS_PDU;
	if (!s->active)
		return KH_E_NO_SECURITY_CONTEXT;
	err = find_count(c, s, pdu, len, &count);
	if (err)
		return err;
	err = eea_apply(c, cipher_of(s, header), s->enc.b, count, BEARER, !s->tx_direction,
			pdu + NAS_OVERHEAD, out, len - NAS_OVERHEAD);
	if (err)
		return err;
	s->rx_next = count + 1;
	*type = header;
	*out_len = len - NAS_OVERHEAD;
	return KH_OK;
}
