/* A YAML file becomes a small tree with marks. Only plain mappings, sequences and scalars are taken. */
#include "config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "mem.h"

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the one being looked at */
	struct config_mark from; /* origin and folder */
	bool is_value; /* at the top there may be anything; a file holds a mapping */
	const char *input;
	size_t input_len;
	char *why;
	/* Open maps and sequences, outermost first. */
	struct config_node *stack[CONFIG_NESTING_MAX];
	size_t depth;
	/* Key read in the innermost map, waiting for its value. */
	char *key;
	struct config_mark key_at;
	struct config_node *root;
};

static struct config_mark mark_of(const struct reader *r, const yaml_mark_t *m)
{
	struct config_mark at = r->from;

	at.line = m->line + 1;
	at.column = m->column + 1;
	return at;
}

static int refuse(struct reader *r, const char *text)
{
	struct config_mark at = mark_of(r, &r->event.start_mark);

	return config_error(r->why, &at, "%s", text);
}

/* libyaml gives an offset instead of a mark when the octets themselves are wrong. */
static struct config_mark mark_of_offset(const struct reader *r, size_t offset)
{
	struct config_mark at = r->from;

	at.line = at.column = 1;
	for (size_t i = 0; i < offset && i < r->input_len; i++) {
		at.column++;
		if (r->input[i] == '\n') {
			at.line++;
			at.column = 1;
		}
	}
	return at;
}

static int refuse_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem != NULL ? p->problem : "not YAML";
	struct config_mark at = p->error == YAML_READER_ERROR ? mark_of_offset(r, p->problem_offset)
							      : mark_of(r, &p->problem_mark);

	return config_error(r->why, &at, "%s", problem);
}

/* Hangs a new node where the reader is; a pending key is used up. */
static void place(struct reader *r, struct config_node *node)
{
	if (r->depth == 0) {
		r->root = node;
		return;
	}
	node->key = r->key;
	node->key_at = r->key_at;
	r->key = NULL;
	config_node_add(r->stack[r->depth - 1], node);
}

static bool wants_key(const struct reader *r)
{
	return r->depth > 0 && r->stack[r->depth - 1]->kind == CONFIG_NODE_MAP && r->key == NULL;
}

static int open_node(struct reader *r, enum config_node_kind kind, bool decorated)
{
	struct config_mark at = mark_of(r, &r->event.start_mark);
	struct config_node *node;

	if (decorated)
		return refuse(r, "anchors and tags are not accepted");
	if (wants_key(r))
		return refuse(r, "a key must be one word");
	if (r->depth == CONFIG_NESTING_MAX)
		return refuse(r, "nested too deeply");
	if (r->depth == 0 && kind != CONFIG_NODE_MAP && !r->is_value)
		return refuse(r, "the file must hold a mapping (key: value)");
	node = config_node_new(kind, &at);
	place(r, node);
	r->stack[r->depth++] = node;
	return 0;
}

static int rx_map(struct reader *r)
{
	const yaml_event_t *e = &r->event;

	return open_node(r, CONFIG_NODE_MAP,
			 e->data.mapping_start.anchor != NULL || e->data.mapping_start.tag != NULL);
}

static int rx_seq(struct reader *r)
{
	const yaml_event_t *e = &r->event;

	return open_node(r, CONFIG_NODE_SEQ,
			 e->data.sequence_start.anchor != NULL ||
				 e->data.sequence_start.tag != NULL);
}

static int rx_end(struct reader *r)
{
	r->depth--;
	return 0;
}

static int check_scalar(struct reader *r, const char *text)
{
	const yaml_event_t *e = &r->event;

	if (e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL)
		return refuse(r, "anchors and tags are not accepted");
	if (strlen(text) != e->data.scalar.length)
		return refuse(r, "a NUL character is not accepted");
	if (r->depth == 0 && *text != '\0' && !r->is_value)
		return refuse(r, "the file must hold a mapping (key: value)");
	return 0;
}

