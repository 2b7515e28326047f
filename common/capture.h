/* What goes over this node's links, as a pcapng file that Wireshark opens: one packet a message, in clear as it was
 * inside the tunnel but for the octets of keys, on Uu as on the air; with step, name, protection and fingerprints in
 * the comment. Needs no rights. Written once per turn of the loop, before anything of that turn leaves. */
#ifndef KEYHOP_CAPTURE_H
#define KEYHOP_CAPTURE_H

#include "ctl.h"
#include "node.h"

struct capture_settings {
	const char *file;
	uint64_t max_size; /* octets, then the next file; 0: no limit */
	uint32_t max_age_ms; /* 0: no limit */
	uint32_t files; /* older ones kept: FILE.1 is the newest of them */
};

/* Begins; an existing capture is replaced, a file that is something else is not. KH_E_ALREADY_EXISTS while one runs,
 * KH_E_CONFIG with `why`. */
int capture_start(struct node *n, const struct capture_settings *s, char *why,
		  size_t why_len) KH_MUST_CHECK;
/* Ends, with what is still to be written. `err` 0, or why it cannot go on. Nothing while there is none. */
void capture_stop(struct node *n, int err, const char *detail);
/* A message inside another (NAS, RRC): noted at the packet that carried it, or, when it is on its way out and not
 * yet in its carrier, that will. `peer` is named when it is an IMSI. */
void capture_note(struct node *n, const struct passage *p);
/* {running, file, packets, bytes, files} */
json_t *capture_status(const struct node *n);

/* capture.start, capture.stop, capture.status */
extern const struct ctl_method capture_methods[];

#endif
