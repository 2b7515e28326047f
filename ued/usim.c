/* What a USIM does not forget when the phone is switched off: the SQNs it has accepted. */
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "ids.h"
#include "store.h"
#include "ue_fsm.h"

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS usim(imsi TEXT PRIMARY KEY, seqs BLOB NOT NULL) STRICT;";

#define SEQS_LEN (8 * AKA_IND_COUNT)

int usim_open(struct ue_node *u, char *why, size_t why_len)
{
	const struct store_settings settings = {
		.path = u->opt.usim,
		.schema = schema,
		.loop = u->node.loop,
		.crypto = u->node.crypto,
	};
	int err = store_open(&u->store, &settings, why, why_len);

	if (err || !store_is_durable(u->store))
		return err;
	u->put_usim =
		store_prepare(u->store, "INSERT OR REPLACE INTO usim(imsi, seqs) VALUES(?1, ?2)");
	struct sqlite3_stmt *st = store_prepare(u->store, "SELECT imsi, seqs FROM usim");
	while (sqlite3_step(st) == SQLITE_ROW) {
		struct ue *ue = ue_find(u, (const char *)sqlite3_column_text(st, 0));
		const uint8_t *seqs = sqlite3_column_blob(st, 1);
		if (!ue || sqlite3_column_bytes(st, 1) != SEQS_LEN)
			continue;
		for (size_t i = 0; i < AKA_IND_COUNT; i++) {
			uint64_t seq = get_be64(seqs + 8 * i);
			if (ue->sqns.seq[i] < seq)
				ue->sqns.seq[i] = seq;
		}
	}
	sqlite3_reset(st);
	return 0;
}

void usim_close(struct ue_node *u)
{
	store_close(u->store);
	u->store = NULL;
}

void usim_write(struct ue_node *u, const struct ue *ue)
{
	uint8_t seqs[SEQS_LEN];

	if (!u->store || !store_is_durable(u->store))
		return;
	for (size_t i = 0; i < AKA_IND_COUNT; i++)
		put_be64(seqs + 8 * i, ue->sqns.seq[i]);
	sqlite3_bind_text(u->put_usim, 1, ue->imsi.s, -1, SQLITE_STATIC);
	sqlite3_bind_blob(u->put_usim, 2, seqs, sizeof seqs, SQLITE_STATIC);
	store_run(u->store, u->put_usim);
}
