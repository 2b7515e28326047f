/* traffic.ping: an echo request under K_UPenc to the serving eNodeB and its answer: proves both ends' key. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ctl.h"
#include "echo.h"
#include "link.h"
#include "loop.h"
#include "mem.h"
#include "rng.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

void traffic_end(struct ue *ue, int err)
{
	struct ping *p = ue->ping;

	if (!p)
		return;
	ue->ping = NULL;
	loop_timer_stop(&p->timer);
	if (err)
		ctl_fail(p->req, err, NULL);
	else
		ctl_reply(p->req, json_pack("{s:s, s:s, s:I, s:I}", "outcome", "completed", "ue",
					    ue->imsi.s, "serving", (json_int_t)ue->cell->id,
					    "rtt_us", (json_int_t)(clock_mono_us() - p->sent_us)));
	free(p);
}

static void on_timeout(void *arg)
{
	struct ue *ue = arg;

	ue->ping->timer = NULL;
	traffic_end(ue, KH_E_TIMEOUT);
}

static int send_request(struct ue *ue, struct ping *p)
{
	struct echo echo = {.type = ECHO_REQUEST, .id = ue->c_rnti, .seq = p->seq};
	const struct uu_end to = ue_radio(ue);
	uint8_t data[ECHO_LEN];

	memcpy(echo.data, p->data, sizeof echo.data);
	echo_build(&echo, data);
	p->sent_us = clock_mono_us();
	return rrc_send_data(&ue->node->node, &to, data, sizeof data);
}

/* Between cells it waits, and then goes under the keys that are in use. */
static bool has_user_data(const struct ue *ue)
{
	return ue->fsm.now == UE_ATTACHED || ue->fsm.now == UE_MOVING ||
	       ue->fsm.now == UE_RETURNING;
}

void traffic_settled(struct ue *ue)
{
	struct ping *p = ue->ping;

	if (!p || p->sent_us || ue->fsm.now != UE_ATTACHED)
		return;
	int err = send_request(ue, p);
	if (err)
		traffic_end(ue, err);
}

void traffic_ping(struct ue *ue, struct ctl_request *req)
{
	if (ue->ping || !has_user_data(ue)) {
		ctl_fail(req, ue->ping ? KH_E_BUSY : KH_E_BAD_STATE, NULL);
		return;
	}
	struct ping *p = ue->ping = x_calloc(1, sizeof *p);
	p->req = req;
	p->seq = ++ue->ping_seq;
	rng_bytes(p->data, sizeof p->data);
	p->timer = loop_timer_start(ue->node->node.loop, ue->node->opt.ping_timeout_ms, on_timeout,
				    ue);
	traffic_settled(ue);
}

static int check(struct ue *ue, const ProtobufCBinaryData *pdu)
{
	uint8_t plain[UU_PDU_MAX];
	struct echo echo;
	size_t len;
	int err = pdcp_drb_open(ue->node->node.crypto, &ue->pdcp, pdu->data, pdu->len, plain, &len);

	if (!err)
		err = echo_parse(plain, len, &echo);
	if (err)
		return err;
	if (!ue->ping || !ue->ping->sent_us || echo.type != ECHO_REPLY ||
	    echo.seq != ue->ping->seq || memcmp(echo.data, ue->ping->data, sizeof echo.data) != 0)
		return KH_E_BAD_FIELD;
	return 0;
}

void traffic_rx(struct ue *ue, const ProtobufCBinaryData *pdu)
{
	struct node_event ev = ue_event(ue, "traffic.ping", NULL);
	int err = check(ue, pdu);

	if (err) {
		node_refuse(&ue->node->node, LOG_AIR, err, ue->imsi.s, "user data");
		return;
	}
	ev.enb = ue->cell->id;
	ev.gen = ue->kenb_gen;
	ev.duration_us = clock_mono_us() - ue->ping->sent_us;
	ev.has_duration = true;
	events_emit(ue->node->node.events, &ev);
	node_count(&ue->node->node, METRIC_PINGS);
	traffic_end(ue, 0);
}
