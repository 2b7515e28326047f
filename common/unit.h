/* Units of a link's octets: frames, and under TLS its records. Who cuts the octets cuts between units, so that a message of
 * SCTP or a record of TLS reads well alone. */
#ifndef KEYHOP_UNIT_H
#define KEYHOP_UNIT_H

#include <stddef.h>
#include <stdint.h>

/* Octets of the unit that begins at `data`, also when `len` has less of it; `len` when even its header is cut. A frame's
 * length begins with a zero octet, as no frame is that long, and a TLS record does not. */
size_t unit_len(const uint8_t *data, size_t len);
/* Octets of the whole units from the begin of `data`, at most `max`; 0: the first one is longer. */
size_t units_within(const uint8_t *data, size_t len, size_t max);

#endif
