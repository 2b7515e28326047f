#include "echo.h"

#include <string.h>

/* RFC 1071 over an even number of octets. */
static uint16_t checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void echo_build(const struct echo *e, uint8_t out[ECHO_LEN])
{
	const uint8_t head[8] = {e->type,
				 0,
				 0,
				 0,
				 (uint8_t)(e->id >> 8),
				 (uint8_t)e->id,
				 (uint8_t)(e->seq >> 8),
				 (uint8_t)e->seq};

	memcpy(out, head, sizeof head);
	memcpy(out + sizeof head, e->data, ECHO_DATA_LEN);
	uint16_t sum = checksum(out, ECHO_LEN);
	out[2] = (uint8_t)(sum >> 8);
	out[3] = (uint8_t)sum;
}

int echo_parse(const uint8_t *data, size_t len, struct echo *out)
{
	if (len != ECHO_LEN || data[1] != 0 || checksum(data, len) != 0)
		return KH_E_BAD_FIELD;
	if (data[0] != ECHO_REQUEST && data[0] != ECHO_REPLY)
		return KH_E_BAD_FIELD;
	out->type = data[0];
	out->id = (uint16_t)(data[4] << 8 | data[5]);
	out->seq = (uint16_t)(data[6] << 8 | data[7]);
	memcpy(out->data, data + 8, ECHO_DATA_LEN);
	return 0;
}
