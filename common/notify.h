/* Tells a service manager what this process does: the datagram protocol of sd_notify(3), without its library. */
#ifndef KEYHOP_NOTIFY_H
#define KEYHOP_NOTIFY_H

/* Sends `state` ("READY=1", "STOPPING=1", ...) to the socket that NOTIFY_SOCKET names, if there is one. Nobody
 * listening is no error. */
void notify(const char *state);

#endif
