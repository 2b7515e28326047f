#include "liveness.h"

bool liveness_tick(struct liveness *l, uint32_t misses, int *err)
{
	bool silent = !l->heard;

	*err = 0;
	l->heard = false;
	if (silent && l->missed < UINT8_MAX)
		l->missed++;
	if (l->missed > misses)
		*err = KH_E_PEER_SILENT;
	return silent && !*err;
}
