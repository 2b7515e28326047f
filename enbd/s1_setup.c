/* S1 setup. */
#include <stdio.h>

#include "handlers.h"
#include "loop.h"
#include "scheme.h"
#include "ue_fsm.h"

void s1_setup_send(struct enb *e)
{
	Keyhop__S1__S1SetupRequest body = KEYHOP__S1__S1_SETUP_REQUEST__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.enb_id = e->opt.id;
	body.plmn.data = e->node.plmn.b;
	body.plmn.len = sizeof e->node.plmn.b;
	body.enb_name = e->opt.node.name;
	body.instance = e->node.instance;
	body.scheme = (char *)(uintptr_t)e->scheme->name;
	msg.body_case = KEYHOP__S1__S1__BODY_S1_SETUP_REQUEST;
	msg.s1_setup_request = &body;
	(void)s1_send(e, &msg);
}

void s1_setup_rx_response(struct enb *e, const Keyhop__S1__S1 *s1)
{
	struct node_event ev = {.topic = "tunnel.up"};

	loop_timer_stop(&e->s1.timer);
	e->s1.state = ASSOC_UP;
	e->s1.attempts = 0;
	snprintf(e->s1.mme_name, sizeof e->s1.mme_name, "%s", s1->s1_setup_response->mme_name);
	events_emit(e->node.events, &ev);
	log_info(LOG_TUNNEL, "joined MME %s", e->s1.mme_name);
	location_update_retry(e);
}

void s1_setup_rx_failure(struct enb *e, const Keyhop__S1__S1 *s1)
{
	int err = err_from_cause(s1->s1_setup_failure->cause);
	struct node_event ev = {.topic = "auth.failed", .err = err};

	events_emit(e->node.events, &ev);
	log_error(LOG_TUNNEL, "MME refuses this eNodeB: cause=%s (%s)", err_name(err),
		  err_text(err));
}
