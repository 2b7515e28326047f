#include "daemon_dump.h"

#include <stdio.h>

#include <jansson.h>

#include "daemon.h"
#include "schema.h"

static void print_options(const struct config_row *rows, const char *indent)
{
	for (; rows->key; rows++) {
		printf("%s%-26s %s%s%s%s\n", indent, rows->key, rows->help, rows->def ? " (" : "",
		       rows->def ? rows->def : "", rows->def ? ")" : "");
		if (rows->rows)
			print_options(rows->rows, "  - ");
	}
}

void daemon_dump_options(const struct daemon *d)
{
	print_options(d->rows, "");
}

static void print_mask(const struct fsm *f, uint32_t mask)
{
	const char *separator = "";

	for (uint8_t s = 0; s < f->state_count; s++) {
		if (!(mask & FSM_MASK(s)))
			continue;
		printf("%s%s", separator, fsm_state_name(f, s));
		separator = ",";
	}
}

static const char *option_at(const struct config_row *rows, const struct fsm_timeout *t)
{
	for (; !t->ms && rows->key; rows++)
		if (rows->offset == t->option)
			return rows->key;
	return "back-off";
}

/* One line a row, columns by tabs: for scripts/fsm2dot and the tests. */
static void print_machine(const struct daemon *d, const struct fsm *f)
{
	for (size_t i = 0; i < f->row_count; i++) {
		const struct fsm_rule *rule = fsm_row(f, i);
		printf("%s\t", f->name);
		print_mask(f, rule->states);
		printf("\t%s\t%s\t%s\t%s\n", fsm_event_name(f, rule->event), rule->action,
		       fsm_state_name(f, rule->ok), fsm_state_name(f, rule->fail));
	}
	for (const struct fsm_timeout *t = f->timeouts; t && t->states; t++) {
		printf("%s\t", f->name);
		print_mask(f, t->states);
		printf("\tafter\t%s\n", option_at(d->rows, t));
	}
}

void daemon_dump_machines(const struct daemon *d)
{
	for (size_t i = 0; d->machines[i]; i++)
		print_machine(d, d->machines[i]);
}

void daemon_dump_schema(const struct daemon *d)
{
	json_t *schema = schema_json(d);

	json_dumpf(schema, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(schema);
}
