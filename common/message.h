/* The catalogue: one row a message of S1, X2, RRC and NAS, with its step in the contribution, who may send it,
 * and the rules its fields must meet. Decoding checks all of that before any handler sees the message. */
#ifndef KEYHOP_MESSAGE_H
#define KEYHOP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "err.h"

enum iface { IFACE_S1, IFACE_X2, IFACE_RRC, IFACE_NAS, IFACE_COUNT };

/* What keeps others from a message: nothing, TLS between the two ends, or its own security. */
enum protection { PROTECTION_CLEAR, PROTECTION_TUNNEL, PROTECTION_NAS, PROTECTION_RRC };
const char *protection_name(enum protection p);

/* Who sends: a mask. On X2 both ends are ROLE_ENB. */
enum role { ROLE_MME = 1, ROLE_ENB = 2, ROLE_UE = 4 };

enum field_kind {
	FIELD_U32, /* min..max */
	FIELD_U64, /* min..max */
	FIELD_S32, /* -max..max */
	FIELD_BYTES, /* length min..max */
	FIELD_NAME, /* node name, or empty when min is 0 */
	FIELD_IMSI, /* 15 digits, or empty when min is 0 */
	FIELD_U32_LIST, /* at most `max` items, each `min` or more; offset is that of n_NAME */
	FIELD_SUB, /* nested message, mandatory when min is 1 */
	FIELD_SUB_LIST, /* at most `max` nested messages; offset is that of n_NAME */
};

struct field_rule {
	const char *name;
	enum field_kind kind;
	size_t offset;
	uint64_t min, max;
	const struct field_rule *sub; /* of FIELD_SUB and FIELD_SUB_LIST; ends with {NULL} */
};

struct message_row {
	enum iface iface;
	uint8_t number; /* of the oneof field: the contribution's number, or 20 and up */
	const char *name;
	const char *step; /* "7", NULL for what the contribution does not number */
	uint8_t from; /* mask of enum role */
	bool secret; /* carries a key */
	const struct field_rule *rules; /* of the body; ends with {NULL}; may be NULL */
	bool routine; /* comes all the time: logged at debug */
};

#define MESSAGE_ROWS_MAX 96
extern const struct message_row message_rows[];
extern const size_t message_row_count;

const char *iface_name(enum iface iface);
/* NULL when there is no such message. */
const struct message_row *message_row(enum iface iface, unsigned number);
/* Place of a row in message_rows. */
size_t message_index(const struct message_row *row);

struct pbmem;

/* What decoding found, for the log: which field was wrong. */
struct message_fault {
	const struct message_row *row; /* NULL while unknown */
	const char *field;
};

/* KH_E_DUPLICATE_FIELD, with the field's name, when a field that is not repeated, or a second one of a oneof, comes
 * twice in octets that are otherwise to be unpacked as `d`. 0 also for what does not parse. */
int message_scan(const ProtobufCMessageDescriptor *d, const uint8_t *data, size_t len,
		 const char **field) KH_MUST_CHECK;
/* Unpacks one message of `iface` sent by `from` and checks it whole. The message lives in `mem` until
 * pbmem_reset(). KH_E_NOT_PROTOBUF, KH_E_DECODE_BUDGET, KH_E_UNKNOWN_MESSAGE, KH_E_UNKNOWN_FIELD,
 * KH_E_DUPLICATE_FIELD, KH_E_MISSING_FIELD, KH_E_BAD_FIELD, KH_E_LIST_TOO_LONG, KH_E_WRONG_LINK. */
int message_decode(struct pbmem *mem, enum iface iface, enum role from, const uint8_t *data,
		   size_t len, ProtobufCMessage **out, const struct message_row **row,
		   struct message_fault *fault) KH_MUST_CHECK;
/* Number of the body of a top-level message, 0 when it has none. */
unsigned message_number(const ProtobufCMessage *msg);
/* The row of a message about to be sent. */
const struct message_row *message_row_of(enum iface iface, const ProtobufCMessage *msg);
/* Where the field of that kind and name (NULL: any) is in the body of `msg`, or in a message nested in it; NULL when
 * there is none. */
const void *message_field(const struct message_row *row, const ProtobufCMessage *msg,
			  enum field_kind kind, const char *name);
/* Checks unknown fields and rules of any message of ours, e.g. the Uu carrier. */
int message_check(const ProtobufCMessage *msg, const struct field_rule *rules,
		  const char **field) KH_MUST_CHECK;

#endif
