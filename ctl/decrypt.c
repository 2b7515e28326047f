/* keyhop decrypt: what the keys of some nodes open in a capture is told in the packets' comments, and the TLS secrets
 * go into the file, so that Wireshark opens the rest by itself. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "client.h"
#include "keyring.h"
#include "mem.h"
#include "message.h"
#include "nas_sec.h"
#include "nas.pb-c.h"
#include "packets.h"
#include "pcapng.h"
#include "pcapng_read.h"
#include "rrc.pb-c.h"
#include "s1.pb-c.h"
#include "words.h"
#include "x2.pb-c.h"

#define KEYLOGS_MAX 64
#define PDU_MAX 65536

struct decrypt {
	struct keyring *keys;
	struct packets *packets;
	FILE *out;
	const char *out_name;
	struct buf secrets, blocks;
	bool failed;
	uint32_t interfaces;
	char comment[PCAPNG_COMMENT_MAX]; /* of the packet at hand */
	size_t comment_len;
	uint8_t end[4]; /* last octets of the message at hand: a packet may have several */
	uint64_t n_packets, opened[3]; /* RRC, NAS, wrapped keys */
};
enum { OPENED_RRC, OPENED_NAS, OPENED_WRAPPED };

static void say(struct decrypt *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct decrypt *d, const char *fmt, ...)
{
	size_t room = sizeof d->comment - d->comment_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(d->comment + d->comment_len, room, fmt, ap);
	va_end(ap);
	d->comment_len += n > 0 && (size_t)n < room ? (size_t)n : 0;
	d->comment[d->comment_len] = '\0';
}

static void say_message(struct decrypt *d, enum iface iface, unsigned number,
			const struct opened *o)
{
	const struct message_row *row = message_row(iface, number);

	say(d, "; opened %s%s%smessage=%s.%s protection=%s", row && row->step ? "step=" : "",
	    row && row->step ? row->step : "", row && row->step ? " " : "", iface_name(iface),
	    row ? row->name : "unknown", iface == IFACE_NAS ? "nas" : "rrc");
	if (o->ue[0])
		say(d, " ue=%s", o->ue);
	if (o->enb)
		say(d, " enb=%u", o->enb);
	say(d, " key=%s fp=%s end=%02x%02x%02x%02x", o->key, o->fp, d->end[0], d->end[1], d->end[2],
	    d->end[3]);
	d->opened[iface == IFACE_NAS ? OPENED_NAS : OPENED_RRC]++;
}

static void take_nas(struct decrypt *d, const char *place, bool on_s1,
		     const ProtobufCBinaryData *pdu)
{
	uint8_t out[PDU_MAX];
	size_t len = 0;
	struct opened o;
	enum nas_header type;

	if (pdu->len > sizeof out || nas_pdu_header(pdu->data, pdu->len, &type) ||
	    type == NAS_PLAIN ||
	    !keyring_open_nas(d->keys, place, on_s1, pdu->data, pdu->len, out, &len, &o))
		return;
	Keyhop__Nas__Nas *nas = keyhop__nas__nas__unpack(NULL, len, out);
	say_message(d, IFACE_NAS, nas ? message_number(&nas->base) : 0, &o);
	if (nas && nas->body_case == KEYHOP__NAS__NAS__BODY_H_KEY_DELIVERY) {
		say(d, " gen=%llu", (unsigned long long)nas->h_key_delivery->generation);
		key_wipe(nas->h_key_delivery->h_key.data, nas->h_key_delivery->h_key.len);
	}
	key_wipe(out, len);
	if (nas)
		keyhop__nas__nas__free_unpacked(nas, NULL);
}

/* The message inside a top-level one, or NULL. */
static const ProtobufCMessage *body_of(const ProtobufCMessage *top)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field(top->descriptor, message_number(top));

	return f ? *(const ProtobufCMessage *const *)((const void *)((const char *)top + f->offset))
		 : NULL;
}

static const void *member(const ProtobufCMessage *m, const char *name)
{
	const ProtobufCFieldDescriptor *f =
		m ? protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name) : NULL;

	return f ? (const char *)m + f->offset : NULL;
}

/* The NAS PDU inside a message, or NULL. */
static const ProtobufCBinaryData *nas_of(const ProtobufCMessage *body)
{
	const ProtobufCBinaryData *nas = member(body, "nas");

	nas = nas ? nas : member(body, "evidence");
	return nas && nas->len ? nas : NULL;
}

static void take_rrc(struct decrypt *d, const char *place, const uint8_t *data, size_t len,
		     const struct opened *o)
{
	Keyhop__Rrc__Rrc *rrc = keyhop__rrc__rrc__unpack(NULL, len, data);
	const ProtobufCBinaryData *nas = rrc ? nas_of(body_of(&rrc->base)) : NULL;

	if (o)
		say_message(d, IFACE_RRC, rrc ? message_number(&rrc->base) : 0, o);
	if (nas)
		take_nas(d, place, false, nas);
	if (rrc)
		keyhop__rrc__rrc__free_unpacked(rrc, NULL);
}

