/* UEs for which the MME owes an answer: a 3 or a 12 that stays without one is sent again. */
#include <utlist.h>

#include "handlers.h"
#include "loop.h"
#include "ue_fsm.h"

#define RETRY_MS 1000

static void on_retry(void *arg)
{
	struct enb *e = arg;

	e->pending_timer = NULL;
	pending_retry(e);
}

static void set_timer(struct enb *e)
{
	if (e->pending && !e->pending_timer)
		e->pending_timer = loop_timer_start(e->node.loop, RETRY_MS, on_retry, e);
}

void pending_add(struct ue *ue)
{
	if (!ue->pending_prev)
		DL_APPEND2(ue->enb->pending, ue, pending_prev, pending_next);
	set_timer(ue->enb);
}

void pending_remove(struct ue *ue)
{
	struct enb *e = ue->enb;

	if (!ue->pending_prev)
		return;
	DL_DELETE2(e->pending, ue, pending_prev, pending_next);
	ue->pending_prev = NULL;
	ue->pending_next = NULL;
	if (!e->pending)
		loop_timer_stop(&e->pending_timer);
}

void pending_retry(struct enb *e)
{
	struct ue *ue, *tmp;

	loop_timer_stop(&e->pending_timer);
	DL_FOREACH_SAFE2(e->pending, ue, tmp, pending_next)
	{
		if (ue->evidence.pdu)
			(void)location_update_send(ue);
		else if (ue_is_served(ue))
			(void)neighbour_list_send(ue);
	}
	set_timer(e);
}
