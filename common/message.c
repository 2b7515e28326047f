#include "message.h"

#include <string.h>

#include "ids.h"
#include "nas.pb-c.h"
#include "pbmem.h"
#include "rrc.pb-c.h"
#include "s1.pb-c.h"
#include "x2.pb-c.h"

static const struct {
	const char *name;
	const ProtobufCMessageDescriptor *descriptor;
} ifaces[IFACE_COUNT] = {
	[IFACE_S1] = {"s1", &keyhop__s1__s1__descriptor},
	[IFACE_X2] = {"x2", &keyhop__x2__x2__descriptor},
	[IFACE_RRC] = {"rrc", &keyhop__rrc__rrc__descriptor},
	[IFACE_NAS] = {"nas", &keyhop__nas__nas__descriptor},
};

const char *iface_name(enum iface iface)
{
	return (unsigned)iface < IFACE_COUNT ? ifaces[iface].name : "unknown";
}

const char *protection_name(enum protection p)
{
	static const char *const names[] = {[PROTECTION_CLEAR] = "clear",
					    [PROTECTION_TUNNEL] = "tunnel",
					    [PROTECTION_NAS] = "nas",
					    [PROTECTION_RRC] = "rrc"};

	return names[p];
}

const struct message_row *message_row(enum iface iface, unsigned number)
{
	for (size_t i = 0; i < message_row_count; i++)
		if (message_rows[i].iface == iface && message_rows[i].number == number)
			return &message_rows[i];
	return NULL;
}

size_t message_index(const struct message_row *row)
{
	return (size_t)(row - message_rows);
}

/* All top-level messages have the same shape: base, body_case, one pointer. */
struct top_level {
	ProtobufCMessage base;
	int body_case;
	ProtobufCMessage *body;
};
_Static_assert(offsetof(struct top_level, body) == offsetof(Keyhop__S1__S1, enb_key), "S1 layout");
_Static_assert(offsetof(struct top_level, body) == offsetof(Keyhop__X2__X2, handover_request),
	       "X2 layout");
_Static_assert(offsetof(struct top_level, body) == offsetof(Keyhop__Rrc__Rrc, handover_command),
	       "RRC layout");
_Static_assert(offsetof(struct top_level, body) == offsetof(Keyhop__Nas__Nas, h_key_delivery),
	       "NAS layout");

unsigned message_number(const ProtobufCMessage *msg)
{
	return (unsigned)((const struct top_level *)(const void *)msg)->body_case;
}

const struct message_row *message_row_of(enum iface iface, const ProtobufCMessage *msg)
{
	return message_row(iface, message_number(msg));
}

static const void *find_field(const struct field_rule *rule, const void *body, enum field_kind kind,
			      const char *name)
{
	const void *found = NULL;
	const ProtobufCMessage *sub;

	for (; rule && rule->name && !found; rule++) {
		const uint8_t *at = (const uint8_t *)body + rule->offset;
		if (rule->kind == kind && (!name || strcmp(rule->name, name) == 0))
			return at;
		if (rule->kind != FIELD_SUB)
			continue;
		memcpy(&sub, at, sizeof sub);
		if (sub)
			found = find_field(rule->sub, sub, kind, name);
	}
	return found;
}

const void *message_field(const struct message_row *row, const ProtobufCMessage *msg,
			  enum field_kind kind, const char *name)
{
	const ProtobufCMessage *body = ((const struct top_level *)(const void *)msg)->body;

	return body ? find_field(row->rules, body, kind, name) : NULL;
}

static int check_sub(const ProtobufCMessage *sub, const struct field_rule *rule, const char **field)
{
	if (!sub)
		return rule->min ? KH_E_MISSING_FIELD : 0;
	return message_check(sub, rule->sub, field);
}

static int check_sub_list(const void *at, const struct field_rule *rule, const char **field)
{
	size_t n;
	ProtobufCMessage *const *items;

	memcpy(&n, at, sizeof n);
	memcpy(&items, (const uint8_t *)at + sizeof n, sizeof items);
	if (n > rule->max)
		return KH_E_LIST_TOO_LONG;
	for (size_t i = 0; i < n; i++) {
		int err = message_check(items[i], rule->sub, field);
		if (err)
			return err;
	}
	return 0;
}

