#include "pdcp.h"

#include <string.h>

#include "ids.h"

#define MAC_LEN 4
#define SRB_SN_SPAN 32 /* 5-bit sequence numbers, TS 36.323 6.2.2 */
#define DRB_SN_SPAN 4096 /* 12-bit */
#define DRB_WINDOW (DRB_SN_SPAN / 2)
#define DRB_DATA 0x80 /* D/C bit: data, not control */
#define COUNT_LAST 0xfffffffeU /* the very last COUNT stays unused, so that `next` never wraps */

void pdcp_init(struct pdcp *p, uint8_t tx_direction)
{
	*p = (struct pdcp){.tx_direction = tx_direction};
}

void pdcp_install(struct pdcp *p, const struct as_keys *keys, uint8_t eea, uint8_t eia)
{
	p->keys = *keys;
	p->srb1 = p->drb1 = (struct pdcp_counts){0};
	p->eea = eea;
	p->eia = eia;
	p->integrity = true;
	p->ciphering = false;
}

void pdcp_start_ciphering(struct pdcp *p)
{
	p->ciphering = p->integrity;
}

void pdcp_clear(struct pdcp *p)
{
	KEY_WIPE(p);
}

static uint8_t srb_cipher(const struct pdcp *p)
{
	return p->ciphering ? p->eea : EEA0;
}

/* TS 36.323 5.7: over header and plaintext; zeros before integrity protection is on. */
static int srb_mac(struct crypto *c, const struct pdcp *p, uint32_t count, uint8_t direction,
		   const uint8_t *header, const uint8_t *sdu, size_t len,
		   uint8_t mac[static MAC_LEN])
{
	memset(mac, 0, MAC_LEN);
	if (!p->integrity)
		return KH_OK;
	return eia_mac(c, p->eia, p->keys.rrc_int.b, count, PDCP_BEARER_SRB1, direction, header, 1,
		       sdu, len, mac);
}

int pdcp_srb_seal(struct crypto *c, struct pdcp *p, const uint8_t *sdu, size_t len, uint8_t *out)
{
	uint32_t count = p->srb1.tx;
	int err;

	if (len > PDCP_SDU_MAX)
		return KH_E_BAD_PDCP_PDU;
	if (count > COUNT_LAST)
		return KH_E_COUNT_EXHAUSTED;
	out[0] = (uint8_t)(count % SRB_SN_SPAN);
	if (len > 0)
		memcpy(out + 1, sdu, len);
	err = srb_mac(c, p, count, p->tx_direction, out, sdu, len, out + 1 + len);
	if (!err)
		err = eea_apply(c, srb_cipher(p), p->keys.rrc_enc.b, count, PDCP_BEARER_SRB1,
				p->tx_direction, out + 1, out + 1, len + MAC_LEN);
	if (!err)
		p->srb1.tx++;
	return err;
}

static int check_srb_header(const uint8_t *pdu, size_t len)
{
	if (len < PDCP_SRB_OVERHEAD || len > PDCP_SDU_MAX + PDCP_SRB_OVERHEAD)
		return KH_E_BAD_PDCP_PDU;
	return pdu[0] < SRB_SN_SPAN ? KH_OK : KH_E_BAD_PDCP_PDU; /* R bits are 0 */
}

/* Deciphers data and MAC-I to `clear` (len - 1 octets) as of `count` and checks the MAC-I. */
static int srb_try(struct crypto *c, const struct pdcp *p, uint32_t count, const uint8_t *pdu,
		   size_t len, uint8_t *clear)
{
	size_t sdu_len = len - PDCP_SRB_OVERHEAD;
	uint8_t mac[MAC_LEN];
	int err = eea_apply(c, srb_cipher(p), p->keys.rrc_enc.b, count, PDCP_BEARER_SRB1,
			    !p->tx_direction, pdu + 1, clear, len - 1);

	if (!err)
		err = srb_mac(c, p, count, !p->tx_direction, pdu, clear, sdu_len, mac);
	if (err)
		return err;
	return key_equal(mac, clear + sdu_len, MAC_LEN) ? KH_OK : KH_E_BAD_PDCP_MAC;
}

/* The sequence number leaves one COUNT at or above rx_next. The one a round below tells a replay
 * from a forgery; without integrity nothing can. */
static int srb_find_count(struct crypto *c, const struct pdcp *p, const uint8_t *pdu, size_t len,
			  uint8_t *clear, uint32_t *count)
{
	uint32_t next = p->srb1.rx_next;
	uint64_t candidate = (uint64_t)next + (pdu[0] - next) % SRB_SN_SPAN;
	int err = KH_E_BAD_PDCP_MAC;

	if (candidate <= COUNT_LAST)
		err = srb_try(c, p, (uint32_t)candidate, pdu, len, clear);
	if (!err)
		*count = (uint32_t)candidate;
	if (err != KH_E_BAD_PDCP_MAC || candidate < SRB_SN_SPAN)
		return err;
	err = srb_try(c, p, (uint32_t)(candidate - SRB_SN_SPAN), pdu, len, clear);
	return err ? err : KH_E_PDCP_REPLAY;
}

