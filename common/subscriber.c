#include "subscriber.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "file.h"
#include "milenage.h"

#define LINE_MAX_LEN 256
#define SUBSCRIBER_PARTS 4
#define SUBSCRIBERS_FILE_MAX (256LL * 1024 * 1024)

static int parse_opc(struct crypto *c, const char *text, struct subscriber *out)
{
	uint8_t op[16];

	if (strncmp(text, "op:", 3) != 0)
		return hex_decode(out->opc.b, sizeof out->opc.b, text);
	int err = hex_decode(op, sizeof op, text + 3);
	if (!err)
		err = milenage_opc(c, &out->k, op, &out->opc);
	key_wipe(op, sizeof op);
	return err;
}

int subscriber_parse(struct crypto *c, const char *imsi, const char *k, const char *opc,
		     const char *sqn, struct subscriber *out, const char **field)
{
	uint8_t b[8] = {0};

	*field = "imsi";
	if (imsi_parse(&out->imsi, imsi))
		return KH_E_BAD_FIELD;
	*field = "k";
	if (hex_decode(out->k.b, sizeof out->k.b, k))
		return KH_E_BAD_FIELD;
	*field = "opc";
	if (parse_opc(c, opc, out))
		return KH_E_BAD_FIELD;
	*field = "sqn";
	if (sqn && *sqn && hex_decode(b + 2, 6, sqn))
		return KH_E_BAD_FIELD;
	out->sqn = get_be64(b);
	*field = NULL;
	return 0;
}

static const struct {
	const char *name, *wants;
} fields[SUBSCRIBER_PARTS] = {{"imsi", "ue: an IMSI, 15 digits"},
			      {"k", "k: 32 hex digits"},
			      {"opc", "opc: 32 hex digits, or op: and those of an OP"},
			      {"sqn", "sqn: 12 hex digits"}};

static size_t field_index(const char *field)
{
	size_t i = SUBSCRIBER_PARTS - 1;

	while (i && strcmp(fields[i].name, field) != 0)
		i--;
	return i;
}

const char *subscriber_field_wants(const char *field)
{
	return fields[field_index(field)].wants;
}

/* Without blanks at both ends. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	for (len = strlen(text); len && strchr(" \t\r", text[len - 1]); len--)
		;
	text[len] = '\0';
	return text;
}

/* Cuts `line` at the commas; max + 1 when there are more parts. */
static size_t split(char *line, char *parts[], size_t max)
{
	size_t n = 0;

	for (char *rest = line; rest && n < max; n++) {
		parts[n] = trim(strsep(&rest, ","));
		if (rest && n + 1 == max)
			return max + 1;
	}
	return n;
}

/* `fn` for `first` and all numbers after it up to `last`, with the same keys. */
static int each_of_range(struct subscriber *s, const char *last_text, subscriber_fn *fn, void *arg,
			 const char **field)
{
	struct imsi end;
	uint64_t first = strtoull(s->imsi.s, NULL, 10);
	int err = imsi_parse(&end, last_text), width = (int)strlen(s->imsi.s);
	uint64_t last = err ? 0 : strtoull(end.s, NULL, 10);

	*field = "range of imsi";
	if (err || strlen(end.s) != strlen(s->imsi.s) || last < first ||
	    last - first >= SUBSCRIBER_RANGE_MAX)
		return KH_E_BAD_FIELD;
	*field = NULL;
	for (uint64_t n = first; !err && n <= last; n++) {
		snprintf(s->imsi.s, sizeof s->imsi.s, "%0*llu", width, (unsigned long long)n);
		err = fn(arg, s);
	}
	return err;
}

/* Lines of a file, or of a text. */
struct lines {
	struct crypto *crypto;
	subscriber_fn *fn;
	void *arg;
	const char *name;
	unsigned number; /* of the line */
	char *why;
	size_t why_len;
};