/* SRB1 before its security: sequence number, RRC, and a MAC-I of zeros. */
static bool is_srb1_in_clear(const ProtobufCBinaryData *pdu)
{
	static const uint8_t none[4];

	return pdu->len > 5 && memcmp(pdu->data + pdu->len - 4, none, sizeof none) == 0;
}

static void take_uu(struct decrypt *d, const struct packet_message *m)
{
	Keyhop__Rrc__Uu *uu = keyhop__rrc__uu__unpack(NULL, m->len, m->data);
	uint8_t out[PDU_MAX];
	char place[96];
	size_t len = 0;
	struct opened o;

	if (!uu)
		return;
	/* Both directions of a UE in a cell are one place. */
	snprintf(place, sizeof place, "%.40s|%.40s|%u",
		 strcmp(m->from, m->to) < 0 ? m->from : m->to,
		 strcmp(m->from, m->to) < 0 ? m->to : m->from, uu->c_rnti);
	if (uu->bearer == KEYHOP__RRC__BEARER__SRB0)
		take_rrc(d, place, uu->pdu.data, uu->pdu.len, NULL);
	else if (uu->bearer == KEYHOP__RRC__BEARER__SRB1 && is_srb1_in_clear(&uu->pdu))
		take_rrc(d, place, uu->pdu.data + 1, uu->pdu.len - 5, NULL);
	else if (uu->bearer == KEYHOP__RRC__BEARER__SRB1 && uu->pdu.len <= sizeof out &&
		 keyring_open_srb(d->keys, place, uu->pdu.data, uu->pdu.len, out, &len, &o))
		take_rrc(d, place, out, len, &o);
	key_wipe(out, len);
	keyhop__rrc__uu__free_unpacked(uu, NULL);
}

static void take_wrapped(struct decrypt *d, uint32_t mme_ue_id, uint64_t generation,
			 uint32_t key_id, const ProtobufCBinaryData *wrapped)
{
	struct opened o;

	if (!keyring_open_wrapped(d->keys, mme_ue_id, generation, key_id, wrapped->data,
				  wrapped->len, &o))
		return;
	say(d, "; opened wrapped key=%s fp=%s enb=%u gen=%llu kid=%u", o.key, o.fp, o.enb,
	    (unsigned long long)generation, key_id);
	d->opened[OPENED_WRAPPED]++;
}

static void take_list(struct decrypt *d, const Keyhop__S1__WrappedKeyList *list)
{
	for (size_t i = 0; i < list->n_entry; i++)
		take_wrapped(d, list->mme_ue_id, list->generation, list->entry[i]->key_id,
			     &list->entry[i]->wrapped);
}

static void take_s1(struct decrypt *d, const struct packet_message *m)
{
	Keyhop__S1__S1 *s1 = keyhop__s1__s1__unpack(NULL, m->len, m->data);
	char place[96];

	if (!s1)
		return;
	const ProtobufCMessage *body = body_of(&s1->base);
	const ProtobufCBinaryData *nas = nas_of(body);
	const uint32_t *ue = member(body, "mme_ue_id");
	if (s1->body_case == KEYHOP__S1__S1__BODY_WRAPPED_KEY_LIST)
		take_list(d, s1->wrapped_key_list);
	if (s1->body_case == KEYHOP__S1__S1__BODY_NEW_KEY_LIST)
		take_list(d, s1->new_key_list);
	snprintf(place, sizeof place, "mme|%u", ue ? *ue : 0);
	if (nas)
		take_nas(d, place, true, nas);
	keyhop__s1__s1__free_unpacked(s1, NULL);
}

static void take_x2(struct decrypt *d, const struct packet_message *m)
{
	Keyhop__X2__X2 *x2 = keyhop__x2__x2__unpack(NULL, m->len, m->data);

	if (x2 && x2->body_case == KEYHOP__X2__X2__BODY_HANDOVER_REQUEST &&
	    x2->handover_request->key)
		take_wrapped(
			d, x2->handover_request->mme_ue_id, x2->handover_request->key->generation,
			x2->handover_request->key->key_id, &x2->handover_request->key->wrapped);
	if (x2 && x2->body_case == KEYHOP__X2__X2__BODY_NEW_KEY_LIST)
		take_list(d, x2->new_key_list);
	if (x2)
		keyhop__x2__x2__free_unpacked(x2, NULL);
}

static void on_message(void *arg, const struct packet_message *m)
{
	struct decrypt *d = arg;

	memset(d->end, 0, sizeof d->end);
	if (m->len >= sizeof d->end)
		memcpy(d->end, m->data + m->len - sizeof d->end, sizeof d->end);
	if (m->iface == IFACE_RRC)
		take_uu(arg, m);
	else if (m->iface == IFACE_S1)
		take_s1(arg, m);
	else
		take_x2(arg, m);
}

static void write_blocks(struct decrypt *d)
{
	size_t len = d->blocks.len;

	if (len && fwrite(buf_data(&d->blocks), 1, len, d->out) != len)
		d->failed = true;
	buf_drain(&d->blocks, len);
}

