#include "ids.h"

#include <stdio.h>
#include <string.h>

#define NO_DIGIT 0xf /* filler of a two-digit MNC, TS 24.301 9.9.3.32 */

static const char hex_digits[] = "0123456789abcdef";

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Number of digits when `s` is between min and max digits and nothing else, otherwise 0. */
static size_t digits(const char *s, size_t min, size_t max)
{
	size_t n = 0;

	while (n <= max && is_digit(s[n]))
		n++;
	return n >= min && n <= max && s[n] == '\0' ? n : 0;
}

static uint8_t nibbles(unsigned high, unsigned low)
{
	return (uint8_t)(high << 4 | low);
}

int plmn_from_text(struct plmn *out, const char *mcc, const char *mnc)
{
	size_t n = digits(mnc, 2, 3);

	if (!digits(mcc, 3, 3) || !n)
		return KH_E_BAD_FIELD;
	out->b[0] = nibbles(mcc[1] - '0', mcc[0] - '0');
	out->b[1] = nibbles(n == 3 ? mnc[2] - '0' : NO_DIGIT, mcc[2] - '0');
	out->b[2] = nibbles(mnc[1] - '0', mnc[0] - '0');
	return KH_OK;
}

/* A PLMN off the wire may hold anything: octets that are no digits show as a to f. */
void plmn_to_text(const struct plmn *plmn, char out[7])
{
	const uint8_t *b = plmn->b;
	char *p = out;

	*p++ = hex_digits[b[0] & 0xf];
	*p++ = hex_digits[b[0] >> 4];
	*p++ = hex_digits[b[1] & 0xf];
	*p++ = hex_digits[b[2] & 0xf];
	*p++ = hex_digits[b[2] >> 4];
	if (b[1] >> 4 != NO_DIGIT)
		*p++ = hex_digits[b[1] >> 4];
	*p = '\0';
}

bool plmn_equal(const struct plmn *a, const struct plmn *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool enb_id_is_valid(uint32_t id)
{
	return id >= 1 && id <= ENB_ID_MAX;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int id_parse(uint32_t *out, const char *text)
{
	bool hex = text[0] == '0' && text[1] == 'x';
	const char *p = hex ? text + 2 : text;
	uint64_t v = 0;

	if (*p == '\0' || (!hex && p[0] == '0' && p[1] != '\0'))
		return KH_E_BAD_FIELD;
	for (; *p; p++) {
		int digit = hex ? hex_value(*p) : is_digit(*p) ? *p - '0' : -1;
		if (digit < 0)
			return KH_E_BAD_FIELD;
		v = v * (hex ? 16 : 10) + (uint64_t)digit;
		if (v > UINT32_MAX)
			return KH_E_BAD_FIELD;
	}
	*out = (uint32_t)v;
	return KH_OK;
}

int imsi_parse(struct imsi *out, const char *text)
{
	if (!digits(text, IMSI_LEN, IMSI_LEN))
		return KH_E_BAD_FIELD;
	memcpy(out->s, text, IMSI_LEN + 1);
	return KH_OK;
}

static bool is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '_' || c == '.';
}

bool node_name_is_valid(const char *name)
{
	size_t n = 0;

	while (n <= NODE_NAME_MAX && is_name_char(name[n]))
		n++;
	return n >= 1 && n <= NODE_NAME_MAX && name[n] == '\0';
}

void identity_mme(char out[IDENTITY_MAX], const char *name)
{
	snprintf(out, IDENTITY_MAX, "keyhop:mme:%.*s", NODE_NAME_MAX, name);
}

void identity_enb(char out[IDENTITY_MAX], const struct plmn *plmn, uint32_t enb_id)
{
	char text[7];

	plmn_to_text(plmn, text);
	snprintf(out, IDENTITY_MAX, "keyhop:enb:%s-%u", text, enb_id);
}

void hex_encode(char *out, const void *in, size_t len)
{
	const uint8_t *p = in;

	for (size_t i = 0; i < len; i++) {
		*out++ = hex_digits[p[i] >> 4];
		*out++ = hex_digits[p[i] & 0xf];
	}
	*out = '\0';
}

int hex_decode(void *out, size_t len, const char *text)
{
	uint8_t *p = out;

	/* All is checked first: half a key must not stay behind in `out`. */
	for (size_t i = 0; i < 2 * len; i++)
		if (hex_value(text[i]) < 0)
			return KH_E_BAD_FIELD;
	if (text[2 * len] != '\0')
		return KH_E_BAD_FIELD;
	for (size_t i = 0; i < len; i++)
		p[i] = nibbles(hex_value(text[2 * i]), hex_value(text[2 * i + 1]));
	return KH_OK;
}

void put_be32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

void put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}
