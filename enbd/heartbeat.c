/* Heartbeats on S1 and X2: a silent peer is asked, and one that does not answer is gone. */
#include "handlers.h"
#include "s1_fsm.h"
#include "x2_fsm.h"

static void send_s1(struct enb *e, bool answer)
{
	Keyhop__S1__Heartbeat body = KEYHOP__S1__HEARTBEAT__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.instance = e->node.instance;
	body.answer = answer;
	msg.body_case = KEYHOP__S1__S1__BODY_HEARTBEAT;
	msg.heartbeat = &body;
	(void)s1_send(e, &msg);
}

static void send_x2(struct enb *e, struct x2_peer *p, bool answer)
{
	Keyhop__X2__Heartbeat body = KEYHOP__X2__HEARTBEAT__INIT;
	Keyhop__X2__X2 msg = KEYHOP__X2__X2__INIT;

	body.instance = e->node.instance;
	body.answer = answer;
	msg.body_case = KEYHOP__X2__X2__BODY_HEARTBEAT;
	msg.heartbeat = &body;
	(void)x2_send(e, p, &msg);
}

void heartbeat_rx_s1(struct enb *e, const Keyhop__S1__S1 *s1)
{
	if (!s1->heartbeat->answer)
		send_s1(e, true);
}

void heartbeat_rx_x2(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *x2)
{
	if (!x2->heartbeat->answer)
		send_x2(e, p, true);
	else if (p->nb)
		neighbour_probed(p->nb, 0);
}

void heartbeat_probe(struct enb *e, struct x2_peer *p)
{
	send_x2(e, p, false);
}

int s1_liveness(struct enb *e, const struct s1_input *in)
{
	int err;

	(void)in;
	if (liveness_tick(&e->s1.liveness, e->opt.liveness_misses, &err))
		send_s1(e, false);
	if (err)
		node_refuse(&e->node, LOG_TUNNEL, err, "mme", "%u heartbeats unanswered",
			    e->opt.liveness_misses);
	return err;
}

int x2_liveness(struct enb *e, struct x2_peer *p, const struct x2_input *in)
{
	int err;

	(void)in;
	if (liveness_tick(&p->liveness, e->opt.liveness_misses, &err))
		send_x2(e, p, false);
	if (err)
		node_refuse(&e->node, LOG_X2, err, p->name, "%u heartbeats unanswered",
			    e->opt.liveness_misses);
	return err;
}
