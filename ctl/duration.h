/* Durations as people type them: 5, 0.05, 5s, 200ms, 2m. */
#ifndef KEYHOP_CTL_DURATION_H
#define KEYHOP_CTL_DURATION_H

#include <stdint.h>

/* -1 for what is none. A number without a unit is seconds. At most 24 days. */
int duration_parse(const char *text, int *ms);
/* Monotonic. */
int64_t now_ms(void);

#endif
