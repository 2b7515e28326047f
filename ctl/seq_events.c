/* From events to rows: one line of a table for each topic that is drawn. */
#include <string.h>

#include "event_topics.h"
#include "message.h"
#include "seq.h"

enum end { SELF, MME, UE, ENB, SOURCE };

/* A topic as an arrow. */
static const struct arrow {
	const char *topic, *step, *text;
	enum seq_role by; /* the node that emits it; SEQ_OTHER: any */
	enum end from, to;
	enum seq_protection protection;
	bool target; /* the text ends with the eNodeB that it is about */
} arrows[] = {
	{"enbkey.sent", "2", "MME-eNB_key", SEQ_OTHER, MME, ENB, SEQ_TUNNEL, false},
	{"neighbour_list.sent", "3", "neighbour list", SEQ_OTHER, SELF, MME, SEQ_TUNNEL, false},
	{"wraplist.sent", "4", "wrapped list", SEQ_OTHER, MME, ENB, SEQ_TUNNEL, false},
	{"hkey.sent", "5", "H_key", SEQ_OTHER, MME, UE, SEQ_NAS, false},
	{"measure.sent", "6", "measurement", SEQ_OTHER, UE, ENB, SEQ_RRC, false},
	{"handover.requested", "7", "HO request", SEQ_OTHER, SELF, ENB, SEQ_TUNNEL, false},
	{"handover.prepared", "8", "HO response", SEQ_OTHER, SELF, SOURCE, SEQ_TUNNEL, false},
	{"handover.commanded", "9", "HO command", SEQ_ENB, SELF, UE, SEQ_RRC, true},
	{"handover.confirmed", "10", "HO confirm", SEQ_OTHER, UE, SELF, SEQ_RRC, false},
	{"handover.complete_sent", "11", "HO complete", SEQ_OTHER, SELF, SOURCE, SEQ_TUNNEL, false},
	{"location_update.sent", "12", "location update", SEQ_OTHER, SELF, MME, SEQ_TUNNEL, false},
	{"wraplist.relayed", "13", "wrapped list", SEQ_OTHER, SELF, ENB, SEQ_TUNNEL, false},
	{0},
};

/* Others that are told beside a lane, with what they are called there. Those with a fingerprint are told anyway. */
static const struct {
	const char *topic, *text;
} notes[] = {
	{"handover.decided", "decides"},
	{"kenb.wrapped", "wrapped"},
	{"ue.attached", "attached"},
	{"handover.failed", "handover failed"},
	{"handover.refused", "refused"},
	{"refused", "refused"},
	{"ue.reestablished", "back under the old keys"},
	{"fault.fired", "fault"},
	{0},
};

static const char *text_of(const json_t *e, const char *key)
{
	const char *text = json_string_value(json_object_get(e, key));

	return text ? text : "";
}

static uint32_t number_of(const json_t *e, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(e, key));
}

/* A topic that only one daemon emits tells what its node is. */
static enum seq_role role_by_topic(const char *topic)
{
	static const struct {
		const char *topic, *daemons;
	} rows[] = {
#define TOPIC_DAEMONS(topic, step, daemons, help) {topic, daemons},
		EVENT_TOPICS(TOPIC_DAEMONS)
#undef TOPIC_DAEMONS
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(rows[i].topic, topic) != 0)
			continue;
		return strcmp(rows[i].daemons, "mmed") == 0   ? SEQ_MME
		       : strcmp(rows[i].daemons, "enbd") == 0 ? SEQ_ENB
		       : strcmp(rows[i].daemons, "ued") == 0  ? SEQ_UE
							      : SEQ_OTHER;
	}
	return SEQ_OTHER;
}

static bool is_message(const json_t *e)
{
	return *text_of(e, "message") != '\0';
}

static const struct message_row *row_named(const char *text)
{
	char name[64];

	for (size_t i = 0; i < message_row_count; i++) {
		snprintf(name, sizeof name, "%s.%s", iface_name(message_rows[i].iface),
			 message_rows[i].name);
		if (strcmp(name, text) == 0)
			return &message_rows[i];
	}
	return NULL;
}

/* Who sends a message, or takes it, is one of two. */
static enum seq_role role_by_message(const json_t *e)
{
	static const unsigned ends[IFACE_COUNT] = {[IFACE_S1] = ROLE_MME | ROLE_ENB,
						   [IFACE_X2] = ROLE_ENB,
						   [IFACE_RRC] = ROLE_ENB | ROLE_UE,
						   [IFACE_NAS] = ROLE_MME | ROLE_UE};
	const struct message_row *row = row_named(text_of(e, "message"));
	unsigned who = row ? row->from : 0;

	if (row && strcmp(text_of(e, "topic"), "msg.rx") == 0 && row->iface != IFACE_X2)
		who = ends[row->iface] & ~who;
	return who == ROLE_MME	 ? SEQ_MME
	       : who == ROLE_ENB ? SEQ_ENB
	       : who == ROLE_UE	 ? SEQ_UE
				 : SEQ_OTHER;
}

void seq_learn(struct seq *s, const json_t *e)
{
	const char *node = text_of(e, "node"), *topic = text_of(e, "topic");

	if (!*node)
		return;
	unsigned at = seq_lane(s, node);
	struct seq_lane *lane = &s->lanes[at];
	enum seq_role role = is_message(e) ? role_by_message(e) : role_by_topic(topic);
	if (is_message(e))
		seq_trace(s, at);
	if (role != SEQ_OTHER)
		lane->role = role;
	if (strcmp(topic, "enbkey.installed") == 0)
		lane->enb = number_of(e, "enb");
}

