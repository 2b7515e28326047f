/* keyhop merge: the captures of several nodes as one, in order of time. A message that its sender and its receiver both
 * have is there once, with the time of the sender and what both say of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "buf.h"
#include "client.h"
#include "mem.h"
#include "pcapng.h"
#include "pcapng_read.h"
#include "words.h"

#define MEMORY_MAX (UINT64_C(2) << 30)
#define INTERFACES_MAX 65536
#define IN_FILES_MAX 1024

struct record {
	struct pcapng_packet p;
	uint8_t *data;
	char *comment;
	uint32_t file;
	uint64_t order; /* among those of one microsecond */
	struct record *next; /* of the same octets, sent and not yet met by their receiver */
};

/* Sent packets by their octets, which begin with both ends' addresses and ports. */
struct sent {
	struct record *first;
	UT_hash_handle hh;
};

struct merge {
	struct buf head; /* section, secrets, interfaces */
	struct buf secrets; /* of TLS, from files */
	struct record **records;
	size_t n;
	struct sent *sent;
	uint64_t memory;
	uint32_t interfaces;
	size_t met;
};

static void free_record(struct record *r)
{
	free(r->data);
	free(r->comment);
	free(r);
}

static struct record *keep(struct merge *m, const struct capture_block *b, uint32_t interface)
{
	struct record *r = x_calloc(1, sizeof *r);

	r->data = x_calloc(1, b->len + 1);
	memcpy(r->data, b->data, b->len);
	r->comment = x_strdup(b->comment);
	r->p = (struct pcapng_packet){.interface = interface,
				      .wall_us = b->wall_us,
				      .inbound = b->inbound,
				      .data = r->data,
				      .len = b->len};
	r->order = m->n;
	m->memory += b->len + strlen(b->comment) + sizeof *r;
	if ((m->n & (m->n - 1)) == 0)
		m->records = x_realloc(m->records, (m->n ? 2 * m->n : 1) * sizeof(void *));
	m->records[m->n++] = r;
	return r;
}

static int read_file(struct merge *m, const char *path, uint32_t file)
{
	struct capture_reader *reader = capture_reader_open(path);
	struct capture_block b;
	uint32_t first = m->interfaces;
	int err = reader ? 0 : -1;

	while (!err) {
		capture_reader_next(reader, &b);
		if (b.kind == BLOCK_END)
			break;
		if (b.kind == BLOCK_WRONG) {
			fprintf(stderr, "keyhop: %s\n", capture_reader_error(reader));
			err = -1;
		} else if (b.kind == BLOCK_INTERFACE) {
			pcapng_interface(&m->head, b.linktype, b.name, "");
			m->interfaces++;
		} else if (b.kind == BLOCK_SECRETS) {
			pcapng_tls_secrets(&m->head, b.data, b.len);
			m->memory += b.len;
		} else if (b.kind == BLOCK_PACKET) {
			keep(m, &b, first + b.interface)->file = file;
		}
		if (m->memory > MEMORY_MAX || m->interfaces > INTERFACES_MAX) {
			fprintf(stderr, "keyhop: %s: too much to merge at once\n", path);
			err = -1;
		}
	}
	capture_reader_close(reader);
	return err;
}

static struct sent *find_sent(struct merge *m, const struct record *r)
{
	struct sent *s;

	HASH_FIND(hh, m->sent, r->data, r->p.len, s); /* NOLINT(clang-analyzer-*): uthash */
	return s;
}

static void note_sent(struct merge *m, struct record *r)
{
	struct sent *s = find_sent(m, r);

	if (!s) {
		s = x_calloc(1, sizeof *s);
		HASH_ADD_KEYPTR(hh, m->sent, r->data, r->p.len, s); /* NOLINT(clang-analyzer-*) */
	}
	LL_APPEND(s->first, r);
}

