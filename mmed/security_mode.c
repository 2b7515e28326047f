/* NAS security mode (TS 24.301 5.4.3): choice of algorithms, capabilities replayed against bidding down. */
#include "eps_alg.h"
#include "kdf.h"
#include "nas_msg.h"
#include "ue_fsm.h"

static void keylog(struct mme *m, const struct ue *ue)
{
	struct keylog_tags tags = {.ue = ue->imsi.s, .has_alg = true, .alg = ue->nas.eea};

	node_key_event(&m->node, NULL, KEY_K_NAS_ENC, ue->nas.enc.b, sizeof ue->nas.enc.b, &tags);
	tags.alg = ue->nas.eia;
	node_key_event(&m->node, NULL, KEY_K_NAS_INT, ue->nas.integrity.b,
		       sizeof ue->nas.integrity.b, &tags);
}

/* Derives and takes the NAS keys in use; COUNTs begin at 0. */
static int take_keys(struct mme *m, struct ue *ue)
{
	struct k_nas_enc enc;
	struct k_nas_int integrity;
	int eea = eps_alg_choose(m->opt.eea.id, m->opt.eea.n, ue->eea_caps, 0);
	int eia = eps_alg_choose(m->opt.eia.id, m->opt.eia.n, ue->eia_caps, 1);
	int err = kdf_nas_keys(m->node.crypto, &ue->kasme, (uint8_t)eea, (uint8_t)eia, &enc,
			       &integrity);

	if (!err) {
		nas_sec_init(&ue->nas, EPS_DOWNLINK, (uint8_t)eea, (uint8_t)eia, &enc, &integrity);
		keylog(m, ue);
	}
	KEY_WIPE(&enc);
	KEY_WIPE(&integrity);
	return err;
}

int security_mode_start(struct mme *m, struct ue *ue)
{
	Keyhop__Common__SecurityCapabilities replayed = KEYHOP__COMMON__SECURITY_CAPABILITIES__INIT;
	Keyhop__Nas__SecurityModeCommand body = KEYHOP__NAS__SECURITY_MODE_COMMAND__INIT;
	int err = take_keys(m, ue);

	if (err)
		return err;
	replayed.eea = ue->eea_caps;
	replayed.eia = ue->eia_caps;
	body.eea = ue->nas.eea;
	body.eia = ue->nas.eia;
	body.replayed = &replayed;
	NAS_MSG(nas, SECURITY_MODE_COMMAND, security_mode_command, &body);
	return nas_send(m, ue, NAS_INTEGRITY_NEW, &nas, 0);
}

int security_mode_rx_complete(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	(void)in;
	return context_setup_start(m, ue);
}

int security_mode_rx_reject(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	int err = err_from_cause(in->nas->security_mode_reject->cause);

	node_refuse(&m->node, LOG_NAS, err, ue_name(ue), "UE rejects security mode");
	(void)context_release_command(m, ue, err);
	return 0;
}
