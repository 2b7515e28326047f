/* Rows as one page without any other file: an SVG picture with a lane a node, and a switch that greys out what a node
 * has no key for. Works offline: its policy forbids the page to load anything. */
#include <string.h>
#include <time.h>

#include "seq.h"

#define LEFT 96 /* room for the time */
#define COLUMN 168
#define HEIGHT 26
#define LETTER 7 /* about the width of one */
#define TEXT_MAX 60U
#define NOTE_MAX 25

/* clang-format off */
static const char head[] =
	"<!doctype html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<title>keyhop: who sent what, and who can read it</title>\n"
	"<style>\n"
	":root { color-scheme: light dark; --bg: #fff; --fg: #1d2430; --dim: #6a7485; --lane: #c9d0da; --note: #fff6dd;\n"
	"  --edge: #c99a2e; --clear: #7b8494; --tunnel: #1f6fd0; --nas: #8a3fc4; --rrc: #12804f; --bad: #c62828 }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"  :root { --bg: #12161d; --fg: #e3e8ef; --dim: #98a3b3; --lane: #3a4452; --note: #2e2717;\n"
	"    --edge: #b58a2c; --clear: #9aa4b2; --tunnel: #6cb0ff; --nas: #cf9bf5; --rrc: #58d19a; --bad: #ff7b72 } }\n"
	"body { margin: 0; background: var(--bg); color: var(--fg); font: 14px/1.45 system-ui, sans-serif }\n"
	"header { position: sticky; top: 0; background: var(--bg); padding: 10px 16px 0; border-bottom: 1px solid var(--lane) }\n"
	"main { padding: 0 16px 24px }\n"
	"h1 { font-size: 16px; margin: 0 0 6px }\n"
	"button { font: inherit; color: inherit; background: none; border: 1px solid var(--lane); border-radius: 6px;\n"
	"  padding: 2px 10px; margin: 0 4px 4px 0; cursor: pointer }\n"
	"button[aria-pressed=true] { background: var(--fg); color: var(--bg) }\n"
	".legend span { margin-right: 16px; white-space: nowrap }\n"
	".legend svg { vertical-align: middle; margin-right: 5px }\n"
	"svg text { fill: var(--fg); font: 12px system-ui, sans-serif }\n"
	"svg .time { fill: var(--dim); font-size: 11px }\n"
	".lane { stroke: var(--lane) }\n"
	".name { font-weight: 600; font-size: 13px }\n"
	".row .hit { fill: transparent }\n"
	".row:hover .hit { fill: var(--lane); opacity: .25 }\n"
	".msg line, .msg path { stroke: var(--c); stroke-width: 2; fill: var(--c) }\n"
	".msg circle { fill: var(--c) }\n"
	".msg .under { fill: var(--bg) }\n"
	".msg .step { fill: var(--bg); font-weight: 700; font-size: 11px }\n"
	".clear { --c: var(--clear) }\n"
	".clear line { stroke-dasharray: 2 4 }\n"
	".tunnel { --c: var(--tunnel) }\n"
	".nas { --c: var(--nas) }\n"
	".nas line { stroke-dasharray: 9 3 }\n"
	".rrc { --c: var(--rrc) }\n"
	".rrc line { stroke-dasharray: 5 2 1 2 }\n"
	".note .box { fill: var(--note); stroke: var(--edge) }\n"
	".note .bad { fill: var(--bad); font-weight: 700 }\n"
	".closed { opacity: .2; filter: grayscale(1) }\n"
	"</style>\n"
	"</head>\n"
	"<body>\n"
	"<header>\n"
	"<h1>Who sent what, and who can read it</h1>\n";

static const char script[] =
	"<script>\n"
	"const rows = [...document.querySelectorAll('.row')], buttons = [...document.querySelectorAll('button')];\n"
	"function show(lane) {\n"
	"  let name = '', open = 0;\n"
	"  for (const row of rows) {\n"
	"    const reads = lane === '' || row.dataset.readers.split(' ').includes(lane);\n"
	"    row.classList.toggle('closed', !reads);\n"
	"    open += reads;\n"
	"  }\n"
	"  for (const b of buttons) {\n"
	"    b.setAttribute('aria-pressed', b.dataset.lane === lane);\n"
	"    if (lane !== '' && b.dataset.lane === lane) name = b.textContent;\n"
	"  }\n"
	"  document.getElementById('count').textContent =\n"
	"    name ? `${name} can read ${open} of ${rows.length}` : `${rows.length} rows; point at one for fingerprints`;\n"
	"  document.body.dataset.node = name;\n"
	"}\n"
	"function fromHash() {\n"
	"  const name = decodeURIComponent(location.hash.replace(/^#node=/, ''));\n"
	"  const b = buttons.find(b => b.dataset.lane !== '' && b.textContent === name);\n"
	"  show(b ? b.dataset.lane : '');\n"
	"}\n"
	"for (const b of buttons)\n"
	"  b.addEventListener('click', () => {\n"
	"    history.replaceState(null, '', b.dataset.lane === '' ? '#' : '#node=' + encodeURIComponent(b.textContent));\n"
	"    show(b.dataset.lane);\n"
	"  });\n"
	"addEventListener('hashchange', fromHash);\n"
	"fromHash();\n"
	"</script>\n"
	"</body>\n"
	"</html>\n";
/* clang-format on */

/* Whatever a peer wrote is text here and nothing else. */
static void put(const char *text, FILE *out)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		const char *entity = c == '&'	 ? "&amp;"
				     : c == '<'	 ? "&lt;"
				     : c == '>'	 ? "&gt;"
				     : c == '"'	 ? "&quot;"
				     : c == '\'' ? "&#39;"
						 : NULL;
		if (entity)
			fputs(entity, out);
		else if (c >= 0x20 && c < 0x7f)
			fputc(c, out);
		else
			fputc('?', out);
	}
}

