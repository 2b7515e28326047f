/* Between capture.c (messages to packets) and capture_file.c (packets to files). */
#ifndef KEYHOP_CAPTURE_INTERNAL_H
#define KEYHOP_CAPTURE_INTERNAL_H

#include <uthash.h>

#include "buf.h"
#include "capture.h"
#include "loop.h"
#include "pcapng.h"

#define CAPTURE_INTERFACES_MAX 4096
#define CAPTURE_NAME_LEN 128

struct capture_interface {
	char name[CAPTURE_NAME_LEN];
	uint32_t index;
	UT_hash_handle hh;
};

/* A NAS message whose carrier is to come. */
struct capture_next {
	const struct message_row *row; /* NULL: none */
	enum protection protection;
	struct imsi ue;
};

struct capture {
	struct node *node;
	struct capture_settings s;
	char *file;
	int fd;
	uint64_t size; /* of the file, as far as it is written */
	int64_t began_us; /* of this file */
	uint64_t packets, bytes;
	uint32_t file_count;

	struct buf out; /* blocks of this turn */
	struct loop_task flush;
	uint32_t epoch; /* names this file to the marks of links */
	struct capture_interface *interfaces; /* of this file, by name */

	/* The packet that notes still go to; it is closed by the next one and by the end of the turn. */
	bool has_packet;
	struct pcapng_packet packet;
	struct buf pdu;
	char comment[PCAPNG_COMMENT_MAX];
	size_t comment_len;
	struct capture_next next;
};

/* Opens the file and writes its head. KH_E_CONFIG with `why`. */
int capture_file_open(struct capture *c, char *why, size_t why_len) KH_MUST_CHECK;
/* Writes what there is, begins the next file when it is time. KH_E_NO_RESOURCES with `why`: nothing half is left. */
int capture_file_write(struct capture *c, char *why, size_t why_len) KH_MUST_CHECK;
void capture_file_close(struct capture *c);
/* The number of an interface of this file; it is described when it is new. */
uint32_t capture_interface_of(struct capture *c, const char *name, const char *description);

#endif
