/* Whom a node trusts while it runs: revocation lists that arrive, its own certificate renewed, and warnings before one of
 * them ends. Without TLS all of it does nothing. */
#ifndef KEYHOP_TRUST_H
#define KEYHOP_TRUST_H

#include <jansson.h>

#include "node.h"

struct trust;

/* Opens the TLS context that the options ask for. KH_E_CONFIG with `why`. */
int trust_open(struct node *n, char *why, size_t why_len) KH_MUST_CHECK;
/* From now on: looks at tls.crl a few times a second, whatever way it is replaced, and warns of what ends. */
void trust_watch(struct node *n);
/* Reads certificate, key, CA and revocation list again; keys of options that have changed go to `applied`. KH_E_CONFIG
 * with `why`; nothing has changed then. */
int trust_reload(struct node *n, json_t *applied, char *why, size_t why_len) KH_MUST_CHECK;
/* What trust_reload() would apply; changes nothing. */
int trust_check(struct node *n, json_t *applied, char *why, size_t why_len) KH_MUST_CHECK;
/* Looks no more; the TLS context stays until its links are gone. */
void trust_stop(struct node *n);

#endif
