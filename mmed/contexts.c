/* What of the MME survives a restart: attached UEs with their NAS security, the eNodeBs that serve them (contexts_enb.c),
 * SQNs, and counters that never go back. A UE that was touched is written once, at the end of the turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>
#include <utlist.h>

#include "buf.h"
#include "clock.h"
#include "contexts.h"
#include "mem.h"
#include "store.h"
#include "ue_fsm.h"

#define ROW_VERSION 1
#define ROW_LEN (1 + IMSI_LEN + 4 + 4 + 2 + 8 + 8 + 32 + 16 + 16 + 4 + 4 + 2)
#define SECONDS_2020 1577836800

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS ue(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS enb(id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
	" instance INTEGER NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS enb_certificate(id INTEGER PRIMARY KEY, der BLOB) STRICT;"
	"CREATE TABLE IF NOT EXISTS sqn(imsi TEXT PRIMARY KEY, sqn INTEGER NOT NULL) STRICT;";

/* ---- one UE as octets ---- */

static uint8_t *put(uint8_t *at, const void *data, size_t len)
{
	memcpy(at, data, len);
	return at + len;
}

static uint8_t *put_u32(uint8_t *at, uint32_t v)
{
	put_be32(at, v);
	return at + 4;
}

static uint8_t *put_u64(uint8_t *at, uint64_t v)
{
	put_be64(at, v);
	return at + 8;
}

static void pack(const struct ue *ue, uint8_t row[ROW_LEN])
{
	uint8_t *at = row;

	*at++ = ROW_VERSION;
	at = put(at, ue->imsi.s, IMSI_LEN);
	at = put_u32(at, ue->enb_id);
	at = put_u32(at, ue->enb_ue_id);
	*at++ = ue->eea_caps;
	*at++ = ue->eia_caps;
	at = put_u64(at, ue->gen_issued);
	at = put_u64(at, ue->gen_floor);
	at = put(at, ue->kasme.b, sizeof ue->kasme.b);
	at = put(at, ue->nas.enc.b, sizeof ue->nas.enc.b);
	at = put(at, ue->nas.integrity.b, sizeof ue->nas.integrity.b);
	at = put_u32(at, ue->nas.tx_count);
	at = put_u32(at, ue->nas.rx_next);
	*at++ = ue->nas.eea;
	*at = ue->nas.eia;
}

static const uint8_t *get(const uint8_t *at, void *out, size_t len)
{
	memcpy(out, at, len);
	return at + len;
}

/* What a row says of a UE before there is a context for it. */
static uint32_t enb_of_row(const uint8_t row[ROW_LEN])
{
	return get_be32(row + 1 + IMSI_LEN);
}

static int unpack(struct ue *ue, const uint8_t row[ROW_LEN])
{
	char imsi[IMSI_LEN + 1] = "";
	struct k_nas_enc enc;
	struct k_nas_int integrity;
	const uint8_t *at = get(row + 1, imsi, IMSI_LEN);

	if (row[0] != ROW_VERSION || imsi_parse(&ue->imsi, imsi))
		return KH_E_BAD_FIELD;
	at += 8; /* eNB_ID and its id of the UE */
	ue->eea_caps = *at++;
	ue->eia_caps = *at++;
	ue->gen_issued = get_be64(at);
	ue->gen_floor = get_be64(at + 8);
	at = get(at + 16, ue->kasme.b, sizeof ue->kasme.b);
	at = get(at, enc.b, sizeof enc.b);
	at = get(at, integrity.b, sizeof integrity.b);
	nas_sec_init(&ue->nas, EPS_DOWNLINK, at[8], at[9], &enc, &integrity);
	ue->nas.tx_count = get_be32(at);
	ue->nas.rx_next = get_be32(at + 4);
	KEY_WIPE(&enc);
	KEY_WIPE(&integrity);
	return 0;
}

/* ---- writing ---- */

