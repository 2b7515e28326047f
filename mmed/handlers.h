/* Handlers of S1 messages that are not about one UE. */
#ifndef KEYHOP_MMED_HANDLERS_H
#define KEYHOP_MMED_HANDLERS_H

#include "mme.h"

typedef void s1_handler(struct mme *m, struct s1_peer *p, const Keyhop__S1__S1 *s1);

s1_handler key_provision_rx_ack, nas_transport_rx_initial, nas_transport_rx_uplink,
	error_rx_indication, heartbeat_rx;

/* Asks the eNodeB at the other end whether it is there. */
void heartbeat_probe(struct mme *m, struct s1_peer *p);

/* Steps 1 and 2: a new MME-eNB_key for `e`. It is used for wrapping once the eNodeB has acknowledged it. */
void key_provision_start(struct mme *m, struct enb *e);
/* Is the key in use one that the options would make now? */
bool key_provision_is_current(const struct mme *m, const struct enb *e);
/* Steps 1 and 2 for an eNodeB that is there, if its key is not. */
void key_provision_renew(struct mme *m, struct enb *e);
/* Can keys of this length be wrapped for it? */
bool key_provision_is_usable(const struct mme *m, const struct enb *e);
/* Before each wrap: renews the key in time, and stops its use long before its nonces could repeat.
 * KH_E_COUNT_EXHAUSTED. */
int key_provision_use(struct mme *m, struct enb *e) KH_MUST_CHECK;

#endif
