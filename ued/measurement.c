/* Event A3 (TS 36.331 5.5.4.4) on the values the UE is given, and message 6. */
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "mem.h"
#include "rrc_msg.h"
#include "ue_fsm.h"

#define CELLS_REPORTED 32

static int32_t rsrp_of(const struct ue *ue, uint32_t cell)
{
	for (size_t i = 0; i < ue->n_measured; i++)
		if (ue->measured[i].cell == cell)
			return ue->measured[i].rsrp_cdbm;
	return RSRP_UNKNOWN;
}

/* Entering condition: Mn - Hys > Ms + Off. */
const struct measurement *measurement_a3(const struct ue *ue)
{
	const struct measurement *best = NULL;
	int32_t bar =
		rsrp_of(ue, ue->cell->id) + ue->a3_offset_cdb + (int32_t)ue->a3_hysteresis_cdb;

	for (size_t i = 0; i < ue->n_measured; i++) {
		const struct measurement *m = &ue->measured[i];
		if (m->cell != ue->cell->id && m->rsrp_cdbm > bar &&
		    (!best || m->rsrp_cdbm > best->rsrp_cdbm))
			best = m;
	}
	return best;
}

static void send_report(struct ue *ue)
{
	Keyhop__Rrc__CellMeasurement cells[CELLS_REPORTED], *at[CELLS_REPORTED];
	Keyhop__Rrc__MeasurementReport body = KEYHOP__RRC__MEASUREMENT_REPORT__INIT;
	struct node_event ev = ue_event(ue, "measure.sent", "6");

	body.serving_rsrp_cdbm = rsrp_of(ue, ue->cell->id);
	body.neighbour = at;
	for (size_t i = 0; i < ue->n_measured && body.n_neighbour < CELLS_REPORTED; i++) {
		if (ue->measured[i].cell == ue->cell->id)
			continue;
		Keyhop__Rrc__CellMeasurement *c = at[body.n_neighbour] = &cells[body.n_neighbour];
		keyhop__rrc__cell_measurement__init(c);
		c->enb_id = ue->measured[i].cell;
		c->rsrp_cdbm = ue->measured[i].rsrp_cdbm;
		body.n_neighbour++;
	}
	RRC_MSG(msg, MEASUREMENT_REPORT, measurement_report, &body);
	if (ue_send(ue, &msg))
		return;
	ev.enb = ue->cell->id;
	node_count(&ue->node->node, METRIC_MEASUREMENT_REPORTS);
	events_emit(ue->node->node.events, &ev);
}

static void on_triggered(void *arg)
{
	struct ue *ue = arg;

	ue->a3_timer = NULL;
	if (ue->fsm.now == UE_ATTACHED && measurement_a3(ue))
		send_report(ue);
}

/* Time to trigger runs while A3 holds; it ends when A3 does. */
static void evaluate(struct ue *ue)
{
	if (ue->fsm.now != UE_ATTACHED || !measurement_a3(ue)) {
		loop_timer_stop(&ue->a3_timer);
		return;
	}
	if (ue->a3_time_to_trigger_ms == 0)
		send_report(ue);
	else if (!ue->a3_timer)
		ue->a3_timer = loop_timer_start(ue->node->node.loop, ue->a3_time_to_trigger_ms,
						on_triggered, ue);
}

void measurement_set(struct ue *ue, const struct measurement *m, size_t n)
{
	ue->measured = x_realloc(ue->measured, n * sizeof *m);
	ue->n_measured = n;
	memcpy(ue->measured, m, n * sizeof *m);
	evaluate(ue);
}
