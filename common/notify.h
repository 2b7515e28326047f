/* Tells a service manager what this process does: the datagram protocol of sd_notify(3), without its library. */
#ifndef KEYHOP_NOTIFY_H
#define KEYHOP_NOTIFY_H

/* Sends `state` ("READY=1", "STOPPING=1", ...) to the socket that NOTIFY_SOCKET names, if there is one. Nobody
 * listening, or not reading, is no error. */
void notify(const char *state);

struct node;
struct notify;

/* Says that the daemon serves; from now on its loop sends keep-alives, when the service manager wants them, and a line
 * of status whenever that changes, once a second at most. NULL when nobody listens. */
struct notify *notify_ready(struct node *n);
void notify_end(struct notify *t);

#endif
