#include "import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "keys.h"

#define PIECE_MAX 8192 /* octets; escaped they fit into the line of a request */

struct import {
	struct client *client;
	const char *file;
	bool replace;
	int timeout_ms, code;
	char piece[PIECE_MAX + 1];
	size_t len; /* of the piece */
	json_int_t first, lines, subscribers; /* of the piece */
	json_int_t added, replaced, refused;
	bool lost; /* the node */
};

bool is_import(const char *method, const json_t *params)
{
	return strcmp(method, "subscriber.import") == 0 && json_object_get(params, "file") &&
	       !json_object_get(params, "text");
}

static void refuse(struct import *im, int code)
{
	im->refused += im->subscribers;
	im->code = im->code ? im->code : code;
}

static void take_answer(struct import *im, const json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");

	if (!result) {
		refuse(im, client_print_error(json_object_get(answer, "error")));
		return;
	}
	im->added += json_integer_value(json_object_get(result, "added"));
	im->replaced += json_integer_value(json_object_get(result, "replaced"));
}

static void next_piece(struct import *im)
{
	key_wipe(im->piece, sizeof im->piece);
	im->first += im->lines;
	im->lines = 0;
	im->subscribers = 0;
	im->len = 0;
}

static void send_piece(struct import *im)
{
	int code = EXIT_FAILED;
	json_t *params, *answer;

	if (!im->lines)
		return;
	im->piece[im->len] = '\0';
	params = json_pack("{s:s, s:s, s:I, s:b}", "file", im->file, "text", im->piece, "line",
			   im->first, "replace", im->replace);
	if (!params) {
		fprintf(stderr, "keyhop: %s:%lld:1: not UTF-8\n", im->file, (long long)im->first);
		refuse(im, EXIT_USAGE);
	} else if ((answer = client_call(im->client, "subscriber.import", params, im->timeout_ms,
					 &code))) {
		take_answer(im, answer);
		json_decref(answer);
	} else {
		refuse(im, code);
		im->lost = true;
	}
	next_piece(im);
}

static bool is_remark(const char *line)
{
	line += strspn(line, " \t\r\n");
	return *line == '\0' || *line == '#';
}

static void take_line(struct import *im, const char *line, size_t len)
{
	bool fits = len <= PIECE_MAX && strlen(line) == len;

	if (!fits || im->len + len > PIECE_MAX)
		send_piece(im);
	im->lines++;
	im->subscribers += !is_remark(line);
	if (fits) {
		memcpy(im->piece + im->len, line, len);
		im->len += len;
		return;
	}
	fprintf(stderr, "keyhop: %s:%lld:1: too long, or binary\n", im->file, (long long)im->first);
	refuse(im, EXIT_USAGE);
	next_piece(im);
}

static FILE *open_file(const char *path)
{
	const char *reason;
	FILE *f = file_open(path, FILE_ANY_SIZE, &reason);
	struct stat st;

	if (f && (fstat(fileno(f), &st) || (st.st_mode & 077))) {
		reason = "others may read it (chmod 600)";
		fclose(f);
		f = NULL;
	}
	if (!f)
		fprintf(stderr, "keyhop: %s: %s\n", path, reason);
	return f;
}

static void read_all(struct import *im, FILE *f)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while (!im->lost && (len = getline(&line, &cap, f)) > 0)
		take_line(im, line, (size_t)len);
	if (!im->lost)
		send_piece(im);
	if (line)
		key_wipe(line, cap);
	free(line);
}

json_t *import_file(struct client *c, json_t *params, int timeout_ms, int *code)
{
	struct import im = {.client = c,
			    .file = json_string_value(json_object_get(params, "file")),
			    .replace = json_is_true(json_object_get(params, "replace")),
			    .timeout_ms = timeout_ms,
			    .first = 1};
	FILE *f = im.file ? open_file(im.file) : NULL;

	*code = EXIT_USAGE;
	if (f) {
		read_all(&im, f);
		fclose(f);
		*code = im.code;
	}
	json_decref(params);
	return f ? json_pack("{s:{s:s, s:I, s:I, s:I}}", "result", "outcome",
			     im.code ? "failed" : "completed", "added", im.added, "replaced",
			     im.replaced, "refused", im.refused)
		 : NULL;
}
