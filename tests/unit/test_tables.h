/* Walks every cell, state x event, of a machine's table. */
#ifndef KEYHOP_TEST_TABLES_H
#define KEYHOP_TEST_TABLES_H

#include "fsm.h"

/* Steps a fresh owner in `state` with `event` and asserts that it is refused by name: the error, a counter, no
 * change of state. */
typedef void tables_refused_fn(uint8_t state, uint8_t event);

/* Cells without a row go to `refused`; cells with a row have exactly one, which leads where it says, on success
 * and on failure, with a timer where the state it leads to has a timeout. Returns the number of rows used. */
void tables_every_cell(const struct fsm *f, tables_refused_fn *refused);
/* Every row of the table is the row of some cell, every event has one, every state can be reached. */
void tables_nothing_is_dead(const struct fsm *f);

#endif
