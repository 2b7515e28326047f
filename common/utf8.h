/* Text that came from elsewhere, perhaps cut anywhere: JSON wants it in UTF-8. */
#ifndef KEYHOP_UTF8_H
#define KEYHOP_UTF8_H

#include <stddef.h>

/* Ends the text within `size`, and puts a '?' for every octet of it that is not UTF-8. */
void utf8_clean(char *text, size_t size);

#endif
