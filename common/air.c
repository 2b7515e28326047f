#include "air.h"

#include "node.h"
#include "rng.h"

static bool is_lost(struct node *n, const struct air *air)
{
	if (!air->quality.loss || rng_below(AIR_LOSS_ALL) >= (uint32_t)air->quality.loss)
		return false;
	node_count(n, METRIC_AIR_LOST);
	return true;
}

/* False: it is neither late nor lost. */
static bool take(struct node *n, struct air *air, struct link *link, enum link_direction dir,
		 struct link_held *what)
{
	const struct air_quality *q = &air->quality;
	struct link_lane *lane = &air->lanes[dir];

	if (is_lost(n, air))
		return true;
	if (!q->delay_ms && !q->jitter_ms && !lane->first)
		return false;
	what->total = &n->held;
	what->lane = lane;
	int err = link_hold(link, dir, q->delay_ms + rng_below(q->jitter_ms + 1), what);
	if (err)
		node_refuse(n, LOG_AIR, err, NULL, "a late message: too many are, it is lost");
	node_count(n, err ? METRIC_AIR_LOST : METRIC_AIR_DELAYED);
	return true;
}

int air_send(struct node *n, struct air *air, struct link *link,
	     const struct ProtobufCMessage *frame)
{
	struct link_held what = {.msg = frame};

	if (air && link_is_up(link) && take(n, air, link, LINK_TX, &what))
		return 0;
	return link_send(link, frame);
}

bool air_received(struct node *n, struct air *air, struct link *link, const uint8_t *frame,
		  size_t len)
{
	struct link_held what = {.frame = frame, .len = len};

	return !link_is_released(link) && take(n, air, link, LINK_RX, &what);
}

void air_clear(struct air *air)
{
	link_lane_clear(&air->lanes[LINK_TX]);
	link_lane_clear(&air->lanes[LINK_RX]);
}
