#include "scheme.h"

static const struct ue_scheme *const schemes[] = {&ue_scheme_mme_assisted};

const struct config_word ue_scheme_words[] = {{"mme-assisted", 0}, {0}};

const struct ue_scheme *ue_scheme(int32_t value)
{
	return schemes[value];
}