static int check_u32_list(const void *at, const struct field_rule *rule)
{
	size_t n;
	const uint32_t *items;

	memcpy(&n, at, sizeof n);
	memcpy(&items, (const uint8_t *)at + sizeof n, sizeof items);
	if (n > rule->max)
		return KH_E_LIST_TOO_LONG;
	for (size_t i = 0; i < n; i++)
		if (items[i] < rule->min)
			return KH_E_BAD_FIELD;
	return 0;
}

static int check_range(uint64_t v, const struct field_rule *rule)
{
	if (v == 0 && rule->min > 0)
		return KH_E_MISSING_FIELD;
	return v < rule->min || v > rule->max ? KH_E_BAD_FIELD : 0;
}

static int check_signed(int64_t v, const struct field_rule *rule)
{
	return check_range((uint64_t)(v < 0 ? -v : v), rule);
}

static int check_text(const char *s, const struct field_rule *rule)
{
	struct imsi imsi;

	if (!s || !*s)
		return rule->min ? KH_E_MISSING_FIELD : 0;
	if (rule->kind == FIELD_IMSI)
		return imsi_parse(&imsi, s);
	return node_name_is_valid(s) ? 0 : KH_E_BAD_FIELD;
}

static int check_field(const uint8_t *at, const struct field_rule *rule, const char **field)
{
	uint32_t u32;
	uint64_t u64;
	int32_t s32;
	const char *text;
	const ProtobufCMessage *sub;
	ProtobufCBinaryData bytes;

	switch (rule->kind) {
	case FIELD_U32:
		memcpy(&u32, at, sizeof u32);
		return check_range(u32, rule);
	case FIELD_U64:
		memcpy(&u64, at, sizeof u64);
		return check_range(u64, rule);
	case FIELD_S32:
		memcpy(&s32, at, sizeof s32);
		return check_signed(s32, rule);
	case FIELD_BYTES:
		memcpy(&bytes, at, sizeof bytes);
		return check_range(bytes.len, rule);
	case FIELD_NAME:
	case FIELD_IMSI:
		memcpy(&text, at, sizeof text);
		return check_text(text, rule);
	case FIELD_U32_LIST:
		return check_u32_list(at, rule);
	case FIELD_SUB:
		memcpy(&sub, at, sizeof sub);
		return check_sub(sub, rule, field);
	case FIELD_SUB_LIST:
		return check_sub_list(at, rule, field);
	}
	return KH_E_INTERNAL;
}

int message_check(const ProtobufCMessage *msg, const struct field_rule *rules, const char **field)
{
	if (msg->n_unknown_fields)
		return KH_E_UNKNOWN_FIELD;
	for (const struct field_rule *r = rules; r && r->name; r++) {
		const uint8_t *at = (const uint8_t *)msg + r->offset;
		*field = r->name;
		int err = check_field(at, r, field);
		if (err)
			return err;
	}
	*field = NULL;
	return 0;
}

int message_decode(struct pbmem *mem, enum iface iface, enum role from, const uint8_t *data,
		   size_t len, ProtobufCMessage **out, const struct message_row **row,
		   struct message_fault *fault)
{
	int err = message_scan(ifaces[iface].descriptor, data, len, &fault->field);

	if (err)
		return err;
	ProtobufCMessage *msg = protobuf_c_message_unpack(ifaces[iface].descriptor,
							  pbmem_allocator(mem), len, data);
	if (!msg)
		return pbmem_exhausted(mem) ? KH_E_DECODE_BUDGET : KH_E_NOT_PROTOBUF;
	*row = fault->row = message_row_of(iface, msg);
	if (!*row)
		return msg->n_unknown_fields ? KH_E_UNKNOWN_MESSAGE : KH_E_MISSING_FIELD;
	if (msg->n_unknown_fields)
		return KH_E_UNKNOWN_FIELD;
	if (!((*row)->from & from))
		return KH_E_WRONG_LINK;
	err = message_check(((struct top_level *)(void *)msg)->body, (*row)->rules, &fault->field);
	if (err)
		return err;
	*out = msg;
	return 0;
}
