/* Is the peer of an association still there? Heartbeats when it is silent, an end after too many of them. */
#ifndef KEYHOP_LIVENESS_H
#define KEYHOP_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct liveness {
	bool heard; /* since the last tick */
	uint8_t missed; /* ticks in a row without a word from the peer */
};

static inline void liveness_heard(struct liveness *l)
{
	l->heard = true;
	l->missed = 0;
}

/* Once an interval. True: send a heartbeat. *err becomes KH_E_PEER_SILENT after `misses` silent intervals. */
bool liveness_tick(struct liveness *l, uint32_t misses, int *err);

#define LIVENESS_OPTION_ROWS(interval, misses) \
	{.key = "liveness.interval", \
	 .type = CONFIG_DURATION, \
	 .reloadable = true, \
	 .offset = (interval), \
	 .def = "1s", \
	 .min = 20, \
	 .max = 600000, \
	 .help = "silence after which a peer is asked whether it is there"}, \
	{ \
		.key = "liveness.misses", .type = CONFIG_U32, .offset = (misses), .def = "2", \
		.min = 1, .max = 100, .help = "unanswered questions after which a peer is gone" \
	}

#endif
