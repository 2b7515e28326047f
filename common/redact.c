#include "redact.h"

#include <string.h>

#define DEPTH_MAX 3
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };

/* Field numbers from the top-level message to the octets of a key; 0 ends a path. */
static const struct {
	enum iface iface;
	uint8_t path[DEPTH_MAX];
} keys[] = {
	{IFACE_S1, {2, 1, 2}}, /* EnbKey.current.key */
	{IFACE_S1, {2, 2, 2}}, /* EnbKey.previous.key */
	{IFACE_S1, {26, 3}}, /* InitialContextSetupRequest.kenb */
	{IFACE_NAS, {5, 2}}, /* HKeyDelivery.h_key */
};

static bool varint(const uint8_t *data, size_t len, size_t *at, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; *at < len && shift < 64; shift += 7) {
		uint8_t b = data[(*at)++];
		*out |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return true;
	}
	return false;
}

/* Octets of a value of `wire` type at `at`; those of a length-delimited one begin after its length. False: cut. */
static bool value_len(const uint8_t *data, size_t len, size_t *at, unsigned wire, uint64_t *out)
{
	uint64_t v;
	size_t from = *at;

	switch (wire) {
	case WIRE_VARINT:
		if (!varint(data, len, at, &v))
			return false;
		*out = *at - from;
		*at = from;
		return true;
	case WIRE_64:
		*out = 8;
		break;
	case WIRE_32:
		*out = 4;
		break;
	case WIRE_LEN:
		if (!varint(data, len, at, out))
			return false;
		break;
	default:
		return false;
	}
	return *out <= len - *at;
}

static bool mask(uint8_t *data, size_t len, const uint8_t *path, unsigned depth)
{
	bool found = false;
	size_t at = 0;

	while (at < len) {
		uint64_t tag, n = 0;
		if (!varint(data, len, &at, &tag))
			return found;
		bool wanted = tag >> 3 == path[0];
		if (!value_len(data, len, &at, tag & 7, &n)) {
			if (wanted)
				memset(data + at, 0, len - at);
			return found || wanted;
		}
		if (wanted && (depth + 1 == DEPTH_MAX || !path[1])) {
			memset(data + at, 0, n);
			found = true;
		} else if (wanted && (tag & 7) == WIRE_LEN) {
			found |= mask(data + at, n, path + 1, depth + 1);
		}
		at += n;
	}
	return found;
}

bool redact_keys(enum iface iface, uint8_t *data, size_t len)
{
	bool found = false;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (keys[i].iface == iface)
			found |= mask(data, len, keys[i].path, 0);
	return found;
}