static unsigned lane_of(struct seq *s, const json_t *e, enum end end)
{
	switch (end) {
	case SELF:
		return seq_lane(s, text_of(e, "node"));
	case MME:
		return seq_lane_of_role(s, SEQ_MME, "mme");
	case UE:
		return seq_lane_of_role(s, SEQ_UE, "ue");
	case ENB:
		return seq_lane_of_enb(s, number_of(e, "enb"));
	case SOURCE:
		break;
	}
	return seq_lane_of_enb(s, number_of(e, "source"));
}

static struct seq_row *add_row(struct seq *s, const json_t *e, unsigned from, unsigned to)
{
	struct seq_row *r = seq_add(s);

	snprintf(r->ts, sizeof r->ts, "%s", text_of(e, "ts"));
	snprintf(r->step, sizeof r->step, "%s", text_of(e, "step"));
	snprintf(r->ue, sizeof r->ue, "%s", text_of(e, "ue"));
	snprintf(r->key, sizeof r->key, "%s", text_of(e, "key"));
	snprintf(r->fp, sizeof r->fp, "%s", text_of(e, "fp"));
	r->gen = (uint64_t)json_integer_value(json_object_get(e, "gen"));
	r->about = number_of(e, "enb");
	r->from = from;
	r->to = to;
	r->rank = seq_rank(r->step);
	return r;
}

static const struct arrow *arrow_of(struct seq *s, const json_t *e)
{
	const char *topic = text_of(e, "topic");
	unsigned self = seq_lane(s, text_of(e, "node"));

	for (const struct arrow *a = arrows; a->topic; a++)
		if (strcmp(a->topic, topic) == 0 &&
		    (a->by == SEQ_OTHER || s->lanes[self].role == a->by))
			return a;
	return NULL;
}

bool seq_is_arrow(struct seq *s, const json_t *e)
{
	return arrow_of(s, e) != NULL;
}

static void add_arrow(struct seq *s, const json_t *e, const struct arrow *a)
{
	unsigned from = lane_of(s, e, a->from), to = lane_of(s, e, a->to);
	struct seq_row *r = add_row(s, e, from, to);

	r->protection = a->protection;
	if (a->target)
		snprintf(r->text, sizeof r->text, "%s %u", a->text, r->about);
	else
		snprintf(r->text, sizeof r->text, "%s", a->text);
}

void seq_note(struct seq *s, const json_t *e)
{
	unsigned self = seq_lane(s, text_of(e, "node"));
	const char *text = NULL, *topic = text_of(e, "topic");
	const char *detail = text_of(e, "detail"), *cause = text_of(e, "cause");

	for (size_t i = 0; notes[i].topic && !text; i++)
		if (strcmp(notes[i].topic, topic) == 0)
			text = notes[i].text;
	if (!text && !*text_of(e, "fp"))
		return;
	struct seq_row *r = add_row(s, e, self, self);
	if (text)
		snprintf(r->text, sizeof r->text, "%s%s%s%s%.60s", text, *cause ? " " : "", cause,
			 *detail ? " " : "", detail);
}

/* NAS is between MME and UE; of the ends of S1 one is the MME, of those of Uu one is a UE. */
static unsigned other_end(struct seq *s, const json_t *e, unsigned self)
{
	enum seq_role role = s->lanes[self].role;
	bool nas = strncmp(text_of(e, "message"), "nas.", 4) == 0;
	const char *interface = text_of(e, "interface");

	if (role != SEQ_MME && (nas || strcmp(interface, "S1") == 0))
		return lane_of(s, e, MME);
	if (role != SEQ_UE && (nas || strcmp(interface, "Uu") == 0))
		return lane_of(s, e, UE);
	return number_of(e, "enb") ? lane_of(s, e, ENB) : seq_lane(s, text_of(e, "peer"));
}

static enum seq_protection protection_named(const char *name)
{
	for (int i = SEQ_CLEAR; i < SEQ_PROTECTION_COUNT; i++)
		if (strcmp(name, seq_protection_name((enum seq_protection)i)) == 0)
			return (enum seq_protection)i;
	return SEQ_CLEAR;
}

/* Once: as the sender tells it, or as the receiver does when the sender does not. */
static void add_message(struct seq *s, const json_t *e)
{
	const char *name = text_of(e, "message"), *dot = strchr(name, '.');
	unsigned self = seq_lane(s, text_of(e, "node")), other = other_end(s, e, self);
	bool sent = strcmp(text_of(e, "topic"), "msg.tx") == 0;

	if (!sent && s->lanes[other].traced)
		return;
	struct seq_row *r = add_row(s, e, sent ? self : other, sent ? other : self);
	const char *text = seq_step_text(r->step);
	snprintf(r->text, sizeof r->text, "%s", text ? text : dot ? dot + 1 : name);
	r->protection = protection_named(text_of(e, "protection"));
}

void seq_event(struct seq *s, const json_t *e)
{
	const struct arrow *a;

	if (!*text_of(e, "node"))
		return;
	if (is_message(e)) {
		if (s->all)
			add_message(s, e);
		return;
	}
	a = arrow_of(s, e);
	if (a && s->all && s->traces)
		return;
	if (a)
		add_arrow(s, e, a);
	else
		seq_note(s, e);
}

const char *seq_step_text(const char *step)
{
	if (strcmp(step, "13") == 0)
		return seq_step_text("4");
	for (const struct arrow *a = arrows; a->topic; a++)
		if (strcmp(a->step, step) == 0)
			return a->text;
	return NULL;
}
