/* Blocks of a pcapng file (draft-ietf-opsawg-pcapng), appended to a buffer; and packets that are a PDU of ours behind
 * the tags of Wireshark's "exported PDU", link type 252, which name the dissector and the two ends. */
#ifndef KEYHOP_PCAPNG_H
#define KEYHOP_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct endpoint;

#define PCAPNG_LINKTYPE_UPPER_PDU 252
#define PCAPNG_COMMENT_MAX 4096

/* Section header: `application` and `host` are texts. */
void pcapng_section(struct buf *out, const char *application, const char *host);
/* Interface description; interfaces of a section are numbered from 0. Times are in microseconds. */
void pcapng_interface(struct buf *out, uint16_t linktype, const char *name,
		      const char *description);

struct pcapng_packet {
	uint32_t interface;
	int64_t wall_us;
	bool inbound;
	const uint8_t *data;
	size_t len;
	const char *comment; /* "" for none */
};
void pcapng_packet(struct buf *out, const struct pcapng_packet *p);

/* Decryption secrets: lines of an NSS key log, for the packets after it. */
void pcapng_tls_secrets(struct buf *out, const void *lines, size_t len);

enum pcapng_port_type { PCAPNG_SCTP = 1, PCAPNG_TCP = 2 };
/* Tags of an exported PDU. Ends that are neither IPv4 nor IPv6 are left out. */
void pcapng_pdu_tags(struct buf *out, const char *dissector, enum pcapng_port_type ports,
		     const struct endpoint *from, const struct endpoint *to);

#endif
