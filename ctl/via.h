/* --via ssh:HOST: nodes of another machine, reached with nothing but OpenSSH at both ends. */
#ifndef KEYHOP_CTL_VIA_H
#define KEYHOP_CTL_VIA_H

#include <stddef.h>

/* Opens one ssh connection for each of `targets` (ssh:[user@]HOST[:/DIR] or ssh://[user@]HOST[:PORT][/DIR]), forwards the
 * control sockets found there into a directory of its own, and makes that KEYHOP_RUN.
 *
 * -1: go on, in a process of its own. Anything else is the exit code: of that process when it has ended, or of an error
 * that was printed. */
int via_enter(char *const *targets, size_t n);

#endif
