#include "subscriber.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "file.h"
#include "milenage.h"

#define LINE_MAX_LEN 256
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

/* Cuts `line` at the commas, drops blanks at both ends of each part. */
static size_t split(char *line, char *parts[], size_t max)
{
	size_t n = 0;

	for (char *rest = line; rest && n < max; n++) {
		parts[n] = strsep(&rest, ",");
		parts[n] += strspn(parts[n], " \t");
		parts[n][strcspn(parts[n], " \t\r\n")] = '\0';
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

static int read_line(struct crypto *c, char *line, subscriber_fn *fn, void *arg, const char **field)
{
	struct subscriber s = {0};
	char *parts[4] = {0};

	line[strcspn(line, "#\n")] = '\0';
	if (line[strspn(line, " \t\r")] == '\0')
		return 0;
	size_t n = split(line, parts, 4);
	*field = "line wants IMSI,K,OPc[,SQN]";
	char *last = parts[0] ? strchr(parts[0], '-') : NULL;
	if (last)
		*last++ = '\0';
	int err = n < 3 || n > 4
			  ? KH_E_BAD_FIELD
			  : subscriber_parse(c, parts[0], parts[1], parts[2], parts[3], &s, field);
	if (!err)
		err = last ? each_of_range(&s, last, fn, arg, field) : fn(arg, &s);
	KEY_WIPE(&s);
	return err;
}

int subscriber_read(struct crypto *c, const char *path, subscriber_fn *fn, void *arg, char *why,
		    size_t why_len)
{
	char line[LINE_MAX_LEN];
	struct stat st;
	unsigned number = 0;
	int err = 0;
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
	while (!err && fgets(line, sizeof line, f)) {
		const char *field = NULL;
		number++;
		err = read_line(c, line, fn, arg, &field);
		if (err)
			snprintf(why, why_len, "%s:%u: %s%s", path, number, field ? "wrong " : "",
				 field ? field : err_text(err));
	}
	key_wipe(line, sizeof line);
	fclose(f);
	return err ? KH_E_CONFIG : 0;
}
