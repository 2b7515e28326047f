/* Rows as a ladder of text, as Mermaid and as PlantUML. */
#include <string.h>

#include "output.h"
#include "seq.h"

#define WIDTH 21 /* "12 location update" fits between two lanes */
#define LINE_MAX_LEN (SEQ_LANES_MAX * WIDTH + 1)

static size_t column(unsigned lane)
{
	return (size_t)lane * WIDTH + WIDTH / 2;
}

static void put_harmless(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc(output_harmless(*text), out);
}

static void end_line(char *line, FILE *out, const char *more)
{
	size_t len = strlen(line);

	while (len > 0 && line[len - 1] == ' ')
		line[--len] = '\0';
	put_harmless(line, out);
	put_harmless(more, out);
	fputc('\n', out);
}

static void blank(const struct seq *s, char line[LINE_MAX_LEN], char mark)
{
	memset(line, ' ', (size_t)s->n_lanes * WIDTH);
	line[s->n_lanes * WIDTH] = '\0';
	for (unsigned i = 0; mark && i < s->n_lanes; i++)
		line[column(i)] = mark;
}

void seq_text_head(const struct seq *s, FILE *out)
{
	char line[LINE_MAX_LEN];

	blank(s, line, 0);
	for (unsigned i = 0; i < s->n_lanes; i++) {
		size_t len = strnlen(s->lanes[i].name, WIDTH - 1);
		memcpy(line + column(i) - len / 2, s->lanes[i].name, len);
	}
	end_line(line, out, "");
}

/* "9a kenb enb2 gen 1", or "6a decides enb2". */
void seq_note_label(const struct seq_row *r, char *out, size_t len)
{
	char about[24] = "", gen[32] = "";
	bool others = strcmp(r->step, "3b") == 0 || strcmp(r->step, "9a") == 0 ||
		      strcmp(r->step, "1") == 0 || strcmp(r->step, "3c") == 0 ||
		      strcmp(r->step, "6a") == 0;

	if (others && r->about)
		snprintf(about, sizeof about, " enb%u", r->about);
	if (r->gen)
		snprintf(gen, sizeof gen, " gen %llu", (unsigned long long)r->gen);
	if (r->fp[0])
		snprintf(out, len, "%s %s%s%s", r->step[0] ? r->step : "attach", r->key, about,
			 gen);
	else
		snprintf(out, len, "%s%s%s%s%s", r->step, r->step[0] ? " " : "", r->text, about,
			 gen);
}

static void note_text(const struct seq_row *r, char *out, size_t len)
{
	char text[200];

	seq_note_label(r, text, sizeof text);
	snprintf(out, len, "%s%s%s%s", text, r->fp[0] ? " fp " : "", r->fp,
		 r->match > 0	? "  MATCH"
		 : r->match < 0 ? "  MISMATCH"
				: "");
}

void seq_label(const struct seq_row *r, char *out, size_t len)
{
	if (r->protection == SEQ_NOTE)
		note_text(r, out, len);
	else
		snprintf(out, len, "%s%s%s", r->step, r->step[0] ? " " : "", r->text);
}

static void put_arrow(const struct seq *s, const struct seq_row *r, FILE *out)
{
	static const char dash[] = {
		[SEQ_CLEAR] = '.', [SEQ_TUNNEL] = '-', [SEQ_NAS] = '=', [SEQ_RRC] = '~'};
	char line[LINE_MAX_LEN], label[160];
	size_t a = column(r->from), b = column(r->to), low = a < b ? a : b, high = a < b ? b : a;

	blank(s, line, '|');
	memset(line + low + 1, dash[r->protection], high - low - 1);
	line[b > a ? high - 1 : low + 1] = b > a ? '>' : '<';
	snprintf(label, sizeof label, " %s%s%s ", r->step, r->step[0] ? " " : "", r->text);
	size_t len = strlen(label), room = high - low - 2,
	       skip = len > room; /* its blanks go first */
	len = len - 2 * skip < room ? len - 2 * skip : room;
	memcpy(line + (low + high - len) / 2 + (b > a ? 0 : 1), label + skip, len);
	snprintf(label, sizeof label, "   %s", seq_protection_name(r->protection));
	end_line(line, out, label);
}

