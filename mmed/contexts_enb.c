/* eNodeBs in the store: which process of it is known, and by which certificate; one that is revoked while the MME is
 * away is then known as such. Their keys are not here: every tunnel makes a new one. */
#include <stdlib.h>

#include <sqlite3.h>

#include "contexts.h"
#include "store.h"
#include "tls_peer.h"

void contexts_prepare_enbs(struct mme *m)
{
	m->contexts->put_enb = store_prepare(
		m->store, "INSERT OR REPLACE INTO enb(id, name, instance) VALUES(?1, ?2, ?3)");
	m->contexts->put_certificate = store_prepare(
		m->store, "INSERT OR REPLACE INTO enb_certificate(id, der) VALUES(?1, ?2)");
}

void contexts_touch_enb(struct mme *m, struct enb *e)
{
	e->to_store = true;
	m->contexts->enbs_to_store = true;
	store_touch(m->store);
}

static void write_certificate(struct mme *m, const struct enb *e)
{
	sqlite3_stmt *st = m->contexts->put_certificate;
	uint8_t *der;
	size_t len = tls_peer_encode(e->certificate, &der);

	sqlite3_bind_int64(st, 1, e->id);
	sqlite3_bind_blob(st, 2, der, (int)len, SQLITE_STATIC);
	store_run(m->store, st);
	free(der);
}

static void write_enb(struct mme *m, const struct enb *e)
{
	sqlite3_stmt *st = m->contexts->put_enb;

	sqlite3_bind_int64(st, 1, e->id);
	sqlite3_bind_text(st, 2, e->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)e->instance);
	store_run(m->store, st);
	write_certificate(m, e);
}

/* eNodeBs join seldom: all are looked at when one did. */
void contexts_write_enbs(struct mme *m)
{
	if (!m->contexts->enbs_to_store)
		return;
	for (struct enb *e = m->enbs; e; e = e->hh.next)
		if (e->to_store)
			write_enb(m, e);
}

void contexts_enbs_stored(struct mme *m)
{
	if (!m->contexts->enbs_to_store)
		return;
	m->contexts->enbs_to_store = false;
	for (struct enb *e = m->enbs; e; e = e->hh.next)
		e->to_store = false;
}

int contexts_load_enbs(struct mme *m, char *why, size_t why_len)
{
	sqlite3_stmt *st = store_prepare(m->store, "SELECT id, name, instance, der FROM enb "
						   "LEFT JOIN enb_certificate USING(id)");
	int err = 0;

	while (!err && sqlite3_step(st) == SQLITE_ROW) {
		struct enb *e = enb_add(m, (uint32_t)sqlite3_column_int64(st, 0),
					(const char *)sqlite3_column_text(st, 1));
		e->instance = (uint64_t)sqlite3_column_int64(st, 2);
		if (tls_peer_decode(&e->certificate, sqlite3_column_blob(st, 3),
				    (size_t)sqlite3_column_bytes(st, 3)))
			err = contexts_refuse_row(m, "eNodeB", e->id, why, why_len);
	}
	sqlite3_reset(st);
	return err;
}
