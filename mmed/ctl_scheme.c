/* scheme.get and scheme.set: the options of the key scheme, and how far a change of them has come. */
#include <stdio.h>
#include <string.h>

#include "ctl_cmds.h"
#include "handlers.h"
#include "scheme.h"

const struct ctl_param ctl_scheme_params[] = {
	{"wrap", CTL_STRING, false, 0, 0, "aes-gcm, aes-kw or aes-block"},
	{"h_key_bits", CTL_INT, false, 128, 256, "128 or 256, with the next list"},
	{"enb_key_bits", CTL_INT, false, 128, 256, "128 or 256"},
	{"kenb_input", CTL_STRING, false, 0, 0, "plmn or literal, with the next list"},
	{0}};

static void add_option(json_t *out, const struct mme *m, const char *key)
{
	char value[64];

	config_print(config_row_named(mme_rows, key), &m->opt, value, sizeof value);
	json_object_set_new(out, key, json_string(value));
}

static json_t *scheme_json(const struct mme *m)
{
	json_t *out = json_object(), *settable = json_array(), *pending = json_array();

	add_option(out, m, "scheme");
	add_option(out, m, "location_update");
	for (const struct ctl_param *p = ctl_scheme_params; p->name; p++) {
		add_option(out, m, p->name);
		json_array_append_new(settable, json_string(p->name));
	}
	for (const struct enb *e = m->enbs; e; e = e->hh.next)
		if (e->peer && !key_provision_is_current(m, e))
			json_array_append_new(pending, json_integer(e->id));
	json_object_set_new(out, "settable", settable);
	json_object_set_new(out, "pending", pending);
	return out;
}

void ctl_scheme_get(void *ctx, struct ctl_request *req, const json_t *params)
{
	(void)params;
	ctl_reply(req, scheme_json(ctx));
}

/* A word of the row, as a string or a number; false when it is none. */
static bool take_word(const struct config_row *row, const json_t *value, void *options)
{
	char number[24];
	const char *text = json_string_value(value);

	if (!text) {
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
		text = number;
	}
	for (const struct config_word *w = row->words; w->word; w++) {
		if (strcmp(w->word, text) != 0)
			continue;
		*(int32_t *)(void *)((char *)options + row->offset) = w->value;
		return true;
	}
	return false;
}

/* All of it, or nothing. */
void ctl_scheme_set(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	struct mme_options wanted = m->opt;
	char why[CONFIG_WHY_LEN];

	for (const struct ctl_param *p = ctl_scheme_params; p->name; p++) {
		const json_t *value = json_object_get(params, p->name);
		if (!value || take_word(config_row_named(mme_rows, p->name), value, &wanted))
			continue;
		ctl_fail(req, KH_E_USAGE, p->help);
		return;
	}
	if (mme_scheme_check(&wanted, why, sizeof why)) {
		ctl_fail_with(req, KH_E_CONFIG, NULL, "%s", why);
		return;
	}
	m->opt = wanted;
	mme_scheme_changed(m);
	ctl_reply(req, scheme_json(m));
}
