/* Subscribers: IMSI, K, OPc and SQN from a CSV file that only its owner may read. */
#ifndef KEYHOP_SUBSCRIBER_H
#define KEYHOP_SUBSCRIBER_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "ids.h"
#include "keys.h"

struct subscriber {
	struct imsi imsi;
	struct subscriber_key k;
	struct opc opc;
	uint64_t sqn;
};

/* Called for each line; an error other than 0 ends the reading. */
typedef int subscriber_fn(void *arg, const struct subscriber *s);

#define SUBSCRIBER_RANGE_MAX 1000000

/* Lines `IMSI,K,OPc[,SQN]`, K and OPc 32 hex digits, SQN 12; "op:" before the third makes it an OP. '#' begins a
 * comment. `FIRST-LAST` in place of the IMSI is a range of them, all with the same keys. KH_E_CONFIG with `why` =
 * "file:line:column: text", in which there is nothing of the line, also when others may read the file. */
int subscriber_read(struct crypto *c, const char *path, subscriber_fn *fn, void *arg, char *why,
		    size_t why_len) KH_MUST_CHECK;
/* The same of a piece of a file called `name`, which begins with its line `first_line` (from 1). KH_E_BAD_FIELD, or what
 * `fn` said. */
int subscriber_read_text(struct crypto *c, const char *text, const char *name, unsigned first_line,
			 subscriber_fn *fn, void *arg, char *why, size_t why_len) KH_MUST_CHECK;
/* One subscriber from texts, as in a line. KH_E_BAD_FIELD, *field names it. */
int subscriber_parse(struct crypto *c, const char *imsi, const char *k, const char *opc,
		     const char *sqn, struct subscriber *out, const char **field) KH_MUST_CHECK;
/* What a field that subscriber_parse() named wants, for who gave it as a parameter. */
const char *subscriber_field_wants(const char *field);

#endif
