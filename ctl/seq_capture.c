/* From a capture to rows: an arrow a message, as the packet's comment and, where it is not ciphered, its octets tell;
 * notes from what the comments say that nodes came to hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault.h"
#include "ids.h"
#include "message.h"
#include "rrc.pb-c.h"
#include "s1.pb-c.h"
#include "seq.h"
#include "seq_places.h"

#define PARTS_MAX 64

/* One sentence of a comment: "step=7 message=x2.handover_request protection=tunnel". */
struct part {
	char step[8], message[64], protection[16], event[40], node[64], ue[16], key[24], fp[12],
		cause[40], end[12];
	uint32_t enb;
	uint64_t gen;
};

struct reading {
	struct seq *s;
	struct places *places;
	struct packets *packets;
	const struct capture_block *block;
	struct part parts[PARTS_MAX];
	unsigned n_parts;
	char end[12]; /* last octets of the message at hand, as `keyhop decrypt` writes them */
	bool learning;
};

static void take_word(struct part *p, const char *word)
{
	unsigned long long gen;

	(void)(sscanf(word, "step=%7s", p->step) == 1 ||
	       sscanf(word, "message=%63s", p->message) == 1 ||
	       sscanf(word, "protection=%15s", p->protection) == 1 ||
	       sscanf(word, "event=%39s", p->event) == 1 ||
	       sscanf(word, "node=%63s", p->node) == 1 || sscanf(word, "ue=%15[0-9]", p->ue) == 1 ||
	       sscanf(word, "key=%23s", p->key) == 1 || sscanf(word, "fp=%8[0-9a-f]", p->fp) == 1 ||
	       sscanf(word, "cause=%39s", p->cause) == 1 ||
	       sscanf(word, "end=%8[0-9a-f]", p->end) == 1 || sscanf(word, "enb=%u", &p->enb) == 1);
	if (sscanf(word, "gen=%llu", &gen) == 1)
		p->gen = gen;
}

static void read_comment(struct reading *r, const char *comment)
{
	char text[16384], *rest = text, *sentence, *word;

	r->n_parts = 0;
	snprintf(text, sizeof text, "%s", comment);
	while (r->n_parts < PARTS_MAX && (sentence = strsep(&rest, ";"))) {
		struct part *p = &r->parts[r->n_parts++];
		*p = (struct part){0};
		while ((word = strsep(&sentence, " ")))
			take_word(p, word);
	}
}

static void timestamp(int64_t us, char out[32])
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;
	size_t n = 0;

	if (us >= 0 && gmtime_r(&seconds, &tm))
		n = strftime(out, 21, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 32 - n, ".%06uZ", (unsigned)(us >= 0 ? us % 1000000 : 0));
}

static json_t *event_of(const struct reading *r, const struct part *p)
{
	char ts[32];

	timestamp(r->block->wall_us, ts);
	json_t *e =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "topic", p->event,
			  "node", p->node, "ts", ts, "step", p->step, "ue", p->ue, "key", p->key,
			  "fp", p->fp, "enb", (json_int_t)p->enb, "gen", (json_int_t)p->gen);
	if (e && p->cause[0])
		json_object_set_new(e, "cause", json_string(p->cause));
	return e;
}

/* The name of a message that is there in clear. */
static const struct message_row *row_of(const struct packet_message *m)
{
	const struct message_row *row = NULL;

	if (m->iface != IFACE_RRC)
		return message_row(m->iface, fault_peek_number(m->data, m->len));
	Keyhop__Rrc__Uu *uu = keyhop__rrc__uu__unpack(NULL, m->len, m->data);
	if (uu && uu->bearer == KEYHOP__RRC__BEARER__SRB0)
		row = message_row(IFACE_RRC, fault_peek_number(uu->pdu.data, uu->pdu.len));
	if (uu)
		keyhop__rrc__uu__free_unpacked(uu, NULL);
	return row;
}

static void add_name(struct seq_row *row, const char *name)
{
	size_t len = strlen(row->text);

	if (!strstr(row->text, name))
		snprintf(row->text + len, sizeof row->text - len, "%s%s", len ? " / " : "", name);
}

/* What the comment says of the message itself, and of those inside. */
static void take_parts(const struct reading *r, struct seq_row *row)
{
	for (unsigned i = 0; i < r->n_parts; i++) {
		const struct part *p = &r->parts[i];
		const char *name = strchr(p->message, '.');
		if (p->end[0] && strcmp(p->end, r->end) != 0)
			continue;
		if (!row->ue[0])
			memcpy(row->ue, p->ue, sizeof row->ue);
		row->gen = row->gen ? row->gen : p->gen;
		if (p->event[0] && seq_step_text(p->step) && !row->about)
			row->about = p->enb;
		/* The eNodeB that hands it on knows that it is a 5, and no more. */
		if (strcmp(p->event, "hkey.relayed") == 0)
			snprintf(row->step, sizeof row->step, "5");
		if (p->event[0] || !name)
			continue;
		if (!row->step[0] && p->step[0])
			memcpy(row->step, p->step, sizeof row->step);
		if (strncmp(p->message, "uu.", 3) != 0)
			add_name(row, name + 1);
		if (p->fp[0] && p->key[0]) { /* keyhop decrypt */
			memcpy(row->key, p->key, sizeof row->key);
			memcpy(row->fp, p->fp, sizeof row->fp);
		}
	}
}

