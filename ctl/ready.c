#include "ready.h"

#include <string.h>

static json_int_t number(const json_t *status, const char *name)
{
	return json_integer_value(json_object_get(status, name));
}

bool status_is_ready(const json_t *status)
{
	const char *role = json_string_value(json_object_get(status, "role"));

	if (role && strcmp(role, "enbd") == 0)
		return json_is_true(json_object_get(status, "s1_up")) &&
		       number(status, "x2_up") >= number(status, "x2_wanted");
	if (role && strcmp(role, "ued") == 0)
		return number(status, "cells_up") == number(status, "cells");
	return role != NULL;
}
