#include "scheme.h"

#include <stdio.h>

#include "handlers.h"

static const struct mme_scheme *const schemes[] = {&mme_scheme_mme_assisted};

const struct config_word mme_scheme_words[] = {{"mme-assisted", 0}, {0}};

const struct mme_scheme *mme_scheme(int32_t value)
{
	return schemes[value];
}

int mme_scheme_check(const void *options, char *why, size_t why_len)
{
	const struct mme_options *o = options;

	if (wrap_len((enum wrap_type)o->wrap, (size_t)o->h_key_bits / 8))
		return 0;
	snprintf(why, why_len, "wrap: aes-block takes a 128-bit KeNB only (h_key_bits: 128)");
	return KH_E_CONFIG;
}

void mme_scheme_warn(const struct mme *m)
{
	const char *warning = wrap_warning((enum wrap_type)m->opt.wrap);

	if (warning)
		log_warn(LOG_KEY, "wrap: %s: %s", wrap_name((enum wrap_type)m->opt.wrap), warning);
}

void mme_scheme_changed(void *mme)
{
	struct mme *m = mme;

	mme_scheme_warn(m);
	for (struct enb *e = m->enbs; e; e = e->hh.next)
		key_provision_renew(m, e);
}