/* Adds the parts of `more` that are not in the comment of `r`. */
static void join_comments(struct record *r, char *more)
{
	for (char *part; (part = more ? more : NULL);) {
		more = strstr(part, "; ");
		if (more) {
			*more = '\0';
			more += 2;
		}
		if (strstr(r->comment, part))
			continue;
		size_t len = strlen(r->comment) + strlen(part) + 3;
		char *joined = x_calloc(1, len);
		snprintf(joined, len, "%s%s%s", r->comment, *r->comment ? "; " : "", part);
		free(r->comment);
		r->comment = joined;
	}
}

/* The receiver's half of a message that was sent in another file is told of and dropped. */
static bool met(struct merge *m, struct record *r)
{
	struct sent *s = find_sent(m, r);
	struct record *other;

	LL_FOREACH(s ? s->first : NULL, other)
	if (other->file != r->file)
		break;
	if (!other)
		return false;
	LL_DELETE(s->first, other);
	join_comments(other, r->comment);
	m->met++;
	return true;
}

static void pair(struct merge *m)
{
	struct sent *s, *tmp;
	size_t kept = 0;

	for (size_t i = 0; i < m->n; i++)
		if (!m->records[i]->p.inbound)
			note_sent(m, m->records[i]);
	for (size_t i = 0; i < m->n; i++) {
		struct record *r = m->records[i];
		if (r->p.inbound && met(m, r))
			free_record(r);
		else
			m->records[kept++] = r;
	}
	m->n = kept;
	HASH_ITER (hh, m->sent, s, tmp) { /* NOLINT(clang-analyzer-*): uthash */
		HASH_DEL(m->sent, s);
		free(s);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;

	if (x->p.wall_us != y->p.wall_us)
		return x->p.wall_us < y->p.wall_us ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int write_all(struct merge *m, const char *path)
{
	FILE *f = fopen(path, "we");
	bool good = f != NULL;

	for (size_t i = 0; good && i <= m->n; i++) {
		good = fwrite(buf_data(&m->head), 1, m->head.len, f) == m->head.len;
		buf_drain(&m->head, m->head.len);
		if (i == m->n)
			break;
		m->records[i]->p.comment = m->records[i]->comment;
		pcapng_packet(&m->head, &m->records[i]->p);
	}
	if (f && fclose(f))
		good = false;
	if (!good)
		fprintf(stderr, "keyhop: %s: %s\n", path, strerror(errno));
	return good ? EXIT_DONE : EXIT_FAILED;
}

static int merge(struct merge *m, int argc, char **argv)
{
	struct words w = {.verb = verb_find("merge"), .argc = argc, .argv = argv};
	const char *out = NULL, *in[IN_FILES_MAX];
	uint32_t files = 0;
	int err = 0;

	for (const char *flag; !err && (flag = words_next(&w));) {
		if (strcmp(flag, "-o") == 0)
			out = w.value;
		else if (*flag)
			err = read_secrets(&m->secrets, w.value);
		else if (files == IN_FILES_MAX)
			return verb_misuse("merge", "%s: a word too many", w.value);
		else
			in[files++] = w.value;
	}
	if (w.code)
		return w.code;
	if (!err && (!out || !files))
		return verb_misuse("merge", "%s is missing", files ? "-o OUT.pcapng" : "IN.pcapng");
	pcapng_section(&m->head, "keyhop merge", "");
	if (m->secrets.len)
		pcapng_tls_secrets(&m->head, buf_data(&m->secrets), m->secrets.len);
	for (uint32_t i = 0; !err && i < files; i++)
		err = read_file(m, in[i], i);
	if (err)
		return EXIT_FAILED;
	pair(m);
	if (m->n > 1)
		qsort(m->records, m->n, sizeof *m->records, by_time);
	return write_all(m, out);
}

int merge_verb(int argc, char **argv, enum output_format form)
{
	struct merge m = {.secrets.secret = true};
	int code = merge(&m, argc, argv);

	if (!code)
		printf(output_is_json(form) ? "{\"packets\": %zu, \"seen_twice\": %zu}\n"
					    : "%zu packets, %zu of them seen by both ends\n",
		       m.n, m.met);
	for (size_t i = 0; i < m.n; i++)
		free_record(m.records[i]);
	free(m.records);
	buf_clear(&m.head);
	buf_clear(&m.secrets);
	return code;
}
