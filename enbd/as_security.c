/* AS keys of a UE in this cell: derived from KeNB (step 8a), made known, taken in use; KeNB is wiped. */
#include <string.h>

#include "as_security.h"
#include "eps_alg.h"
#include "kdf.h"

static void make_known(struct ue *ue, const struct as_keys *k, uint8_t eea, uint8_t eia)
{
	struct node *n = &ue->enb->node;
	struct node_event ev = ue_event(ue, "as_keys.derived", "8a");
	struct keylog_tags tags = {.ue = ue->label.s,
				   .enb = ue->enb->opt.id,
				   .gen = ue->kenb_gen,
				   .has_gen = true,
				   .has_alg = true,
				   .alg = eea};

	node_key_event(n, NULL, KEY_K_RRC_ENC, k->rrc_enc.b, sizeof k->rrc_enc.b, &tags);
	node_key_event(n, NULL, KEY_K_UP_ENC, k->up_enc.b, sizeof k->up_enc.b, &tags);
	tags.alg = eia;
	ev.gen = ue->kenb_gen;
	ev.has_gen = true;
	ev.enb = ue->enb->opt.id;
	node_key_event(n, &ev, KEY_K_RRC_INT, k->rrc_int.b, sizeof k->rrc_int.b, &tags);
}

int as_security_choose(const struct enb *e, struct ue *ue, uint8_t *eea, uint8_t *eia)
{
	int enc = eps_alg_choose(e->opt.eea.id, e->opt.eea.n, ue->eea_caps, 0);
	int integrity = eps_alg_choose(e->opt.eia.id, e->opt.eia.n, ue->eia_caps, 1);

	if (enc < 0 || integrity < 0)
		return KH_E_NO_COMMON_ALGORITHM;
	*eea = (uint8_t)enc;
	*eia = (uint8_t)integrity;
	return 0;
}

int as_security_install(struct ue *ue, const struct kenb *kenb, uint64_t generation, uint8_t eea,
			uint8_t eia)
{
	KEY_LOCAL(as_keys) struct as_keys keys = {0};
	struct enb *e = ue->enb;
	int err = kdf_as_keys(e->node.crypto, kenb, eea, eia, &keys);

	if (err)
		return err;
	ue->kenb_gen = generation;
	key_fingerprint(e->node.crypto, KEY_KENB, kenb->b, kenb->len, ue->kenb_fp);
	pdcp_install(&ue->pdcp, &keys, eea, eia);
	make_known(ue, &keys, eea, eia);
	return 0;
}
