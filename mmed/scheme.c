#include "scheme.h"

static const struct mme_scheme *const schemes[] = {&mme_scheme_mme_assisted};

const struct config_word mme_scheme_words[] = {{"mme-assisted", 0}, {0}};

const struct mme_scheme *mme_scheme(int32_t value)
{
	return schemes[value];
}