static int rx_scalar(struct reader *r)
{
	const char *text = (const char *)r->event.data.scalar.value;
	struct config_mark at = mark_of(r, &r->event.start_mark);
	struct config_node *node;
	int rc = check_scalar(r, text);

	if (rc < 0)
		return rc;
	if (wants_key(r)) {
		if (r->stack[r->depth - 1]->n == CONFIG_KEYS_MAX)
			return refuse(r, "too many keys in one mapping");
		r->key = x_strdup(text);
		r->key_at = at;
		return 0;
	}
	/* A file of comments and `---` alone is an empty mapping. */
	node = config_node_new(r->depth == 0 && !r->is_value ? CONFIG_NODE_MAP : CONFIG_NODE_SCALAR,
			       &at);
	config_node_set_text(node, text);
	node->unset = *text == '\0' && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	place(r, node);
	return 0;
}

static int rx_alias(struct reader *r)
{
	return refuse(r, "aliases are not accepted");
}

static int rx_document(struct reader *r)
{
	const yaml_event_t *e = &r->event;

	if (r->root != NULL)
		return refuse(r, "more than one document in the file");
	if (e->data.document_start.version_directive != NULL ||
	    e->data.document_start.tag_directives.start !=
		    e->data.document_start.tag_directives.end)
		return refuse(r, "directives are not accepted");
	return 0;
}

typedef int rx_fn(struct reader *r);

/* Events without a row tell nothing. */
static rx_fn *const rx[] = {
	[YAML_DOCUMENT_START_EVENT] = rx_document, [YAML_ALIAS_EVENT] = rx_alias,
	[YAML_SCALAR_EVENT] = rx_scalar,	   [YAML_SEQUENCE_START_EVENT] = rx_seq,
	[YAML_SEQUENCE_END_EVENT] = rx_end,	   [YAML_MAPPING_START_EVENT] = rx_map,
	[YAML_MAPPING_END_EVENT] = rx_end,
};

/* 1 when the stream goes on, 0 at its end. */
static int step(struct reader *r)
{
	rx_fn *fn;
	int more, rc;

	if (!yaml_parser_parse(&r->parser, &r->event))
		return refuse_syntax(r);
	more = r->event.type != YAML_STREAM_END_EVENT;
	fn = r->event.type < sizeof rx / sizeof rx[0] ? rx[r->event.type] : NULL;
	rc = fn != NULL ? fn(r) : 0;
	yaml_event_delete(&r->event);
	return rc < 0 ? rc : more;
}

static int parse(struct reader *r)
{
	struct config_mark start = r->from;
	int rc;

	start.line = start.column = 1;
	if (!yaml_parser_initialize(&r->parser))
		return config_error(r->why, &start, "out of memory");
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->input, r->input_len);
	do
		rc = step(r);
	while (rc > 0);
	yaml_parser_delete(&r->parser);
	free(r->key);
	if (rc == 0 && r->root == NULL)
		r->root = config_node_new(CONFIG_NODE_MAP, &start);
	return rc;
}

static int read_file(const char *file, const struct config_mark *from, char *buf, size_t *len,
		     char *why)
{
	FILE *f = fopen(file, "re"); /* may be a pipe: reload.c sees to what may not */

	if (f == NULL)
		return config_error(why, from, "%s", strerror(errno));
	errno = 0;
	*len = fread(buf, 1, CONFIG_FILE_MAX + 1, f);
	if (ferror(f)) {
		int saved = errno;

		fclose(f);
		return config_error(why, from, "%s", strerror(saved));
	}
	fclose(f);
	if (*len > CONFIG_FILE_MAX)
		return config_error(why, from, "larger than 1 MiB");
	return 0;
}

/* The tree, or on an error NULL. */
static int finish(struct reader *r, int rc, struct config_node **root)
{
	if (rc < 0) {
		config_node_free(r->root);
		r->root = NULL;
	}
	*root = r->root;
	return rc;
}

int config_yaml_read(const char *file, const struct config_mark *from, struct config_node **root,
		     char why[CONFIG_WHY_LEN])
{
	char *buf = x_calloc(1, CONFIG_FILE_MAX + 1);
	struct reader r = {.from = *from, .input = buf, .why = why};
	int rc = read_file(file, from, buf, &r.input_len, why);

	if (rc == 0)
		rc = parse(&r);
	free(buf);
	return finish(&r, rc, root);
}

int config_yaml_text(const char *text, const struct config_mark *from, struct config_node **root,
		     char why[CONFIG_WHY_LEN])
{
	struct reader r = {.from = *from,
			   .is_value = true,
			   .input = text,
			   .input_len = strlen(text),
			   .why = why};

	return finish(&r, parse(&r), root);
}
