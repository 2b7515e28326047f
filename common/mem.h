/* Memory that is always there: without it the process ends with a message. What a peer can make us
 * allocate is bounded before it comes here. */
#ifndef KEYHOP_MEM_H
#define KEYHOP_MEM_H

#include <stddef.h>

_Noreturn void x_out_of_memory(void);
void *x_calloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *x_realloc(void *p, size_t size) __attribute__((returns_nonnull));
/* Wipes the block, all of it, and frees it: for libraries that may have had a key in it. */
void x_free_wiped(void *p);
char *x_strdup(const char *s) __attribute__((malloc, returns_nonnull));

#endif