static void take_packet(struct decrypt *d, const struct capture_block *b)
{
	struct pcapng_packet p = {.interface = b->interface,
				  .wall_us = b->wall_us,
				  .inbound = b->inbound,
				  .data = b->data,
				  .len = b->len};

	d->comment_len = 0;
	d->comment[0] = '\0';
	say(d, "%.*s", PCAPNG_COMMENT_MAX / 2, b->comment);
	packets_take(d->packets, b);
	p.comment = strncmp(d->comment, "; ", 2) == 0 ? d->comment + 2 : d->comment;
	pcapng_packet(&d->blocks, &p);
	d->n_packets++;
}

/* Times come out in microseconds whatever they were; sections become one. */
static void take_block(struct decrypt *d, const struct capture_block *b)
{
	if (b->kind == BLOCK_INTERFACE)
		pcapng_interface(&d->blocks, b->linktype, b->name, "");
	else if (b->kind == BLOCK_PACKET)
		take_packet(d, b);
	if (b->kind == BLOCK_SECRETS) {
		packets_add_secrets(d->packets, b->data, b->len);
		pcapng_tls_secrets(&d->blocks, b->data, b->len);
	}
	write_blocks(d);
}

static int run(struct decrypt *d, const char *in)
{
	struct capture_reader *r = capture_reader_open(in);
	struct capture_block b;

	if (!r)
		return EXIT_FAILED;
	d->out = fopen(d->out_name, "we");
	if (!d->out) {
		fprintf(stderr, "keyhop: %s: %s\n", d->out_name, strerror(errno));
		capture_reader_close(r);
		return EXIT_FAILED;
	}
	pcapng_section(&d->blocks, "keyhop decrypt", "");
	if (d->secrets.len) {
		packets_add_secrets(d->packets, buf_data(&d->secrets), d->secrets.len);
		pcapng_tls_secrets(&d->blocks, buf_data(&d->secrets), d->secrets.len);
	}
	do {
		capture_reader_next(r, &b);
		take_block(d, &b);
	} while (b.kind != BLOCK_END && b.kind != BLOCK_WRONG && !d->failed);
	if (b.kind == BLOCK_WRONG)
		fprintf(stderr, "keyhop: %s; what stands before it was taken\n",
			capture_reader_error(r));
	if (fclose(d->out) || d->failed) {
		fprintf(stderr, "keyhop: %s: cannot be written\n", d->out_name);
		d->failed = true;
	}
	capture_reader_close(r);
	return d->failed || b.kind == BLOCK_WRONG ? EXIT_FAILED : EXIT_DONE;
}

static int take_flag(struct decrypt *d, const char *flag, const char *value)
{
	if (strcmp(flag, "-o") == 0)
		d->out_name = value;
	else if (strcmp(flag, "--keylog") == 0 ? keyring_read(d->keys, value)
					       : read_secrets(&d->secrets, value))
		return EXIT_FAILED;
	return EXIT_DONE;
}

static int parse(struct decrypt *d, int argc, char **argv, const char **in)
{
	struct words w = {.verb = verb_find("decrypt"), .argc = argc, .argv = argv};
	int code = EXIT_DONE;

	for (const char *flag; !code && (flag = words_next(&w));) {
		if (*flag)
			code = take_flag(d, flag, w.value);
		else if (*in)
			code = verb_misuse("decrypt", "%s: a word too many", w.value);
		else
			*in = w.value;
	}
	if (code || w.code)
		return code ? code : w.code;
	if (!*in || !d->out_name)
		return verb_misuse("decrypt", "%s is missing", *in ? "-o OUT.pcapng" : "IN.pcapng");
	if (strcmp(*in, d->out_name) == 0)
		return verb_misuse("decrypt", "%s cannot be read and written at once", *in);
	return EXIT_DONE;
}

static void report(const struct decrypt *d, enum output_format form)
{
	const unsigned long long n[] = {d->n_packets, d->opened[OPENED_RRC], d->opened[OPENED_NAS],
					d->opened[OPENED_WRAPPED]};

	printf(output_is_json(form)
		       ? "{\"packets\": %llu, \"rrc\": %llu, \"nas\": %llu, \"wrapped_keys\": "
			 "%llu}\n"
		       : "%llu packets; opened: %llu RRC messages, %llu NAS messages, %llu wrapped "
			 "keys\n",
	       n[0], n[1], n[2], n[3]);
}

int decrypt_verb(int argc, char **argv, enum output_format form)
{
	struct decrypt d = {.keys = keyring_new()};
	const char *in = NULL;
	int code;

	d.secrets.secret = true;
	d.packets = packets_new(on_message, &d);
	code = parse(&d, argc, argv, &in);
	if (!code)
		code = run(&d, in);
	if (!code)
		report(&d, output_is_json(form));
	packets_free(d.packets);
	keyring_free(d.keys);
	buf_clear(&d.secrets);
	buf_clear(&d.blocks);
	return code;
}
