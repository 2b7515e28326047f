/* keyhop seq: a run or a capture as a sequence diagram. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client.h"
#include "seq.h"
#include "words.h"

#define EVENT_LINE_LEN 65536

static const struct format {
	const char *name, *suffix;
	void (*draw)(const struct seq *s, FILE *out);
} formats[] = {
	{"text", ".txt", seq_text},
	{"mermaid", ".mmd", seq_mermaid},
	{"plantuml", ".puml", seq_plantuml},
	{"html", ".html", seq_html},
	{0},
};

struct options {
	const char *from, *out_name;
	const struct format *format;
	bool follow;
};

typedef void take_event_fn(struct seq *s, const json_t *event);

/* Every line that is an event; others (a node may be writing one) are passed over. -1 after a printed error. */
static int read_events(struct seq *s, const char *path, take_event_fn *take)
{
	char line[EVENT_LINE_LEN];
	FILE *f = fopen(path, "re");

	if (!f) {
		fprintf(stderr, "keyhop: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof line, f)) {
		json_t *e = json_loads(line, 0, NULL);
		if (json_is_object(e))
			take(s, e);
		json_decref(e);
	}
	fclose(f);
	return 0;
}

static int is_events(const struct dirent *e)
{
	static const char suffix[] = ".events.ndjson";
	size_t len = strlen(e->d_name), end = sizeof suffix - 1;

	return len > end && strcmp(e->d_name + len - end, suffix) == 0;
}

static int read_folder(struct seq *s, const char *dir)
{
	char path[4096];
	struct dirent **files;
	int n = scandir(dir, &files, is_events, alphasort), err = 0;

	if (n <= 0) {
		fprintf(stderr, "keyhop: %s: %s\n", dir,
			n < 0 ? strerror(errno) : "no NODE.events.ndjson");
		free(n < 0 ? NULL : files);
		return -1;
	}
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < n && !err; i++) {
			snprintf(path, sizeof path, "%s/%s", dir, files[i]->d_name);
			err = read_events(s, path, round ? seq_event : seq_learn);
		}
	for (int i = 0; i < n; i++)
		free(files[i]);
	free(files);
	return err;
}

/* A run directory, a capture, or a file of events: by what it is. */
static int read_any(struct seq *s, const char *path)
{
	struct stat st;
	FILE *f;
	int first;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return read_folder(s, path);
	f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "keyhop: %s: %s\n", path, strerror(errno));
		return -1;
	}
	first = fgetc(f);
	fclose(f);
	if (first != '{')
		return seq_capture(s, path);
	return read_events(s, path, seq_learn) || read_events(s, path, seq_event) ? -1 : 0;
}

static const struct format *format_named(const char *name)
{
	for (const struct format *f = formats; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static const struct format *format_of_file(const char *name)
{
	for (const struct format *f = formats; name && f->name; f++) {
		size_t len = strlen(name), end = strlen(f->suffix);
		if (len > end && strcmp(name + len - end, f->suffix) == 0)
			return f;
	}
	return formats;
}

static int take_flag(struct options *o, struct seq *s, const char *flag, const char *value)
{
	if (strcmp(flag, "--follow") == 0) {
		o->follow = true;
	} else if (strcmp(flag, "--all") == 0) {
		s->all = true;
	} else if (strcmp(flag, "-o") == 0) {
		o->out_name = value;
	} else if (strcmp(flag, "--format") == 0) {
		o->format = format_named(value);
		if (!o->format)
			return verb_misuse("seq", "--format: %s: no such format", value);
	} else {
		if (strlen(value) >= sizeof s->ue)
			return verb_misuse("seq", "--ue: %s: no IMSI", value);
		memcpy(s->ue, value, strlen(value) + 1);
	}
	return EXIT_DONE;
}

static int parse(struct options *o, struct seq *s, int argc, char **argv)
{
	struct words w = {.verb = verb_find("seq"), .argc = argc, .argv = argv};
	int code = EXIT_DONE;

	for (const char *flag; !code && (flag = words_next(&w));) {
		if (*flag)
			code = take_flag(o, s, flag, w.value);
		else if (o->from)
			code = verb_misuse("seq", "%s: a word too many", w.value);
		else
			o->from = w.value;
	}
	return code ? code : w.code;
}

static const char *run_folder(void)
{
	const char *run = getenv("KEYHOP_RUN");

	return run && *run ? run : "run";
}

static int draw(const struct options *o, struct seq *s, FILE *out)
{
	const struct format *format = o->format ? o->format : format_of_file(o->out_name);
	bool is_text = format->draw == seq_text;
	int code = EXIT_DONE;

	if (o->follow)
		code = seq_follow(s, o->from, is_text, out);
	else if (read_any(s, o->from ? o->from : run_folder()))
		code = EXIT_FAILED;
	if (o->follow && is_text)
		return code;
	if (code && !s->n)
		return code;
	seq_finish(s);
	format->draw(s, out);
	return code;
}

int seq_verb(int argc, char **argv, enum output_format form)
{
	struct options o = {0};
	struct seq s = {0};
	FILE *out = stdout;
	int code = parse(&o, &s, argc, argv);

	(void)form;
	if (!code && o.out_name && !(out = fopen(o.out_name, "we"))) {
		fprintf(stderr, "keyhop: %s: %s\n", o.out_name, strerror(errno));
		return EXIT_FAILED;
	}
	if (!code)
		code = draw(&o, &s, out);
	if (!code && s.mismatch) {
		fputs("keyhop: seq: keys that should be the same differ: MISMATCH\n", stderr);
		code = EXIT_FINDINGS;
	}
	if (out && (fflush(out) || ferror(out) || (o.out_name && fclose(out)))) {
		fprintf(stderr, "keyhop: %s: cannot be written\n",
			o.out_name ? o.out_name : "standard output");
		code = EXIT_FAILED;
	}
	seq_free(&s);
	return code;
}
