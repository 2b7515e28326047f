#include "scheme.h"

static const struct enb_scheme *const schemes[] = {&enb_scheme_mme_assisted};

const struct config_word enb_scheme_words[] = {{"mme-assisted", 0}, {0}};

const struct enb_scheme *enb_scheme(int32_t value)
{
	return schemes[value];
}