static void write_ue(struct mme *m, struct ue *ue)
{
	uint8_t row[ROW_LEN], sealed[ROW_LEN + STORE_SEAL_OVERHEAD];

	pack(ue, row);
	int err = store_seal(m->store, "ue", ue->id, row, sizeof row, sealed);
	key_wipe(row, sizeof row);
	if (err) {
		log_error(LOG_MME, "ue=%s not stored: %s", ue_name(ue), err_text(err));
		return;
	}
	sqlite3_bind_int64(m->contexts->put_ue, 1, ue->id);
	sqlite3_bind_blob(m->contexts->put_ue, 2, sealed, sizeof sealed, SQLITE_STATIC);
	store_run(m->store, m->contexts->put_ue);
	ue->stored = true;
}

static void untouch(struct mme *m, struct ue *ue)
{
	if (!ue->touched_prev)
		return;
	DL_DELETE2(m->touched, ue, touched_prev, touched_next);
	ue->touched_prev = NULL;
	ue->touched_next = NULL;
}

static void flush(void *arg)
{
	struct mme *m = arg;
	struct contexts *c = m->contexts;
	struct ue *ue;

	contexts_write_enbs(m);
	for (size_t i = 0; i < c->n_gone; i++) {
		sqlite3_bind_int64(c->delete_ue, 1, c->gone[i]);
		store_run(m->store, c->delete_ue);
	}
	DL_FOREACH2(m->touched, ue, touched_next)
	write_ue(m, ue);
}

static void stored(void *arg)
{
	struct mme *m = arg;
	struct ue *ue, *tmp;

	m->contexts->n_gone = 0;
	contexts_enbs_stored(m);
	DL_FOREACH_SAFE2(m->touched, ue, tmp, touched_next)
	untouch(m, ue);
}

static void room_changed(void *arg, enum store_room room)
{
	struct mme *m = arg;
	struct node_event e = {.topic = room == STORE_ROOM ? "store.room" : "store.full",
			       .err = room == STORE_ROOM ? 0 : KH_E_STORE_FULL};

	events_emit(m->node.events, &e);
}

void contexts_touch_ue(struct mme *m, struct ue *ue)
{
	if (!ue_is_registered(ue) || ue->touched_prev || !m->store || !store_is_durable(m->store))
		return;
	DL_APPEND2(m->touched, ue, touched_prev, touched_next);
	store_touch(m->store);
}

void contexts_forget_ue(struct mme *m, struct ue *ue)
{
	struct contexts *c = m->contexts;

	untouch(m, ue);
	if (!ue->stored || !m->store)
		return;
	if (c->n_gone == c->gone_cap) {
		c->gone_cap = c->gone_cap ? 2 * c->gone_cap : 64;
		c->gone = x_realloc(c->gone, c->gone_cap * sizeof *c->gone);
	}
	c->gone[c->n_gone++] = ue->id;
	store_touch(m->store);
}

void contexts_write_sqn(struct mme *m, const struct subscriber *s)
{
	if (!store_is_durable(m->store))
		return;
	sqlite3_bind_text(m->contexts->put_sqn, 1, s->imsi.s, -1, SQLITE_STATIC);
	sqlite3_bind_int64(m->contexts->put_sqn, 2, (sqlite3_int64)s->sqn);
	store_run(m->store, m->contexts->put_sqn);
}

/* ---- reading ---- */

/* An SQN in the subscriber file counts when it is ahead. */
static void load_sqns(struct mme *m)
{
	sqlite3_stmt *st = store_prepare(m->store, "SELECT imsi, sqn FROM sqn");

	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *imsi = (const char *)sqlite3_column_text(st, 0);
		uint64_t sqn = (uint64_t)sqlite3_column_int64(st, 1);
		struct subscriber_entry *entry;
		HASH_FIND_STR(m->subscribers, imsi, entry);
		if (entry && entry->s.sqn < sqn)
			entry->s.sqn = sqn;
	}
	sqlite3_reset(st);
}

int contexts_restore(struct mme *m, struct ue *ue, const struct ue_input *in)
{
	int err = unpack(ue, in->row);
	struct ue *old = err ? NULL : ue_find_imsi(m, ue->imsi.s);

	if (err)
		return err;
	ue->stored = true;
	/* Rows come in the order of their ids: of two contexts the newer one is good. */
	if (old)
		(void)ue_step(m, old, EV_ENB_LOST, &(struct ue_input){.cause = KH_E_SUPERSEDED});
	ue_index_imsi(m, ue);
	return 0;
}

