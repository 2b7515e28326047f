/* Memory for unpacking protobuf messages: a bounded arena that is emptied and wiped after each message, so a
 * hostile frame cannot ask for more and no received key stays behind. */
#ifndef KEYHOP_PBMEM_H
#define KEYHOP_PBMEM_H

#include <stdbool.h>
#include <stddef.h>

struct pbmem;
struct ProtobufCAllocator;

/* `budget` octets, allocated once. */
struct pbmem *pbmem_new(size_t budget);
void pbmem_free(struct pbmem *m);
/* For protobuf_c_message_unpack(); its free does nothing, pbmem_reset() frees all. */
struct ProtobufCAllocator *pbmem_allocator(struct pbmem *m);
/* Wipes what was used. */
void pbmem_reset(struct pbmem *m);
/* True when an allocation was refused since the last reset. */
bool pbmem_exhausted(const struct pbmem *m);

#endif
