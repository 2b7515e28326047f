#ifndef KEYHOP_FAKE_CLOCK_H
#define KEYHOP_FAKE_CLOCK_H

#include "clock.h"

extern int64_t fake_mono_us, fake_wall_us;

#endif
