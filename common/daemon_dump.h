/* What a daemon says of itself on standard output: --help-options, --dump-fsm, --dump-schema. */
#ifndef KEYHOP_DAEMON_DUMP_H
#define KEYHOP_DAEMON_DUMP_H

struct daemon;

void daemon_dump_options(const struct daemon *d);
void daemon_dump_machines(const struct daemon *d);
void daemon_dump_schema(const struct daemon *d);

#endif
