/* Every topic of an event: its step of the contribution, who emits it, and what it says. schema.list and the manual
 * pages are made from it; a test holds it against the sources. */
#ifndef KEYHOP_EVENT_TOPICS_H
#define KEYHOP_EVENT_TOPICS_H

struct json_t;

/* X(topic, step or "", daemons, help) */
/* clang-format off */
#define EVENT_TOPICS(X) \
	X("refused", "", "mmed enbd ued", "something was refused; cause says why") \
	X("msg.tx", "", "mmed enbd ued", "a message was sent, while a trace runs; its step is in the event") \
	X("msg.rx", "", "mmed enbd ued", "a message came, while a trace runs") \
	X("fault.fired", "", "mmed enbd ued", "a fault on purpose met its message") \
	X("config.reloaded", "", "mmed enbd ued", "the configuration was read again") \
	X("store.full", "", "mmed", "no room on the store's disk: nothing new is taken") \
	X("store.room", "", "mmed", "there is room on the store's disk again") \
	X("capture.stopped", "", "mmed enbd ued", "the capture has ended; cause when it had to") \
	X("crl.loaded", "", "mmed enbd", "a revocation list is in force") \
	X("crl.refused", "", "mmed enbd", "a revocation list was not taken; the last good one stays in force") \
	X("crl.expired", "", "mmed enbd", "the revocation list in force should have been replaced by now") \
	X("certificate.revoked", "", "mmed enbd", "a certificate in use is in the revocation list") \
	X("certificate.expiring", "", "mmed enbd", "own certificate or that of the CA ends soon") \
	X("certificate.loaded", "", "mmed enbd", "own certificate was renewed") \
	X("auth.failed", "", "mmed enbd", "a peer is not who it says it is, or not wanted") \
	X("association.up", "", "mmed enbd ued", "an SCTP association is up") \
	X("association.down", "", "mmed enbd ued", "an SCTP association has ended") \
	X("association.restart", "", "mmed enbd ued", "the peer has set an SCTP association up anew: it is given up") \
	X("association.shutdown", "", "mmed enbd ued", "the peer is about to end an SCTP association") \
	X("path.up", "", "mmed enbd ued", "an address of an SCTP peer can be reached") \
	X("path.down", "", "mmed enbd ued", "an address of an SCTP peer cannot be reached") \
	X("enb.up", "", "mmed", "an eNodeB has joined") \
	X("enb.down", "", "mmed", "the association of an eNodeB has ended") \
	X("tunnel.up", "", "enbd", "the association with the MME is set up") \
	X("tunnel.down", "", "enbd", "the association with the MME has ended") \
	X("x2.up", "", "enbd", "an association with a neighbour is set up") \
	X("x2.down", "", "enbd", "an association with a neighbour has ended") \
	X("cell.up", "", "ued", "a cell can be used") \
	X("cell.down", "", "ued", "a cell cannot be used") \
	X("enbkey.picked", "1", "mmed", "there is a new MME-eNB_key") \
	X("enbkey.sent", "2", "mmed", "an MME-eNB_key went to its eNodeB") \
	X("enbkey.installed", "2", "enbd", "an MME-eNB_key is in use") \
	X("enbkey.acknowledged", "2", "mmed", "the MME wraps under a new MME-eNB_key from now on") \
	X("scheme.in_force", "2", "mmed", "a new wrap or length of MME-eNB_key has reached an eNodeB") \
	X("enbkey.erased", "", "mmed enbd", \
	  "the grace time of an MME-eNB_key is over, or its eNodeB's certificate was revoked") \
	X("authentication.requested", "", "mmed", "RAND and AUTN went to the UE") \
	X("authentication.resynchronised", "", "mmed", "the UE's SQN was taken over") \
	X("authentication.failed", "", "ued", "AUTN does not verify, or its SQN is out of range") \
	X("attach.failed", "", "ued", "an attach came to nothing") \
	X("ue.attached", "", "mmed ued", "a UE is attached") \
	X("ue.connected", "", "enbd", "a UE has its first AS security here") \
	X("ue.detached", "", "mmed", "a UE is detached") \
	X("ue.released", "", "mmed enbd ued", "the context of a UE has ended") \
	X("ue.lost", "", "mmed", "the eNodeB of a UE was lost") \
	X("ue.reestablished", "", "enbd ued", "a UE came back to the source under the old keys") \
	X("kenb.initial", "", "mmed enbd ued", "the KeNB of the attach") \
	X("neighbour_list.sent", "3", "enbd", "the serving eNodeB asks for a list") \
	X("neighbour_list.received", "3", "mmed", "the MME is asked for a list") \
	X("hkey.picked", "3a", "mmed", "a fresh H_key") \
	X("kenb.derived", "3b", "mmed ued", "KeNB of a target; 9a at the UE") \
	X("kenb.wrapped", "3c", "mmed", "KeNB of a target, wrapped for it") \
	X("wraplist.sent", "4", "mmed", "a list went to the serving eNodeB; 13 when it answers 12") \
	X("wraplist.received", "4", "enbd", "the serving eNodeB has a list") \
	X("wraplist.relayed", "13", "enbd", "the old source handed a 13 on to the cell of the UE") \
	X("wraplist.refused", "4", "enbd", "the MME made no list") \
	X("hkey.sent", "5", "mmed", "H_key went to the UE") \
	X("hkey.relayed", "5", "enbd", "H_key was handed to the UE: its list is usable") \
	X("hkey.received", "5", "ued", "the UE has H_key") \
	X("measure.sent", "6", "ued", "event A3 held") \
	X("measure.received", "6", "enbd", "the cell has the report") \
	X("handover.decided", "6a", "enbd", "a handover, by measurement or by command") \
	X("handover.requested", "7", "enbd", "the source asks the target") \
	X("kenb.unwrapped", "7a", "enbd", "the target has its KeNB") \
	X("handover.refused", "7a", "enbd", "the target refuses") \
	X("handover.prepared", "8", "enbd", "the target is ready") \
	X("as_keys.derived", "8a", "enbd ued", "RRC and UP keys; 9b at the UE") \
	X("handover.commanded", "9", "enbd ued", "the UE shall go") \
	X("handover.confirmed", "10", "enbd", "the UE is at the target, under the new keys") \
	X("handover.executed", "10", "ued", "the UE knows that the target has it") \
	X("handover.complete_sent", "11", "enbd", "the target tells the source") \
	X("handover.completed", "11", "enbd", "the source has let the UE go") \
	X("handover.failed", "", "enbd", "a handover came to nothing; cause says why") \
	X("handover.cancelled", "", "enbd", "the target gave an arrival up") \
	X("location_update.sent", "12", "enbd", "where the UE is now") \
	X("location_update.received", "12", "mmed", "the MME believes where the UE is now") \
	X("traffic.ping", "", "ued", "user data came back")
/* clang-format on */

/* New JSON array [{topic, step, daemons, help}]. */
struct json_t *event_topics_json(void);

#endif
