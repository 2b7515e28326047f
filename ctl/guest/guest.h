/* keyhop-guest: the one program besides the daemon in a virtual machine of a lab. All that the host and the guest have
 * to say to each other goes through one virtio-serial port: control connections, commands, what the daemon writes.
 *
 * A frame: type (1), 0 (1), channel (2, big endian), length (4, big endian), payload. Channels are numbered by the
 * host; 0 is the guest itself. */
#ifndef KEYHOP_GUEST_H
#define KEYHOP_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GUEST_HEAD 8
#define GUEST_FRAME_MAX 65536 /* payload */
#define GUEST_OUTPUT_HIGH (1U << 20)
#define GUEST_OUTPUT_LOW (64U << 10)
#define GUEST_ARGS_MAX 64
#define GUEST_CHANNELS_MAX 64

enum guest_frame {
	/* to the host */
	GUEST_HELLO = 'H', /* the guest is there */
	GUEST_READY = 'R', /* the daemon says READY=1 */
	GUEST_EXITED = 'X', /* the daemon ended: code (4, big endian), below 0 a signal */
	GUEST_FILE = 'F', /* name, 0, octets: to be added to a file */
	GUEST_ERR = 'E', /* what a command wrote to its standard error */
	GUEST_CLOSED =
		'C', /* the other end of a channel closed; for a command: code (4); 0: nothing more comes */
	/* to the guest */
	GUEST_START = 'B', /* time (8, microseconds): starts the daemon */
	GUEST_KILL = 'S', /* signal (1): to the daemon */
	GUEST_QUIT = 'Q', /* ends the daemon, sends what is left of the files, ends */
	GUEST_OPEN = 'O', /* a new channel to the control socket */
	GUEST_EXEC = 'W', /* a new channel to a command: words, each with its 0 */
	GUEST_CLOSE = 'K', /* ends a channel */
	/* both ways */
	GUEST_DATA = 'D',
	GUEST_EOF = 'Z', /* no more data of this direction */
};

struct bufferevent;
struct event_base;
struct guest_channel;
struct guest_tail;

struct guest {
	struct event_base *base;
	struct bufferevent *port;
	const char *folder, *node, *daemon;
	char socket[108], notify[108]; /* as long as a socket's path can be */
	pid_t pid; /* of the daemon; 0: it does not run */
	bool quitting;
	bool full; /* the host is slow: nothing more is read for it */
	struct guest_channel *channels;
	size_t n_channels;
	struct guest_tail *tails;
};

/* guest.c */
void guest_send(struct guest *g, enum guest_frame type, uint16_t channel, const void *data,
		size_t len);
void guest_send_code(struct guest *g, enum guest_frame type, uint16_t channel, int status);

/* guest_channels.c */
void channels_open(struct guest *g, uint16_t id);
/* `words` with a 0 behind each. */
void channels_exec(struct guest *g, uint16_t id, const char *words, size_t len);
void channels_data(struct guest *g, uint16_t id, const void *data, size_t len);
void channels_eof(struct guest *g, uint16_t id);
void channels_close(struct guest *g, uint16_t id);
/* A child that is not the daemon ended. */
void channels_reaped(struct guest *g, pid_t pid, int status);
/* The host takes data again. */
void channels_resume(struct guest *g);
void channels_free(struct guest *g);

/* guest_files.c: what the daemon writes goes to the host as it grows. */
void files_open(struct guest *g);
/* Sends what is new; `all`: even if the host is slow. */
void files_send(struct guest *g, bool all);
void files_free(struct guest *g);

#endif