/* "name:line:column: wrong k"; never what stands there. */
static int refuse(const struct lines *l, size_t column, int err, const char *field)
{
	snprintf(l->why, l->why_len, "%s:%u:%zu: %s%s", l->name, l->number, column,
		 field ? "wrong " : "", field ? field : err_text(err));
	return err;
}

/* The column of what `field` names, or of the IMSI. */
static size_t column_of(const char *field, const char *line, char *const parts[])
{
	return (size_t)(parts[field ? field_index(field) : 0] - line) + 1;
}

static int read_parts(const struct lines *l, char *line)
{
	struct subscriber s = {0};
	char *parts[SUBSCRIBER_PARTS] = {0};
	size_t n = split(line, parts, SUBSCRIBER_PARTS);
	const char *field = NULL;

	if (n < 3 || n > SUBSCRIBER_PARTS)
		return refuse(l, 1, KH_E_BAD_FIELD, "number of fields: IMSI,K,OPc[,SQN]");
	char *last = strchr(parts[0], '-');
	if (last)
		*last++ = '\0';
	int err = subscriber_parse(l->crypto, parts[0], parts[1], parts[2], parts[3], &s, &field);
	if (!err)
		err = last ? each_of_range(&s, last, l->fn, l->arg, &field) : l->fn(l->arg, &s);
	KEY_WIPE(&s);
	return err ? refuse(l, column_of(field, line, parts), err, field) : 0;
}

/* One line with its end, which the last one may lack. */
static int read_line(struct lines *l, char *line, bool is_last)
{
	char *end = strchr(line, '\n');

	l->number++;
	/* What is cut here would be taken for two lines, or for less than it is. */
	if (!end && !is_last)
		return refuse(l, 1, KH_E_BAD_FIELD, "length: at most 254 octets, none of them 0");
	line[strcspn(line, "#\n")] = '\0';
	return line[strspn(line, " \t\r")] ? read_parts(l, line) : 0;
}

static int read_lines(struct lines *l, FILE *f)
{
	char line[LINE_MAX_LEN];
	int err = 0;

	while (!err && fgets(line, sizeof line, f))
		err = read_line(l, line, feof(f));
	key_wipe(line, sizeof line);
	return err;
}

int subscriber_read(struct crypto *c, const char *path, subscriber_fn *fn, void *arg, char *why,
		    size_t why_len)
{
	struct lines l = {c, fn, arg, path, 0, why, why_len};
	char room[4096]; /* what the library would read ahead into, and not wipe */
	struct stat st;
	const char *reason;
	FILE *f = file_open(path, SUBSCRIBERS_FILE_MAX, &reason);

	if (!f) {
		snprintf(why, why_len, "subscribers: %s: %s", path, reason);
		return KH_E_CONFIG;
	}
	if (fstat(fileno(f), &st) || (st.st_mode & (config_is_credential(path) ? 07U : 077U))) {
		snprintf(why, why_len, "subscribers: %s: others may read it (chmod 600)", path);
		fclose(f);
		return KH_E_CONFIG;
	}
	(void)setvbuf(f, room, _IOFBF, sizeof room);
	int err = read_lines(&l, f);
	fclose(f);
	key_wipe(room, sizeof room);
	return err ? KH_E_CONFIG : 0;
}

int subscriber_read_text(struct crypto *c, const char *text, const char *name, unsigned first_line,
			 subscriber_fn *fn, void *arg, char *why, size_t why_len)
{
	struct lines l = {c, fn, arg, name, first_line - 1, why, why_len};
	char line[LINE_MAX_LEN];
	int err = 0;

	while (!err && *text) {
		size_t len = strcspn(text, "\n");
		bool is_last = !text[len], fits = len + 1 < sizeof line;
		snprintf(line, sizeof line, "%.*s", (int)(len + !is_last), text);
		err = read_line(&l, line, is_last && fits);
		text += len + !is_last;
	}
	key_wipe(line, sizeof line);
	return err;
}
