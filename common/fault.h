/* Faults on purpose: messages that are lost, late, doubled, out of order, changed, cut or sent again, and
 * connections that break or stall. Off unless `lab.faults: true`; set and cleared on the control socket. */
#ifndef KEYHOP_FAULT_H
#define KEYHOP_FAULT_H

#include "ctl.h"
#include "link.h"
#include "node.h"

struct air;

/* X(constant, name, help) */
/* clang-format off */
#define FAULT_KINDS(X) \
	X(DROP, "drop", "the message is lost") \
	X(DELAY, "delay", "it comes delay_ms later") \
	X(DUPLICATE, "duplicate", "it comes twice") \
	X(REORDER, "reorder", "it comes after the next one on its link") \
	X(CORRUPT, "corrupt", "one bit of it is flipped") \
	X(TRUNCATE, "truncate", "its second half is missing") \
	X(REPLAY, "replay", "it comes, and the same octets again delay_ms later") \
	X(CLOSE, "close", "it is lost, and its connection breaks") \
	X(STALL, "stall", "it comes, and its connection is not read for delay_ms")
/* clang-format on */

enum fault_kind {
#define FAULT_KIND_ENUM(id, name, help) FAULT_##id,
	FAULT_KINDS(FAULT_KIND_ENUM)
#undef FAULT_KIND_ENUM
		FAULT_KIND_COUNT
};

/* In the place of link_send() while there are faults. */
int fault_send(struct node *n, struct link *link, const struct message_row *row,
	       const struct ProtobufCMessage *msg) KH_MUST_CHECK;
/* The same for a frame of Uu, whose message only its sender can name; what no fault meets goes by `air`. */
int fault_send_frame(struct node *n, struct link *link, struct air *air,
		     const struct message_row *row,
		     const struct ProtobufCMessage *frame) KH_MUST_CHECK;
/* True: the frame of S1 or X2 is dealt with, or will come again. */
bool fault_received(struct node *n, struct link *link, enum iface iface, const uint8_t *frame,
		    size_t len);
/* The same for a frame whose message is known: Uu. `row` may be NULL. */
bool fault_received_row(struct node *n, struct link *link, const struct message_row *row,
			const uint8_t *frame, size_t len);
/* Number of the body of a packed top-level message; 0 when it has none. */
unsigned fault_peek_number(const uint8_t *message, size_t len);

void faults_free(struct node *n);

/* fault.set, fault.list, fault.clear */
extern const struct ctl_method fault_methods[];

/* For fault_ctl.c. */
struct fault {
	uint32_t id;
	enum fault_kind kind;
	enum link_direction dir;
	const struct message_row *row;
	uint32_t left; /* how often still; UINT32_MAX: always */
	uint32_t permille; /* probability */
	uint32_t delay_ms;
	uint64_t fired;
	struct fault *prev, *next;
};

struct faults {
	struct fault *list;
	uint32_t last_id;
};

const char *fault_kind_name(enum fault_kind kind);
/* -1 for an unknown name. */
int fault_kind_parse(const char *name);

#endif