static unsigned x_of(unsigned lane)
{
	return LEFT + lane * COLUMN + COLUMN / 2;
}

static double ms_of(const char *ts)
{
	struct tm tm = {0};
	int us = 0;

	if (sscanf(ts, "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &us) != 7)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (double)timegm(&tm) * 1000 + us / 1000.0;
}

/* What is shown when one points at a row. */
static void put_details(const struct seq *s, const struct seq_row *r, FILE *out)
{
	char text[256];

	fputs("<title>", out);
	seq_label(r, text, sizeof text);
	put(text, out);
	fprintf(out, "\nprotection: %s", seq_protection_name(r->protection));
	if (r->fp[0]) {
		fputs("\nfingerprint: ", out);
		put(r->key, out);
		fputc(' ', out);
		put(r->fp, out);
	}
	if (r->gen)
		fprintf(out, "\ngeneration: %llu", (unsigned long long)r->gen);
	if (r->ue[0]) {
		fputs("\nUE: ", out);
		put(r->ue, out);
	}
	fputs("\ntime: ", out);
	put(r->ts, out);
	fputs("\nreadable at:", out);
	for (unsigned i = 0; i < s->n_lanes; i++) {
		if (!seq_can_read(s, r, i))
			continue;
		fputc(' ', out);
		put(s->lanes[i].name, out);
	}
	fputs("</title>", out);
}

/* As much as a box or an arrow has room for; the whole text is in the details. */
static void put_short(const char *text, size_t room, FILE *out)
{
	char start[64];
	bool cut = strlen(text) > room;

	snprintf(start, sizeof start, "%.*s", (int)(cut ? room - 1 : room), text);
	put(start, out);
	if (cut)
		fputs("&#8230;", out);
}

static void put_arrow(const struct seq_row *r, FILE *out)
{
	unsigned a = x_of(r->from), b = x_of(r->to), middle = HEIGHT / 2;
	int way = b > a ? 1 : -1;
	size_t len = strlen(r->text), room = (size_t)((b > a ? b - a : a - b) - 50) / LETTER;
	unsigned width = (unsigned)(len < room ? len : room) * LETTER + 6, x = (a + b) / 2;

	fprintf(out,
		"<line x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/><path d=\"M%u %ul%d -4v8z\"/>"
		"<rect class=\"under\" x=\"%u\" y=\"4\" width=\"%u\" height=\"%u\"/>",
		a, middle, (unsigned)((int)b - 8 * way), middle, b, middle, -9 * way, x - width / 2,
		width, HEIGHT - 8);
	fprintf(out, "<text text-anchor=\"middle\" x=\"%u\" y=\"%u\">", x, middle + 4);
	put_short(r->text, room < TEXT_MAX ? room : TEXT_MAX, out);
	fputs("</text>", out);
	if (!r->step[0])
		return;
	fprintf(out,
		"<circle cx=\"%u\" cy=\"%u\" r=\"10\"/><text class=\"step\" "
		"text-anchor=\"middle\" x=\"%u\" y=\"%u\">",
		a, middle, a, middle + 4);
	put(r->step, out);
	fputs("</text>", out);
}

/* The same key has the same colour wherever it is. */
static void put_note(const struct seq_row *r, FILE *out)
{
	char text[256];
	unsigned x = x_of(r->from), hue = 0;

	seq_note_label(r, text, sizeof text);
	fprintf(out, "<rect class=\"box\" x=\"%u\" y=\"2\" width=\"%u\" height=\"%u\" rx=\"6\"/>",
		x - COLUMN / 2 + 4, COLUMN - 8, HEIGHT - 4);
	if (sscanf(r->fp, "%4x", &hue) == 1)
		fprintf(out, "<circle cx=\"%u\" cy=\"%u\" r=\"5\" fill=\"hsl(%u,65%%,50%%)\"/>",
			x - COLUMN / 2 + 15, HEIGHT / 2, hue % 360);
	fprintf(out, "<text x=\"%u\" y=\"%u\"%s>", x - COLUMN / 2 + (r->fp[0] ? 25 : 12),
		HEIGHT / 2 + 4, r->match < 0 ? " class=\"bad\"" : "");
	put_short(text, r->fp[0] ? NOTE_MAX - 2 : NOTE_MAX, out);
	fputs(r->match > 0 ? " &#10003;" : r->match < 0 ? " MISMATCH" : "", out);
	fputs("</text>", out);
}

static void put_row(const struct seq *s, const struct seq_row *r, size_t i, double began, FILE *out)
{
	bool arrow = r->protection != SEQ_NOTE && r->from != r->to;
	const char *gap = "";

	fprintf(out, "<g class=\"row %s %s\" transform=\"translate(0 %zu)\" data-step=\"",
		arrow ? "msg" : "note", seq_protection_name(r->protection), i * HEIGHT);
	put(r->step, out);
	fputs("\" data-readers=\"", out);
	for (unsigned lane = 0; lane < s->n_lanes; lane++) {
		if (!seq_can_read(s, r, lane))
			continue;
		fprintf(out, "%s%u", gap, lane);
		gap = " ";
	}
	fputs("\">", out);
	put_details(s, r, out);
	fprintf(out,
		"<rect class=\"hit\" width=\"%u\" height=\"%u\"/><text class=\"time\" x=\"4\" "
		"y=\"%u\">%.3f ms</text>",
		LEFT + s->n_lanes * COLUMN, HEIGHT, HEIGHT / 2 + 4, ms_of(r->ts) - began);
	if (arrow)
		put_arrow(r, out);
	else
		put_note(r, out);
	fputs("</g>\n", out);
}

static void put_switch(const struct seq *s, FILE *out)
{
	fputs("<div>What can this node read? <button data-lane=\"\" "
	      "aria-pressed=\"true\">everything</button>",
	      out);
	for (unsigned i = 0; i < s->n_lanes; i++) {
		fprintf(out, "<button data-lane=\"%u\" aria-pressed=\"false\">", i);
		put(s->lanes[i].name, out);
		fputs("</button>", out);
	}
	fputs("<span id=\"count\"></span></div>\n<div class=\"legend\">", out);
#define LEGEND(id, name, help) \
	if (SEQ_##id != SEQ_NOTE) \
		fprintf(out, \
			"<span><svg width=\"40\" height=\"10\" class=\"msg %s\"><line x1=\"0\" " \
			"y1=\"5\" " \
			"x2=\"40\" y2=\"5\"/></svg>%s: %s</span>", \
			name, name, help);
	SEQ_PROTECTIONS(LEGEND)
#undef LEGEND
	fputs("</div>\n", out);
}

static void put_names(const struct seq *s, FILE *out)
{
	fprintf(out, "<svg width=\"%u\" height=\"24\" style=\"display:block\">",
		LEFT + s->n_lanes * COLUMN);
	for (unsigned i = 0; i < s->n_lanes; i++) {
		fprintf(out, "<text class=\"name\" text-anchor=\"middle\" x=\"%u\" y=\"16\">",
			x_of(i));
		put(s->lanes[i].name, out);
		fputs("</text>", out);
	}
	fputs("</svg>\n</header>\n", out);
}

void seq_html(const struct seq *s, FILE *out)
{
	double began = s->n ? ms_of(s->rows[0].ts) : 0;

	fputs(head, out);
	put_switch(s, out);
	put_names(s, out);
	fprintf(out,
		"<main><svg id=\"ladder\" width=\"%u\" height=\"%zu\" style=\"display:block\">\n",
		LEFT + s->n_lanes * COLUMN, (s->n + 1) * HEIGHT);
	for (unsigned i = 0; i < s->n_lanes; i++)
		fprintf(out, "<line class=\"lane\" x1=\"%u\" y1=\"0\" x2=\"%u\" y2=\"%zu\"/>\n",
			x_of(i), x_of(i), (s->n + 1) * HEIGHT);
	for (size_t i = 0; i < s->n; i++)
		put_row(s, &s->rows[i], i, began, out);
	fputs("</svg></main>\n", out);
	fputs(script, out);
}
