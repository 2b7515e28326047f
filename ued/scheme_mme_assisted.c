/* The contribution's scheme: KeNB[target] = AES_Hkey(target), of the generation that 9 names (step 9a). */
#include "kdf.h"
#include "scheme.h"

static int derive(struct ue *ue, const Keyhop__Rrc__HandoverCommand *cmd, struct kenb *out)
{
	struct ue_node *u = ue->node;

	if (cmd->generation <= ue->gen_floor)
		return KH_E_STALE_GENERATION;
	for (size_t i = 0; i < HKEYS_KEPT; i++) {
		const struct hkey_slot *slot = &ue->hkeys[i];
		if (slot->generation == cmd->generation)
			return kdf_kenb(u->node.crypto, &slot->h_key, slot->input, &u->node.plmn,
					cmd->target_enb_id, out);
	}
	return KH_E_UNKNOWN_GENERATION;
}

/* Single installation: the floor rises, and H_keys at or below it are wiped. */
static void installed(struct ue *ue, const Keyhop__Rrc__HandoverCommand *cmd)
{
	ue->gen_floor = cmd->generation;
	for (size_t i = 0; i < HKEYS_KEPT; i++)
		if (ue->hkeys[i].generation <= ue->gen_floor)
			KEY_WIPE(&ue->hkeys[i]);
}

const struct ue_scheme ue_scheme_mme_assisted = {
	.name = "mme-assisted", .derive = derive, .installed = installed};
