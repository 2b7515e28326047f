/* What every daemon does with messages and refusals, with a clock and randomness that the test holds. */
#include "node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "crypto.h"
#include "echo.h"
#include "fake_clock.h"
#include "fault.h"
#include "kdf.h"
#include "liveness.h"
#include "loop.h"
#include "nas_msg.h"
#include "pbmem.h"
#include "rng.h"
#include "rrc_msg.h"

static struct node n;
static char log_path[] = "/tmp/keyhop-log-XXXXXX";

static void setup(void)
{
	int fd;

	strcpy(log_path + strlen(log_path) - 6, "XXXXXX");
	fd = mkstemp(log_path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	memset(&n, 0, sizeof n);
	n.name = "n1";
	n.loop = loop_new();
	n.crypto = crypto_new();
	n.mem = pbmem_new(65536);
	n.events = events_new("n1", 100);
	log_init("n1");
	ck_ok(log_to_file(log_path));
}

static void teardown(void)
{
	faults_free(&n);
	events_free(n.events);
	pbmem_free(n.mem);
	crypto_free(n.crypto);
	loop_free(n.loop);
	log_close();
	unlink(log_path);
}

static unsigned lines_with(const char *text)
{
	char line[1000];
	unsigned found = 0;
	FILE *f = fopen(log_path, "r");

	while (fgets(line, sizeof line, f))
		found += strstr(line, text) != NULL;
	fclose(f);
	return found;
}

START_TEST(a_refusal_is_a_counter_a_line_and_an_event)
{
	node_refuse(&n, LOG_HO, KH_E_UNWRAP_FAILED, "enb2", "ue=%d", 7);
	ck_assert_uint_eq(n.metrics.refused[-KH_E_UNWRAP_FAILED], 1);
	ck_assert_uint_eq(lines_with("cause=unwrap-failed peer=enb2 ue=7"), 1);
	const struct node_event *e = events_after(n.events, 0);
	ck_assert_str_eq(e->topic, "refused");
	ck_assert_int_eq(e->err, KH_E_UNWRAP_FAILED);
}
END_TEST

START_TEST(many_refusals_are_counted_and_not_all_logged)
{
	for (int i = 0; i < 1000; i++)
		node_refuse(&n, LOG_HO, KH_E_NOT_PROTOBUF, "x", "frame");
	node_refuse(&n, LOG_HO, KH_E_TIMEOUT, "x", "other");
	ck_assert_uint_eq(n.metrics.refused[-KH_E_NOT_PROTOBUF], 1000);
	ck_assert_uint_eq(lines_with("cause=not-protobuf"), REFUSALS_LOGGED);
	ck_assert_uint_eq(lines_with("cause=timeout"), 1);
	fake_mono_us += 1000000;
	node_refuse(&n, LOG_HO, KH_E_NOT_PROTOBUF, "x", "frame");
	ck_assert_uint_eq(lines_with("cause=not-protobuf"), REFUSALS_LOGGED + 2);
	ck_assert_uint_eq(lines_with(": 980 more not logged"), 1);
}
END_TEST

static void security(struct nas_sec *mme, struct nas_sec *ue)
{
	struct k_nas_enc enc;
	struct k_nas_int integrity;

	rng_bytes(&enc, sizeof enc);
	rng_bytes(&integrity, sizeof integrity);
	nas_sec_init(mme, EPS_DOWNLINK, EEA2, EIA2, &enc, &integrity);
	nas_sec_init(ue, EPS_UPLINK, EEA2, EIA2, &enc, &integrity);
}

static void seal_h_key(struct nas_sec *sec, struct nas_pdu *pdu)
{
	uint8_t key[16] = "sixteen octets..";
	Keyhop__Nas__HKeyDelivery body = KEYHOP__NAS__HKEY_DELIVERY__INIT;

	body.generation = 9;
	body.h_key.data = key;
	body.h_key.len = sizeof key;
	body.kenb_input = KEYHOP__NAS__KENB_INPUT__KENB_INPUT_PLMN;
	NAS_MSG(nas, H_KEY_DELIVERY, h_key_delivery, &body);
	ck_ok(nas_msg_seal(&n, sec, NAS_CIPHERED, &nas, "ue", pdu));
}

START_TEST(nas_there_and_back)
{
	struct nas_sec mme, ue;
	struct nas_pdu pdu;
	Keyhop__Nas__Nas *nas;
	enum nas_header type;

	security(&mme, &ue);
	seal_h_key(&mme, &pdu);
	ck_ok(nas_msg_open(&n, &ue, ROLE_MME, pdu.pdu, pdu.len, "mme", &nas, &type));
	ck_assert_int_eq(type, NAS_CIPHERED);
	ck_assert_uint_eq(nas->h_key_delivery->generation, 9);
	node_done(&n);
	/* A second time it is a replay, and from a UE it is not allowed at all. */
	ck_err(nas_msg_open(&n, &ue, ROLE_MME, pdu.pdu, pdu.len, "mme", &nas, &type),
	       KH_E_NAS_REPLAY);
	seal_h_key(&mme, &pdu);
	ck_err(nas_msg_open(&n, &ue, ROLE_UE, pdu.pdu, pdu.len, "ue", &nas, &type),
	       KH_E_WRONG_LINK);
	ck_assert_uint_eq(n.metrics.refused[-KH_E_NAS_REPLAY], 1);
	ck_assert_uint_eq(n.metrics.refused[-KH_E_WRONG_LINK], 1);
}
END_TEST

START_TEST(nas_that_is_not_right)
{
	struct nas_sec mme, ue;
	struct nas_pdu pdu;
	Keyhop__Nas__Nas *nas;
	enum nas_header type;
	uint8_t big[NAS_PDU_MAX + 1] = {0x27};

	security(&mme, &ue);
	seal_h_key(&mme, &pdu);
	for (size_t i = 0; i < pdu.len; i++) {
		pdu.pdu[i] ^= 0x40;
		ck_assert_int_ne(
			nas_msg_open(&n, &ue, ROLE_MME, pdu.pdu, pdu.len, "mme", &nas, &type), 0);
		pdu.pdu[i] ^= 0x40;
		ck_assert_int_ne(nas_msg_open(&n, &ue, ROLE_MME, pdu.pdu, i, "mme", &nas, &type),
				 0);
	}
	ck_err(nas_msg_open(&n, &ue, ROLE_MME, big, sizeof big, "mme", &nas, &type),
	       KH_E_BAD_NAS_PDU);
	ck_err(nas_msg_open(&n, NULL, ROLE_MME, pdu.pdu, pdu.len, "mme", &nas, &type),
	       KH_E_NO_SECURITY_CONTEXT);
	/* None of this used up the COUNT. */
	ck_ok(nas_msg_open(&n, &ue, ROLE_MME, pdu.pdu, pdu.len, "mme", &nas, &type));
}
END_TEST

static void open_frame_fails(const uint8_t *data, size_t len, int err)
{
	Keyhop__Rrc__Uu *uu;

	ck_err(rrc_open_frame(&n, data, len, "peer", &uu), err);
	node_done(&n);
}

START_TEST(frames_of_uu)
{
	static const uint8_t good[] = {0x08, 0x46, 0x10, 0x01, 0x1a, 0x01, 0x00};
	static const uint8_t no_pdu[] = {0x08, 0x46, 0x10, 0x01};
	static const uint8_t bearer[] = {0x08, 0x46, 0x10, 0x03, 0x1a, 0x01, 0x00};
	static const uint8_t unknown[] = {0x08, 0x46, 0x1a, 0x01, 0x00, 0x78, 0x01};
	static const uint8_t rnti[] = {0x08, 0x80, 0x80, 0x04, 0x10, 0x01, 0x1a, 0x01, 0x00};
	static const uint8_t junk[] = {0xff, 0xff, 0xff};
	Keyhop__Rrc__Uu *uu;

	ck_ok(rrc_open_frame(&n, good, sizeof good, "peer", &uu));
	ck_assert_uint_eq(uu->c_rnti, 0x46);
	node_done(&n);
	open_frame_fails(no_pdu, sizeof no_pdu, KH_E_MISSING_FIELD);
	open_frame_fails(bearer, sizeof bearer, KH_E_BAD_FIELD);
	open_frame_fails(unknown, sizeof unknown, KH_E_UNKNOWN_FIELD);
	open_frame_fails(rnti, sizeof rnti, KH_E_BAD_FIELD);
	open_frame_fails(junk, sizeof junk, KH_E_NOT_PROTOBUF);
}
END_TEST

static void keys_of(struct pdcp *p, uint8_t direction)
{
	struct kenb kenb = {.b = "a KeNB of thirty-two octets ....", .len = 32};
	struct as_keys keys;

	ck_ok(kdf_as_keys(n.crypto, &kenb, EEA2, EIA2, &keys));
	pdcp_init(p, direction);
	pdcp_install(p, &keys, EEA2, EIA2);
	pdcp_start_ciphering(p);
}

/* Faults must know a message on the air without taking it. */
START_TEST(peeking_takes_nothing)
{
	struct pdcp enb, ue;
	uint8_t plain[] = {0xfa, 0x01, 0x00}, pdu[20], out[20]; /* number 31, an empty body */
	Keyhop__Rrc__Uu frame = KEYHOP__RRC__UU__INIT;
	size_t len;

	keys_of(&enb, EPS_DOWNLINK);
	keys_of(&ue, EPS_UPLINK);
	ck_ok(pdcp_srb_seal(n.crypto, &enb, plain, sizeof plain, pdu));
	frame.bearer = KEYHOP__RRC__BEARER__SRB1;
	frame.pdu.data = pdu;
	frame.pdu.len = sizeof plain + PDCP_SRB_OVERHEAD;
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(rrc_frame_row(&n, &ue, &frame)->name, "rrc_connection_release");
	ck_assert_ptr_null(rrc_frame_row(&n, NULL, &frame));
	pdu[2] ^= 1;
	ck_assert_ptr_null(rrc_frame_row(&n, &ue, &frame));
	pdu[2] ^= 1;
	ck_ok(pdcp_srb_open(n.crypto, &ue, pdu, frame.pdu.len, out, &len));
	ck_assert_ptr_null(rrc_frame_row(&n, &ue, &frame)); /* a replay is nothing */
}
END_TEST

START_TEST(numbers_of_messages)
{
	static const uint8_t three[] = {0x1a, 0x00}, thirty_five[] = {0x9a, 0x02, 0x00};
	static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					  0xff, 0xff, 0xff, 0xff, 0xff};

	ck_assert_uint_eq(fault_peek_number(three, sizeof three), 3);
	ck_assert_uint_eq(fault_peek_number(thirty_five, sizeof thirty_five), 35);
	ck_assert_uint_eq(fault_peek_number(thirty_five, 1), 0);
	ck_assert_uint_eq(fault_peek_number(endless, sizeof endless), 0);
	ck_assert_uint_eq(fault_peek_number(three, 0), 0);
	for (int k = 0; k < FAULT_KIND_COUNT; k++)
		ck_assert_int_eq(fault_kind_parse(fault_kind_name((enum fault_kind)k)), k);
	ck_assert_int_eq(fault_kind_parse("melt"), -1);
}
END_TEST

