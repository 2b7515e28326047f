/* Keys that a message carries inside its tunnel, masked in a copy that is to be shown or kept. */
#ifndef KEYHOP_REDACT_H
#define KEYHOP_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

/* Overwrites the key octets of a packed message of `iface` with zeros; lengths stay, so it still unpacks. A message
 * that is cut inside a key is masked to its end. True when there were any. */
bool redact_keys(enum iface iface, uint8_t *data, size_t len);

#endif
