/* State machines as tables. A machine's own row type begins with struct fsm_rule and adds a typed action; its
 * step function finds the row, runs the action and hands the result to fsm_settle(), the only writer of a state:
 *
 *	{ { MASK(UE_ACTIVE), EV_DETACH, UE_GONE, UE_ACTIVE }, rx_detach_request },
 */
#ifndef KEYHOP_FSM_H
#define KEYHOP_FSM_H

#include <stddef.h>
#include <stdint.h>

#include "log.h"

#define FSM_MASK(state) (1U << (state))

struct fsm_rule {
	uint32_t states; /* mask of the states in which the row holds */
	uint8_t event;
	uint8_t ok; /* next state when the action gives 0 */
	uint8_t fail; /* next state when it gives an error */
};

struct fsm {
	const char *name;
	enum log_cat cat;
	const char *const *states;
	const char *const *events;
	uint8_t state_count, event_count;
	const void *rows; /* of the machine's own type, struct fsm_rule first */
	size_t row_count, row_size;
};

/* The row for state x event, or NULL: refused, nothing changes. */
const struct fsm_rule *fsm_find(const struct fsm *f, uint8_t state, uint8_t event);
/* Writes the next state and logs a change. `who` names the object in the log. */
void fsm_settle(const struct fsm *f, uint8_t *state, const struct fsm_rule *rule, int result,
		const char *who);
const char *fsm_state_name(const struct fsm *f, uint8_t state);
const char *fsm_event_name(const struct fsm *f, uint8_t event);

#endif
