/* A trace: every message that this node sends or receives as an event, msg.tx or msg.rx, with step, name, interface,
 * protection and octets; never what is inside. Off it costs one test of a pointer for each message. */
#ifndef KEYHOP_TRACE_H
#define KEYHOP_TRACE_H

#include "ctl.h"
#include "node.h"

/* Begins, or goes on with another filter: only messages about `ue` (NULL: of all UEs and of none), only those of
 * `interfaces`, a mask of 1 << enum iface where RRC stands for Uu and what it carries (0: all). */
void trace_start(struct node *n, const struct imsi *ue, unsigned interfaces);
/* Nothing while there is none. */
void trace_stop(struct node *n);
/* A message, while a trace runs. */
void trace_message(struct node *n, const struct passage *p);
/* {running, ue, interfaces, messages} */
json_t *trace_status(const struct node *n);

/* trace.start, trace.stop, trace.status */
extern const struct ctl_method trace_methods[];

#endif