START_TEST(silence_is_counted)
{
	struct liveness l = {0};
	int err;

	liveness_heard(&l);
	ck_assert(!liveness_tick(&l, 2, &err)); /* it spoke: nothing to ask */
	ck_assert(liveness_tick(&l, 2, &err)); /* silent: ask */
	ck_assert(liveness_tick(&l, 2, &err));
	ck_assert_int_eq(err, 0);
	liveness_heard(&l);
	ck_assert(!liveness_tick(&l, 2, &err));
	for (int i = 0; i < 2; i++) {
		ck_assert(liveness_tick(&l, 2, &err));
		ck_assert_int_eq(err, 0);
	}
	ck_assert(!liveness_tick(&l, 2, &err));
	ck_assert_int_eq(err, KH_E_PEER_SILENT);
}
END_TEST

START_TEST(echoes)
{
	struct echo e = {.type = ECHO_REQUEST, .id = 70, .seq = 3, .data = "sixteen octets."}, out;
	uint8_t wire[ECHO_LEN];

	echo_build(&e, wire);
	ck_ok(echo_parse(wire, sizeof wire, &out));
	ck_assert_uint_eq(out.type, e.type);
	ck_assert_uint_eq(out.id, e.id);
	ck_assert_uint_eq(out.seq, e.seq);
	ck_assert_mem_eq(out.data, e.data, sizeof e.data);
	for (size_t i = 0; i < sizeof wire; i++) {
		wire[i] ^= 0x21;
		ck_err(echo_parse(wire, sizeof wire, &out), KH_E_BAD_FIELD);
		wire[i] ^= 0x21;
	}
	ck_err(echo_parse(wire, sizeof wire - 1, &out), KH_E_BAD_FIELD);
	ck_err(echo_parse(wire, 0, &out), KH_E_BAD_FIELD);
}
END_TEST

START_TEST(every_metric_stands_there_from_zero)
{
	json_t *j = metrics_json(&n.metrics);
	const json_t *counters = json_object_get(j, "counters"), *rx = json_object_get(j, "rx");

	for (unsigned m = 0; m < METRIC_COUNT; m++)
		ck_assert(json_is_integer(json_object_get(counters, metric_name((enum metric)m))));
	ck_assert_uint_eq(json_object_size(rx), message_row_count);
	ck_assert(json_is_integer(json_object_get(json_object_get(j, "refused"), "unwrap-failed")));
	ck_assert(json_is_integer(json_object_get(rx, "x2.handover_request")));
	json_decref(j);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("node");

	CHECK_CASE_WITH(s, "node", setup, teardown, a_refusal_is_a_counter_a_line_and_an_event,
			many_refusals_are_counted_and_not_all_logged, nas_there_and_back,
			nas_that_is_not_right, frames_of_uu, peeking_takes_nothing,
			numbers_of_messages, silence_is_counted, echoes,
			every_metric_stands_there_from_zero);
	return check_main(s);
}
