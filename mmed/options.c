#include "options.h"

#include "kdf.h"
#include "scheme.h"
#include "wrap.h"

#define OPT(member) offsetof(struct mme_options, member)

static const struct config_word wrap_words[] = {
	{"aes-gcm", WRAP_AES_GCM}, {"aes-kw", WRAP_AES_KW}, {"aes-block", WRAP_AES_BLOCK}, {0}};
static const struct config_word bits_words[] = {{"128", 128}, {"256", 256}, {0}};
static const struct config_word kenb_input_words[] = {
	{"plmn", KENB_INPUT_PLMN}, {"literal", KENB_INPUT_LITERAL}, {0}};

const struct config_row mme_rows[] = {
	NODE_OPTION_ROWS,
	{.key = "s1.listen", .type = CONFIG_STRING, .offset = OPT(s1_listen), .required = true,
	 .help = "address for S1"},
	{.key = "s1.port", .type = CONFIG_PORT, .offset = OPT(s1_port), .def = "36512",
	 .help = "port for S1; 0 picks one"},
	{.key = "scheme", .type = CONFIG_ENUM, .offset = OPT(scheme), .def = "mme-assisted",
	 .words = mme_scheme_words, .help = "how the key of the next cell is made"},
	{.key = "wrap", .type = CONFIG_ENUM, .offset = OPT(wrap), .def = "aes-gcm",
	 .words = wrap_words, .help = "step 3c: aes-gcm; aes-kw and aes-block are for study"},
	{.key = "h_key_bits", .type = CONFIG_ENUM, .offset = OPT(h_key_bits), .def = "128",
	 .words = bits_words, .help = "step 3a: length of H_key, and so of KeNB"},
	{.key = "enb_key_bits", .type = CONFIG_ENUM, .offset = OPT(enb_key_bits), .def = "128",
	 .words = bits_words, .help = "step 1: length of MME-eNB_key"},
	{.key = "kenb_input", .type = CONFIG_ENUM, .offset = OPT(kenb_input), .def = "plmn",
	 .words = kenb_input_words, .help = "step 3b: PLMN and eNB_ID, or literally eNB_ID alone"},
	{.key = "enb_key_lifetime", .type = CONFIG_DURATION, .offset = OPT(enb_key_lifetime_ms),
	 .def = "24h", .min = 0, .max = 2592000000,
	 .help = "age at which a MME-eNB_key is renewed; 0s: never"},
	{.key = "enb_key_grace", .type = CONFIG_DURATION, .offset = OPT(enb_key_grace_ms),
	 .def = "30s", .min = 0, .max = 3600000,
	 .help = "how long the previous MME-eNB_key still opens entries in flight"},
	{.key = "neighbour_limit", .type = CONFIG_U32, .offset = OPT(neighbour_limit), .def = "32",
	 .min = 1, .max = 256, .help = "most neighbours in a message 3 or 12"},
	{.key = "attach_timeout", .type = CONFIG_DURATION, .offset = OPT(attach_timeout_ms),
	 .def = "10s", .min = 100, .max = 600000, .help = "longest attach"},
	{.key = "nas.ciphering", .type = CONFIG_ALG_LIST, .offset = OPT(eea), .def = "eea2",
	 .words = node_eea_words, .help = "EEA algorithms, best first; with eea0 no H_key is issued"},
	{.key = "nas.integrity", .type = CONFIG_ALG_LIST, .offset = OPT(eia), .def = "eia2",
	 .words = node_eia_words, .help = "EIA algorithms, best first"},
	{.key = "subscribers", .type = CONFIG_FILE, .offset = OPT(subscribers), .required = true,
	 .help = "CSV of IMSI,K,OPc[,SQN]; mode 0600"},
	{.key = "store", .type = CONFIG_FILE, .offset = OPT(store), .def = NULL,
	 .help = "file for the counters that never go back; memory without it"},
	{.key = "lab.ue_label", .type = CONFIG_BOOL, .offset = OPT(ue_label), .def = "true",
	 .help = "tell eNodeBs the IMSI, so that operators may use it everywhere"},
	{.key = "limits.enbs", .type = CONFIG_U32, .offset = OPT(max_enbs), .def = "1000", .min = 1,
	 .max = 100000, .help = "most eNodeBs"},
	{.key = "limits.ues", .type = CONFIG_U32, .offset = OPT(max_ues), .def = "1000000", .min = 1,
	 .max = 10000000, .help = "most UE contexts"},
	{0},
};
