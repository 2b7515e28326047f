/* protobuf merges a field that comes twice: of two bodies, or two nested messages, a mixture is left that nobody
 * sent. So octets are looked through before they are unpacked. */
#include "message.h"

#define FIELDS_MAX 64U /* of one message; a test holds it against the .proto files */

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_OCTETS = 2, WIRE_32 = 5 };

struct cursor {
	const uint8_t *at, *end;
};

static bool take_varint(struct cursor *c, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
		uint8_t b = *c->at++;
		*out |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return true;
	}
	return false;
}

/* One field's value; `value` is what is inside it when it has octets. */
static bool take_value(struct cursor *c, unsigned type, struct cursor *value)
{
	uint64_t n = type == WIRE_64 ? 8 : 4;

	if (type == WIRE_VARINT)
		return take_varint(c, &n);
	if (type != WIRE_64 && type != WIRE_32 && type != WIRE_OCTETS)
		return false;
	if (type == WIRE_OCTETS && !take_varint(c, &n))
		return false;
	if (n > (uint64_t)(c->end - c->at))
		return false;
	*value = (struct cursor){c->at, c->at + n};
	c->at += n;
	return true;
}

/* Marks a field as seen; false when it, or another of its oneof, was seen before. */
static bool is_first(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f,
		     uint64_t *seen)
{
	uint64_t bit = 1ULL << (unsigned)(f - d->fields);
	uint64_t before = *seen;

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return true;
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		for (unsigned i = 0; i < d->n_fields; i++)
			if (d->fields[i].quantifier_offset == f->quantifier_offset)
				bit |= 1ULL << i;
	*seen |= bit;
	return !(before & bit);
}

int message_scan(const ProtobufCMessageDescriptor *d, const uint8_t *data, size_t len,
		 const char **field)
{
	struct cursor c = {data, data + len}, inner = {0};
	uint64_t tag, seen = 0;

	/* What does not parse, or is not known, unpacking names. */
	while (c.at < c.end) {
		if (!take_varint(&c, &tag) || !take_value(&c, tag & 7, &inner))
			return 0;
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3));
		if (!f || d->n_fields > FIELDS_MAX)
			continue;
		if (!is_first(d, f, &seen)) {
			*field = f->name;
			return KH_E_DUPLICATE_FIELD;
		}
		if (f->type != PROTOBUF_C_TYPE_MESSAGE || (tag & 7) != WIRE_OCTETS)
			continue;
		int err = message_scan(f->descriptor, inner.at, (size_t)(inner.end - inner.at),
				       field);
		if (err)
			return err;
	}
	return 0;
}
