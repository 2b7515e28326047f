/* Handlers of S1 and X2 messages that are not about one UE. */
#ifndef KEYHOP_ENBD_HANDLERS_H
#define KEYHOP_ENBD_HANDLERS_H

#include "enb.h"

typedef void s1_handler(struct enb *e, const Keyhop__S1__S1 *s1);
s1_handler s1_setup_rx_response, s1_setup_rx_failure, key_provision_rx, error_rx_s1;

typedef void x2_handler(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *x2);
x2_handler x2_setup_rx_request, x2_setup_rx_response, x2_setup_rx_failure, ho_prepare_rx_request,
	error_rx_x2;

void s1_setup_send(struct enb *e);
void x2_setup_send(struct x2_peer *p);
/* SRB0: connection request and re-establishment request. */
void attach_rx_connection_request(struct enb *e, struct uu_link *uu, const Keyhop__Rrc__Rrc *rrc);
void reestablishment_rx(struct enb *e, struct uu_link *uu, const Keyhop__Rrc__Rrc *rrc);
/* DRB1. */
void traffic_rx(struct ue *ue, const ProtobufCBinaryData *pdu);
/* The target's memory of generations: KH_E_STALE_GENERATION when `generation` is not above the floor. */
int floor_check(struct enb *e, uint32_t mme_ue_id, uint64_t generation) KH_MUST_CHECK;
void floor_raise(struct enb *e, uint32_t mme_ue_id, uint64_t generation, uint32_t key_id);
/* Forgets what came under keys that do not open any more. */
void floor_prune(struct enb *e);

#endif