static int load_ue(struct mme *m, uint32_t id, const uint8_t *sealed, int len)
{
	uint8_t row[ROW_LEN];
	int err = len == ROW_LEN + STORE_SEAL_OVERHEAD
			  ? store_unseal(m->store, "ue", id, sealed, (size_t)len, row)
			  : KH_E_BAD_FIELD;
	struct enb *e = err ? NULL : enb_find(m, enb_of_row(row));

	if (!err && !e)
		err = KH_E_ENB_NOT_FOUND;
	if (!err) {
		struct ue *ue = ue_add_as(m, id, e, get_be32(row + 1 + IMSI_LEN + 4));
		err = ue_step(m, ue, EV_RESTORED, &(struct ue_input){.row = row});
	}
	key_wipe(row, sizeof row);
	return err;
}

int contexts_refuse_row(const struct mme *m, const char *what, uint32_t id, char *why,
			size_t why_len)
{
	snprintf(why, why_len,
		 "store: %s: the row of %s %u is damaged (put back a good copy, or move it away "
		 "with its -wal file: then all UEs attach again)",
		 m->opt.store, what, id);
	return KH_E_CONFIG;
}

static int load_ues(struct mme *m, char *why, size_t why_len)
{
	sqlite3_stmt *st = store_prepare(m->store, "SELECT id, sealed FROM ue ORDER BY id");
	int err = 0;

	while (!err && sqlite3_step(st) == SQLITE_ROW) {
		uint32_t id = (uint32_t)sqlite3_column_int64(st, 0);
		if (load_ue(m, id, sqlite3_column_blob(st, 1), sqlite3_column_bytes(st, 1)))
			err = contexts_refuse_row(m, "UE", id, why, why_len);
	}
	sqlite3_reset(st);
	return err;
}

static int load_rows(struct mme *m, char *why, size_t why_len)
{
	int err = contexts_load_enbs(m, why, why_len);

	load_sqns(m);
	return err ? err : load_ues(m, why, why_len);
}

/* Without a file numbers rise over restarts by the wall clock: in microseconds, or in seconds for 32-bit ones. */
static void init_counters(struct mme *m)
{
	uint64_t us = (uint64_t)clock_wall_us();

	counter_init(&m->generations, m->store, "generation", us, INT64_MAX);
	counter_init(&m->key_ids, m->store, "key_id", us / 1000000 - SECONDS_2020, UINT32_MAX);
	counter_init(&m->ue_ids, m->store, "ue_id", 1, UINT32_MAX);
}

int contexts_load(struct mme *m, char *why, size_t why_len)
{
	int err = 0;

	if (store_is_durable(m->store))
		err = load_rows(m, why, why_len);
	/* A store that does not open whole stays as it is. */
	if (!err)
		init_counters(m);
	if (!err && m->ues)
		log_info(LOG_MME, "store: %u UEs and %u eNodeBs as they were", HASH_COUNT(m->ues),
			 HASH_COUNT(m->enbs));
	return err;
}

int contexts_open(struct mme *m, char *why, size_t why_len)
{
	const struct store_settings settings = {
		.path = m->opt.store,
		.key_path = m->opt.store_key,
		.schema = schema,
		.loop = m->node.loop,
		.crypto = m->node.crypto,
		.flush = flush,
		.stored = stored,
		.room = room_changed,
		.arg = m,
	};
	int err = store_open(&m->store, &settings, why, why_len);

	if (err)
		return err;
	m->contexts = x_calloc(1, sizeof *m->contexts);
	if (!store_is_durable(m->store))
		return 0;
	m->node.instance = store_instance(m->store);
	m->contexts->put_ue =
		store_prepare(m->store, "INSERT OR REPLACE INTO ue(id, sealed) VALUES(?1, ?2)");
	m->contexts->delete_ue = store_prepare(m->store, "DELETE FROM ue WHERE id = ?1");
	m->contexts->put_sqn =
		store_prepare(m->store, "INSERT OR REPLACE INTO sqn(imsi, sqn) VALUES(?1, ?2)");
	contexts_prepare_enbs(m);
	return 0;
}

void contexts_close(struct mme *m)
{
	store_close(m->store);
	m->store = NULL;
	if (m->contexts)
		free(m->contexts->gone);
	free(m->contexts);
	m->contexts = NULL;
}
