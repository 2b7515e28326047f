#include "utf8.h"

/* Length of the UTF-8 sequence at `p`, 0 when there is none: too long a form, a surrogate, cut. */
static size_t utf8_len(const unsigned char *p)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

void utf8_clean(char *text, size_t size)
{
	unsigned char *p = (unsigned char *)text;

	text[size - 1] = '\0';
	while (*p != '\0') {
		size_t len = utf8_len(p);

		if (len == 0)
			*p = '?';
		p += len != 0 ? len : 1;
	}
}
