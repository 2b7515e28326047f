/* Control methods about H_keys and lists of wrapped keys. */
#include "clock.h"
#include "ctl_cmds.h"
#include "sent_list.h"
#include "ue_fsm.h"

const struct ctl_param ctl_hkey_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI or MME-UE-id"},
	{"enbs", CTL_ARRAY, true, 0, 0, "eNB_IDs to make keys for"},
	{0}};

const struct ctl_param ctl_wraplist_params[] = {
	{"ue", CTL_STRING, true, 0, 0, "IMSI or MME-UE-id"}, CTL_PAGE_PARAMS, {0}};

/* Ids out of the array; -1 when one is not an eNB_ID. */
static int64_t read_ids(const json_t *array, uint32_t *ids, size_t max)
{
	size_t n = json_array_size(array);

	if (n > max)
		return -1;
	for (size_t i = 0; i < n; i++) {
		json_int_t v = json_integer_value(json_array_get(array, i));
		if (v < 1 || v > ENB_ID_MAX)
			return -1;
		ids[i] = (uint32_t)v;
	}
	return (int64_t)n;
}

static void issue(struct mme *m, struct ue *ue, struct ctl_request *req, const uint32_t *ids,
		  size_t n)
{
	int err = ue_step(m, ue, EV_OP_HKEY, &(struct ue_input){.ids = ids, .n_ids = n});

	if (err)
		ctl_fail(req, err, NULL);
	else
		ctl_reply(req, json_pack("{s:s, s:I}", "outcome", "completed", "generation",
					 (json_int_t)ue->gen_issued));
}

void ctl_hkey_issue(void *ctx, struct ctl_request *req, const json_t *params)
{
	uint32_t ids[NEIGHBOURS_MAX];
	int64_t n = read_ids(json_object_get(params, "enbs"), ids, NEIGHBOURS_MAX);
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (!ue)
		return;
	if (n < 0)
		ctl_fail(req, KH_E_USAGE, "enbs: a list of eNB_IDs");
	else
		issue(ctx, ue, req, ids, (size_t)n);
}

/* H_key itself is wiped once 5 is sent. */
void ctl_hkey_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(ctx, req, params);

	if (ue)
		ctl_reply(req,
			  json_pack("{s:s, s:I, s:I, s:I}", "ue", ue->imsi.s, "generation",
				    (json_int_t)ue->gen_issued, "generation_floor",
				    (json_int_t)ue->gen_floor, "serving", (json_int_t)ue->enb_id));
}

/* The UE, if a list for it is known. */
static struct ue *find_ue_with_list(struct mme *m, struct ctl_request *req, const json_t *params)
{
	struct ue *ue = ctl_find_ue(m, req, params);

	if (!ue || ue->sent)
		return ue;
	ctl_fail(req, KH_E_NOT_FOUND, "no list was sent for it yet by this process; hkey.issue");
	return NULL;
}

static json_t *entry_json(struct mme *m, const struct sent_entry *entry)
{
	const struct enb *e = enb_find(m, entry->enb_id);
	bool sent = entry->key_id != 0;

	return json_pack("{s:I, s:b, s:I, s:b, s:s, s:s}", "enb", (json_int_t)entry->enb_id, "sent",
			 sent, "kid", (json_int_t)entry->key_id, "kid_in_use",
			 sent && e && e->key.id == entry->key_id, "wrap",
			 sent ? wrap_name((enum wrap_type)entry->wrap) : "", "kenb_fp",
			 entry->kenb_fp);
}

void ctl_wraplist_show(void *ctx, struct ctl_request *req, const json_t *params)
{
	struct mme *m = ctx;
	const struct ue *ue = find_ue_with_list(m, req, params);

	if (!ue)
		return;
	struct ctl_page page = ctl_page_begin(params);
	for (size_t i = 0; i < ue->sent->n; i++)
		if (ctl_page_wants(&page))
			json_array_append_new(page.items, entry_json(m, &ue->sent->entry[i]));
	json_t *out = json_pack("{s:s, s:I, s:s, s:I, s:s, s:I}", "ue", ue->imsi.s, "generation",
				(json_int_t)ue->sent->generation, "step",
				ue->sent->answers == 3 ? "4" : "13", "to", (json_int_t)ue->sent->to,
				"h_key_fp", ue->sent->h_key_fp, "age_us",
				(json_int_t)(clock_mono_us() - ue->sent->sent_us));
	json_object_update_new(out, ctl_page_end(&page));
	ctl_reply(req, out);
}

void ctl_wraplist_push(void *ctx, struct ctl_request *req, const json_t *params)
{
	uint32_t ids[NEIGHBOURS_MAX];
	struct ue *ue = find_ue_with_list(ctx, req, params);

	if (ue)
		issue(ctx, ue, req, ids, sent_list_ids(ue, ids));
}
