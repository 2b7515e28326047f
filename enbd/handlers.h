/* Handlers of S1 and X2 messages that are not about one UE. */
#ifndef KEYHOP_ENBD_HANDLERS_H
#define KEYHOP_ENBD_HANDLERS_H

#include "enb.h"

typedef void s1_handler(struct enb *e, const Keyhop__S1__S1 *s1);
s1_handler key_provision_rx, error_rx_s1, heartbeat_rx_s1;

typedef void x2_handler(struct enb *e, struct x2_peer *p, const Keyhop__X2__X2 *x2);
x2_handler ho_prepare_admit, location_update_rx_relayed, error_rx_x2, heartbeat_rx_x2;

void s1_setup_send(struct enb *e);
/* Another MME: its keys have nothing to do with those of the last one. */
void key_provision_forget(struct enb *e);
/* SRB0: connection request and re-establishment request. */
void attach_admit(struct enb *e, struct uu_link *uu, const Keyhop__Rrc__Rrc *rrc);
void reestablishment_rx(struct enb *e, struct uu_link *uu, const Keyhop__Rrc__Rrc *rrc);
/* pending.c: the MME owes an answer about this UE; it has come; all that are owed are asked for again. */
void pending_add(struct ue *ue);
void pending_remove(struct ue *ue);
void pending_retry(struct enb *e);
/* Asks the neighbour at the other end whether it is there. */
void heartbeat_probe(struct enb *e, struct x2_peer *p);
/* 3 for all who have no usable list, after the MME came back. */
void neighbour_list_retry(struct enb *e);
/* Begins to look after lists that grow older than list_lifetime. */
void neighbour_list_watch(struct enb *e);
/* A 13 that is for the eNodeB that serves the UE now goes there, unread. False: it is for a UE here. */
bool location_update_relay(struct enb *e, Keyhop__S1__WrappedKeyList *list);
/* The MME has answered the 12 of this UE, or will never. */
void location_update_settled(struct ue *ue);
/* DRB1. */
void traffic_rx(struct ue *ue, const ProtobufCBinaryData *pdu);
/* The target's memory of generations: KH_E_STALE_GENERATION when `generation` is not above the floor. */
int floor_check(struct enb *e, uint32_t mme_ue_id, uint64_t generation) KH_MUST_CHECK;
void floor_raise(struct enb *e, uint32_t mme_ue_id, uint64_t generation, uint32_t key_id);
/* Forgets what came under keys that do not open any more. */
void floor_prune(struct enb *e);

#endif
