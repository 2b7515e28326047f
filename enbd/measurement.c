/* Message 6 and decision 6a: the strongest reported neighbour that is better than this cell, and that it may hand over
 * to. */
#include "ue_fsm.h"

int measurement_rx_report(struct enb *e, struct ue *ue, const struct ue_input *in)
{
	const Keyhop__Rrc__MeasurementReport *report = in->rrc->measurement_report;
	const Keyhop__Rrc__CellMeasurement *best = NULL;
	struct node_event ev = ue_event(ue, "measure.received", "6");

	node_count(&e->node, METRIC_MEASUREMENT_REPORTS);
	for (size_t i = 0; i < report->n_neighbour; i++) {
		const Keyhop__Rrc__CellMeasurement *cell = report->neighbour[i];
		const struct neighbour *nb = neighbour_find(e, cell->enb_id);
		if (nb && nb->configured && cell->rsrp_cdbm > report->serving_rsrp_cdbm &&
		    (!best || cell->rsrp_cdbm > best->rsrp_cdbm))
			best = cell;
	}
	ev.enb = best ? best->enb_id : 0;
	events_emit(e->node.events, &ev);
	if (!best) {
		node_refuse(&e->node, LOG_HO, KH_E_NOT_A_NEIGHBOUR, ue_name(ue),
			    "no cell to go to");
		return KH_E_NOT_A_NEIGHBOUR;
	}
	ue->decided = best->enb_id;
	return 0;
}
