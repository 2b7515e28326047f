/* What handlers read of checked parameters, and lists in pages. */
#include "ctl.h"

const char *ctl_string(const json_t *params, const char *name, const char *def)
{
	const json_t *v = json_object_get(params, name);

	return v ? json_string_value(v) : def;
}

int64_t ctl_int(const json_t *params, const char *name, int64_t def)
{
	const json_t *v = json_object_get(params, name);

	return v ? json_integer_value(v) : def;
}

bool ctl_bool(const json_t *params, const char *name, bool def)
{
	const json_t *v = json_object_get(params, name);

	return v ? json_is_true(v) : def;
}

struct ctl_page ctl_page_begin(const json_t *params)
{
	int64_t offset = ctl_int(params, "offset", 0);

	return (struct ctl_page){.first = offset,
				 .end = offset + ctl_int(params, "limit", 1000),
				 .items = json_array()};
}

bool ctl_page_wants(struct ctl_page *page)
{
	int64_t at = page->at++;

	return at >= page->first && at < page->end;
}

json_t *ctl_page_end(struct ctl_page *page)
{
	return json_pack("{s:o, s:o}", "items", page->items, "next",
			 page->at > page->end ? json_integer(page->end) : json_null());
}

void ctl_page_reply(struct ctl_request *req, struct ctl_page *page)
{
	ctl_reply(req, ctl_page_end(page));
}
