/* What handlers read of checked parameters, and lists in pages. */
#include "ctl.h"

#define NO_MORE (-1)

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
	return (struct ctl_page){.first = ctl_int(params, "offset", 0),
				 .left = ctl_int(params, "limit", 1000),
				 .next = NO_MORE,
				 .items = json_array()};
}

bool ctl_page_wants_number(struct ctl_page *page, uint64_t number)
{
	int64_t at = (int64_t)number;

	if (at < page->first)
		return false;
	if (page->left) {
		page->left--;
		return true;
	}
	if (page->next == NO_MORE)
		page->next = at;
	return false;
}

bool ctl_page_wants(struct ctl_page *page)
{
	return ctl_page_wants_number(page, page->at++);
}

json_t *ctl_page_end(struct ctl_page *page)
{
	return json_pack("{s:o, s:o}", "items", page->items, "next",
			 page->next == NO_MORE ? json_null() : json_integer(page->next));
}

void ctl_page_reply(struct ctl_request *req, struct ctl_page *page)
{
	ctl_reply(req, ctl_page_end(page));
}
