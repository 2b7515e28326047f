#include "err.h"

#include <stddef.h>

/* Indexed by cause number; numbers without a row have no name. */
static const struct {
	const char *name, *text;
	int code;
} causes[KH_CAUSE_MAX] = {
#define ROW(id, number, name, code, text) [number] = {name, text, code},
	KH_ERRORS(ROW)
#undef ROW
};

#define IN_RANGE(id, number, name, code, text) \
	_Static_assert((number) > 0 && (number) < KH_CAUSE_MAX, "cause number of " name);
KH_ERRORS(IN_RANGE)
#undef IN_RANGE

/* 0 for whatever has no row, KH_OK included. */
static unsigned row_of(int err)
{
	if (err >= 0 || err <= -KH_CAUSE_MAX)
		return 0;
	return causes[-err].name ? (unsigned)-err : 0;
}

const char *err_name(int err)
{
	unsigned row = row_of(err);

	if (err == KH_OK)
		return "none";
	return row ? causes[row].name : "unknown-cause";
}

const char *err_text(int err)
{
	unsigned row = row_of(err);

	if (err == KH_OK)
		return "no error";
	return row ? causes[row].text : "cause that this version does not know";
}

int err_code(int err)
{
	unsigned row = row_of(err);

	if (err == KH_OK)
		return 0;
	return causes[row ? row : err_to_cause(KH_E_INTERNAL)].code;
}

unsigned err_to_cause(int err)
{
	unsigned row = row_of(err);

	if (err == KH_OK)
		return 0;
	return row ? row : (unsigned)-KH_E_INTERNAL;
}

int err_from_cause(unsigned cause)
{
	if (cause == 0)
		return KH_OK;
	if (cause >= KH_CAUSE_MAX || !causes[cause].name)
		return KH_E_INTERNAL;
	return -(int)cause;
}