static enum seq_protection protection_of(const struct reading *r, const struct packet_message *m,
					 const struct seq_row *row)
{
	/* The first sentence of a node's own capture is on the carrier; those of `keyhop decrypt` are on what is inside. */
	const struct part *first = &r->parts[0];
	const char *told =
		r->n_parts && first->message[0] && !first->end[0] ? first->protection : "";

	if (strcmp(row->step, "5") == 0)
		return SEQ_NAS;
	for (int i = SEQ_CLEAR; i < SEQ_PROTECTION_COUNT; i++)
		if (strcmp(told, seq_protection_name((enum seq_protection)i)) == 0)
			return (enum seq_protection)i;
	if (m->in_tls)
		return SEQ_TUNNEL;
	return m->iface == IFACE_RRC && !row_of(m) ? SEQ_RRC : SEQ_CLEAR;
}

/* S1 marks the NAS transport of a 5 with its generation. */
static uint64_t marked_generation(const struct packet_message *m)
{
	uint64_t gen = 0;

	if (m->iface != IFACE_S1)
		return 0;
	Keyhop__S1__S1 *s1 = keyhop__s1__s1__unpack(NULL, m->len, m->data);
	if (s1 && s1->body_case == KEYHOP__S1__S1__BODY_DOWNLINK_NAS)
		gen = s1->downlink_nas->hkey_generation;
	if (s1)
		keyhop__s1__s1__free_unpacked(s1, NULL);
	return gen;
}

static void add_message(struct reading *r, const struct packet_message *m)
{
	const struct message_row *named = row_of(m);
	unsigned from = places_lane(r->places, m->iface, m->from);
	unsigned to = places_lane(r->places, m->iface, m->to);
	struct seq_row *row = seq_add(r->s);

	timestamp(r->block->wall_us, row->ts);
	row->from = from;
	row->to = to;
	if (named)
		snprintf(row->text, sizeof row->text, "%s", named->name);
	if (named && named->step)
		snprintf(row->step, sizeof row->step, "%s", named->step);
	row->gen = marked_generation(m);
	if (row->gen)
		snprintf(row->step, sizeof row->step, "5");
	take_parts(r, row);
	row->protection = protection_of(r, m, row);
	const char *text = seq_step_text(row->step);
	if (text && strcmp(row->step, "9") == 0 && row->about)
		snprintf(row->text, sizeof row->text, "%s %u", text, row->about);
	else if (text)
		snprintf(row->text, sizeof row->text, "%s", text);
	else if (!row->text[0])
		snprintf(row->text, sizeof row->text, "ciphered");
	if (!row->step[0] && !r->s->all)
		r->s->n--;
}

static void on_message(void *arg, const struct packet_message *m)
{
	struct reading *r = arg;

	hex_encode(r->end, m->data + (m->len < 4 ? 0 : m->len - 4), m->len < 4 ? 0 : 4);
	if (r->learning)
		places_learn(r->places, r->block, m);
	else
		add_message(r, m);
}

static void take_events(struct reading *r)
{
	for (unsigned i = 0; i < r->n_parts; i++) {
		json_t *e = r->parts[i].event[0] && r->parts[i].node[0] ? event_of(r, &r->parts[i])
									: NULL;
		size_t n = r->s->n;
		if (!e)
			continue;
		if (r->learning)
			seq_learn(r->s, e);
		else if (!seq_is_arrow(r->s, e))
			seq_note(r->s, e);
		if (r->s->n > n)
			r->s->rows[n].rank = 0;
		json_decref(e);
	}
}

/* 1 when the end is cut. */
static int read_all(struct reading *r, const char *path)
{
	struct capture_reader *reader = capture_reader_open(path);
	struct capture_block b;

	if (!reader)
		return -1;
	r->packets = packets_new(on_message, r);
	do {
		capture_reader_next(reader, &b);
		if (b.kind == BLOCK_SECRETS)
			packets_add_secrets(r->packets, b.data, b.len);
		if (b.kind != BLOCK_PACKET)
			continue;
		r->block = &b;
		read_comment(r, b.comment);
		packets_take(r->packets, &b);
		take_events(r);
	} while (b.kind != BLOCK_END && b.kind != BLOCK_WRONG);
	if (b.kind == BLOCK_WRONG && !r->learning)
		fprintf(stderr, "keyhop: %s; what stands before it was taken\n",
			capture_reader_error(reader));
	packets_free(r->packets);
	capture_reader_close(reader);
	return b.kind == BLOCK_WRONG ? 1 : 0;
}

int seq_capture(struct seq *s, const char *path)
{
	struct reading r = {.s = s, .places = places_new(s), .learning = true};
	int err = read_all(&r, path);

	places_settle(r.places);
	r.learning = false;
	if (err >= 0)
		err = read_all(&r, path);
	places_free(r.places);
	return err ? -1 : 0;
}
