/* What a daemon says of its own accord, as rows: for the schema and the manual. */
#include "ctl.h"

static const struct ctl_param hello_members[] = {
	{"role", CTL_STRING, true, 0, 0, "mmed, enbd or ued"},
	{"node", CTL_STRING, true, 0, 0, "name of the node"},
	{"version", CTL_STRING, true, 0, 0, "of the daemon"},
	{"api", CTL_STRING, true, 0, 0,
	 "version of this interface: MAJOR.MINOR; only another MAJOR breaks what was"},
	{"viewer", CTL_BOOL, true, 0, 0, "only methods that change nothing are served here"},
	{"caps", CTL_ARRAY, true, 0, 0, "what it can do beside methods: events, trace"},
	{0},
};

static const struct ctl_param event_members[] = {
	{"topic", CTL_STRING, true, 0, 0, "what has happened"},
	{"seq", CTL_INT, true, 0, 0, "number of the event, one more for each of the node"},
	{"ts", CTL_STRING, true, 0, 0, "time, UTC with microseconds"},
	{"node", CTL_STRING, true, 0, 0, "name of the node"},
	{"step", CTL_STRING, false, 0, 0, "step of the contribution"},
	{"message", CTL_STRING, false, 0, 0,
	 "of a trace: name of the message, x2.handover_request"},
	{"interface", CTL_STRING, false, 0, 0, "of a trace: S1, X2 or Uu"},
	{"protection", CTL_STRING, false, 0, 0, "of a trace: clear, tunnel (TLS), nas or rrc"},
	{"octets", CTL_INT, false, 0, 0, "of a trace: length of the message"},
	{"peer", CTL_STRING, false, 0, 0, "of a trace: who is at the other end"},
	{"ue", CTL_STRING, false, 0, 0,
	 "IMSI of the UE that it is about, where this node knows it"},
	{"mme_ue_id", CTL_INT, false, 0, 0, "what the MME calls that UE"},
	{"enb", CTL_INT, false, 0, 0,
	 "eNodeB that it is about: the target of a handover, the holder of a key, the one that a "
	 "message goes by"},
	{"source", CTL_INT, false, 0, 0, "the other one: where a handover begins"},
	{"gen", CTL_INT, false, 0, 0, "generation of the H_key; 0 is that of the attach"},
	{"kid", CTL_INT, false, 0, 0, "id of the MME-eNB_key"},
	{"key", CTL_STRING, false, 0, 0, "name of the key that the fingerprint is of"},
	{"fp", CTL_STRING, false, 0, 0, "fingerprint of a key, 8 hex digits"},
	{"cause", CTL_STRING, false, 0, 0, "what went wrong"},
	{"duration_us", CTL_INT, false, 0, 0, "how long it took"},
	{"detail", CTL_STRING, false, 0, 0, "more, for people"},
	{0},
};

static const struct ctl_param lost_members[] = {
	{"from", CTL_INT, true, 0, 0, "number of the first event that is lost"},
	{"to", CTL_INT, true, 0, 0, "and of the last"},
	{0},
};

const struct ctl_notification ctl_notifications[] = {
	{"hello", hello_members, "the first line, before anything is asked for"},
	{"event", event_members, "after events.subscribe: something has happened"},
	{"events.lost", lost_members,
	 "after events.subscribe: these have left the ring before they could be told"},
	{0},
};
