/* Heartbeats on S1: a silent eNodeB is asked, and one that does not answer is gone. */
#include "handlers.h"
#include "s1_fsm.h"

static void send_heartbeat(struct mme *m, struct s1_peer *p, bool answer)
{
	Keyhop__S1__Heartbeat body = KEYHOP__S1__HEARTBEAT__INIT;
	Keyhop__S1__S1 msg = KEYHOP__S1__S1__INIT;

	body.instance = m->node.instance;
	body.answer = answer;
	msg.body_case = KEYHOP__S1__S1__BODY_HEARTBEAT;
	msg.heartbeat = &body;
	(void)node_send(&m->node, p->link, IFACE_S1, LOG_TUNNEL, p->name, &msg.base);
}

void heartbeat_probe(struct mme *m, struct s1_peer *p)
{
	send_heartbeat(m, p, false);
}

void heartbeat_rx(struct mme *m, struct s1_peer *p, const Keyhop__S1__S1 *s1)
{
	if (!s1->heartbeat->answer)
		send_heartbeat(m, p, true);
}

int s1_liveness(struct mme *m, struct s1_peer *p, const struct s1_input *in)
{
	int err;

	(void)in;
	if (liveness_tick(&p->liveness, m->opt.liveness_misses, &err))
		send_heartbeat(m, p, false);
	if (err)
		node_refuse(&m->node, LOG_TUNNEL, err, p->name, "%u heartbeats unanswered",
			    m->opt.liveness_misses);
	return err;
}