int pdcp_srb_open(struct crypto *c, struct pdcp *p, const uint8_t *pdu, size_t len, uint8_t *out,
		  size_t *out_len)
{
	/* Data and MAC-I are one ciphertext, so the MAC-I needs room that `out` does not have. */
	uint8_t clear[PDCP_SDU_MAX + MAC_LEN];
	uint32_t count;
	int err = check_srb_header(pdu, len);

	if (err)
		return err;
	err = srb_find_count(c, p, pdu, len, clear, &count);
	if (!err) {
		p->srb1.rx_next = count + 1;
		*out_len = len - PDCP_SRB_OVERHEAD;
		memcpy(out, clear, *out_len);
	}
	key_wipe(clear, len - 1);
	return err;
}

int pdcp_srb_peek(const uint8_t *pdu, size_t len, const uint8_t **sdu, size_t *sdu_len)
{
	int err = check_srb_header(pdu, len);

	if (err)
		return err;
	*sdu = pdu + 1;
	*sdu_len = len - PDCP_SRB_OVERHEAD;
	return KH_OK;
}

int pdcp_drb_seal(struct crypto *c, struct pdcp *p, const uint8_t *sdu, size_t len, uint8_t *out)
{
	uint32_t count = p->drb1.tx;
	int err;

	if (!p->ciphering)
		return KH_E_NO_SECURITY_CONTEXT;
	if (count > COUNT_LAST)
		return KH_E_COUNT_EXHAUSTED;
	out[0] = (uint8_t)(DRB_DATA | (count % DRB_SN_SPAN) >> 8);
	out[1] = (uint8_t)count;
	err = eea_apply(c, p->eea, p->keys.up_enc.b, count, PDCP_BEARER_DRB1, p->tx_direction, sdu,
			out + PDCP_DRB_OVERHEAD, len);
	if (!err)
		p->drb1.tx++;
	return err;
}

/* COUNT of a sequence number in the half window ahead. There is no MAC on user data: what lies
 * behind can only be called a replay. */
static int drb_find_count(const struct pdcp *p, uint32_t sn, uint32_t *count)
{
	uint32_t next = p->drb1.rx_next;
	uint32_t ahead = (sn - next) % DRB_SN_SPAN;

	if (ahead >= DRB_WINDOW)
		return KH_E_PDCP_REPLAY;
	if ((uint64_t)next + ahead > COUNT_LAST)
		return KH_E_COUNT_EXHAUSTED;
	*count = next + ahead;
	return KH_OK;
}

int pdcp_drb_open(struct crypto *c, struct pdcp *p, const uint8_t *pdu, size_t len, uint8_t *out,
		  size_t *out_len)
{
	uint32_t count;
	int err;

	if (len < PDCP_DRB_OVERHEAD || (pdu[0] & 0xf0) != DRB_DATA)
		return KH_E_BAD_PDCP_PDU;
	if (!p->ciphering)
		return KH_E_NO_SECURITY_CONTEXT;
	err = drb_find_count(p, (uint32_t)(pdu[0] & 0xf) << 8 | pdu[1], &count);
	if (err)
		return err;
	err = eea_apply(c, p->eea, p->keys.up_enc.b, count, PDCP_BEARER_DRB1, !p->tx_direction,
			pdu + PDCP_DRB_OVERHEAD, out, len - PDCP_DRB_OVERHEAD);
	if (err)
		return err;
	p->drb1.rx_next = count + 1;
	*out_len = len - PDCP_DRB_OVERHEAD;
	return KH_OK;
}

int pdcp_short_mac(struct crypto *c, const struct pdcp *p, uint32_t source_enb_id,
		   uint32_t target_enb_id, uint16_t c_rnti, uint16_t *out)
{
	uint8_t input[10], mac[MAC_LEN];
	int err;

	if (!p->integrity)
		return KH_E_NO_SECURITY_CONTEXT;
	put_be32(input, source_enb_id);
	put_be32(input + 4, target_enb_id);
	input[8] = (uint8_t)(c_rnti >> 8);
	input[9] = (uint8_t)c_rnti;
	err = eia_mac(c, p->eia, p->keys.rrc_int.b, 0xffffffff, 0x1f, 1, input, sizeof input, NULL,
		      0, mac);
	if (!err)
		*out = (uint16_t)(mac[2] << 8 | mac[3]);
	return err;
}