void seq_text_row(const struct seq *s, const struct seq_row *r, FILE *out)
{
	char line[LINE_MAX_LEN], text[256], note[360];

	if (r->protection != SEQ_NOTE && r->from != r->to) {
		put_arrow(s, r, out);
		return;
	}
	note_text(r, text, sizeof text);
	snprintf(note, sizeof note, "   [%s] %s", s->lanes[r->from].name, text);
	blank(s, line, '|');
	end_line(line, out, note);
}

void seq_text(const struct seq *s, FILE *out)
{
	seq_text_head(s, out);
	fputc('\n', out);
	for (size_t i = 0; i < s->n; i++)
		seq_text_row(s, &s->rows[i], out);
	fputc('\n', out);
	seq_text_head(s, out);
	fputc('\n', out);
}

/* Letters, digits and a few signs: nothing that the languages of diagrams, or a peer, could make more of. */
static void put_plain(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc(strchr("\";#<>{}[]|`%\\\n\r", *text) ? ' ' : *text, out);
}

static void put_label(const struct seq_row *r, FILE *out)
{
	char text[256];

	seq_label(r, text, sizeof text);
	put_plain(text, out);
	if (r->protection != SEQ_NOTE)
		fprintf(out, " (%s)", seq_protection_name(r->protection));
	fputc('\n', out);
}

/* Both languages have participants, arrows and notes; the words differ. */
struct dialect {
	const char *begin, *arrow[SEQ_PROTECTION_COUNT], *note, *end;
	bool name_first; /* participant "name" as L0, not participant L0 as name */
};

static void put_participant(const struct seq *s, const struct dialect *d, unsigned i, FILE *out)
{
	if (d->name_first) {
		fputs("participant \"", out);
		put_plain(s->lanes[i].name, out);
		fprintf(out, "\" as L%u\n", i);
	} else {
		fprintf(out, "participant L%u as ", i);
		put_plain(s->lanes[i].name, out);
		fputc('\n', out);
	}
}

static void diagram(const struct seq *s, const struct dialect *d, FILE *out)
{
	fputs(d->begin, out);
	for (unsigned i = 0; i < s->n_lanes; i++)
		put_participant(s, d, i, out);
	for (size_t i = 0; i < s->n; i++) {
		const struct seq_row *r = &s->rows[i];
		if (r->protection == SEQ_NOTE || r->from == r->to)
			fprintf(out, "%s over L%u: ", d->note, r->from);
		else
			fprintf(out, "L%u%sL%u: ", r->from, d->arrow[r->protection], r->to);
		put_label(r, out);
	}
	fputs(d->end, out);
}

void seq_mermaid(const struct seq *s, FILE *out)
{
	static const struct dialect mermaid = {
		.begin = "sequenceDiagram\n",
		.arrow = {[SEQ_CLEAR] = "--)",
			  [SEQ_TUNNEL] = "->>",
			  [SEQ_NAS] = "-->>",
			  [SEQ_RRC] = "-)"},
		.note = "Note",
		.end = "",
	};

	diagram(s, &mermaid, out);
}

void seq_plantuml(const struct seq *s, FILE *out)
{
	static const struct dialect plantuml = {
		.begin = "@startuml\n",
		.arrow = {[SEQ_CLEAR] = " -[#gray]> ",
			  [SEQ_TUNNEL] = " -[#blue]> ",
			  [SEQ_NAS] = " -[#purple]> ",
			  [SEQ_RRC] = " -[#green]> "},
		.note = "note",
		.end = "@enduml\n",
		.name_first = true,
	};

	diagram(s, &plantuml, out);
}
