#include "unit.h"

#include "ids.h"
#include "link.h"

#define RECORD_HEADER 5 /* type, version, length */

size_t unit_len(const uint8_t *data, size_t len)
{
	if (len >= FRAME_HEADER && data[0] == 0)
		return FRAME_HEADER + (size_t)get_be32(data);
	if (len >= RECORD_HEADER && data[0] != 0)
		return RECORD_HEADER + ((size_t)data[3] << 8 | data[4]);
	return len;
}

size_t units_within(const uint8_t *data, size_t len, size_t max)
{
	size_t end = 0;

	while (end < len) {
		size_t n = unit_len(data + end, len - end);

		if (n > len - end || n > max - end)
			break;
		end += n;
	}
	return end;
}
