/* What a node says of its certificates and lists, with a clock that the test holds. */
#include "trust.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"
#include "daemon.h"
#include "fake_clock.h"
#include "log.h"
#include "loop.h"
#include "test_link.h"
#include "test_pki.h"
#include "tls.h"

#define DAY_US (24LL * 3600 * 1000000)
#define MONTH_MS (30U * 24 * 3600 * 1000)

static struct test_pki pki;
static struct node n;
static struct node_options options;
static unsigned loads;
static char ca[TEST_PKI_PATH], cert[TEST_PKI_PATH], key[TEST_PKI_PATH], crl[TEST_PKI_PATH];

static void on_crl(void *context)
{
	(void)context;
	loads++;
}

static const struct daemon stub = {.name = "mmed", .crl_loaded = on_crl};

static void setup(void)
{
	test_pki_make(&pki);
	fake_wall_us = ((int64_t)time(NULL) + 60) * 1000000;
	test_pki_path(&pki, "ca", ".pem", ca);
	test_pki_path(&pki, "mme", ".pem", cert);
	test_pki_path(&pki, "mme", ".key", key);
	test_pki_path(&pki, "crl", ".pem", crl);
	test_pki_crl(&pki, "crl", &(struct test_crl){.names = {"enb1"}, .number = 5});
	options = (struct node_options){.ca = ca, .cert = cert, .key = key, .crl = crl};
	memset(&n, 0, sizeof n);
	n.role = ROLE_MME;
	n.daemon = &stub;
	n.options = &options;
	n.loop = loop_new();
	n.events = events_new("n1", 100);
	loads = 0;
	log_set_level(LOG_ERROR);
}

static void teardown(void)
{
	trust_stop(&n);
	tls_context_free(n.tls);
	events_free(n.events);
	loop_free(n.loop);
	test_pki_remove(&pki);
}

static void start(void)
{
	char why[200];

	ck_ok(trust_open(&n, why, sizeof why));
	trust_watch(&n);
}

/* Events of a topic; *last is the newest one. */
static unsigned seen(const char *topic, const struct node_event **last)
{
	unsigned count = 0;

	for (const struct node_event *e = events_after(n.events, 0); e;
	     e = events_after(n.events, e->seq)) {
		if (strcmp(e->topic, topic) != 0)
			continue;
		count++;
		if (last)
			*last = e;
	}
	return count;
}

START_TEST(a_list_comes)
{
	const struct node_event *e = NULL;

	start();
	ck_assert_uint_eq(seen("crl.loaded", &e), 1);
	ck_assert_ptr_nonnull(strstr(e->detail, "number=5 entries=1 next_update="));
	ck_assert_uint_eq(loads, 1);
	test_pki_crl(&pki, "crl", &(struct test_crl){.names = {"enb1", "mme"}, .number = 6});
	RUN_UNTIL(n.loop, seen("crl.loaded", NULL) > 1);
	ck_assert_uint_eq(loads, 2);
	ck_assert_uint_eq(n.metrics.count[METRIC_CRLS_LOADED], 2);
	ck_assert_uint_eq(seen("certificate.revoked", &e), 1);
	ck_assert_str_eq(e->detail, "own certificate");
	ck_assert_uint_eq(seen("crl.refused", NULL), 0);
}
END_TEST

START_TEST(a_bad_list_is_told_once)
{
	const struct node_event *e = NULL;

	start();
	test_pki_crl(&pki, "crl", &(struct test_crl){.number = 4});
	RUN_UNTIL(n.loop, seen("crl.refused", &e));
	ck_err(e->err, KH_E_CRL_STALE);
	ck_assert_uint_eq(n.metrics.refused[-KH_E_CRL_STALE], 1);
	ck_assert_uint_eq(loads, 1);
	unlink(crl);
	RUN_UNTIL(n.loop, seen("crl.refused", NULL) > 1);
	ck_assert_uint_eq(n.metrics.refused[-KH_E_CRL_STALE], 1);
	ck_assert_uint_eq(n.metrics.refused[-KH_E_CRL_INVALID], 1);
}
END_TEST

/* The leaf lasts a day, the CA three: two warnings of the leaf's end, one of the CA's, a day between. */
START_TEST(ends_are_warned_of_once_a_day)
{
	const struct node_event *e = NULL;

	start();
	ck_assert_uint_eq(seen("certificate.expiring", NULL), 0);
	options.expiry_warning_ms = MONTH_MS / 15;
	RUN_UNTIL(n.loop, seen("certificate.expiring", &e));
	ck_assert_ptr_nonnull(strstr(e->detail, "certificate=own days=0 until="));
	ck_assert_int_eq(e->err, 0);
	fake_wall_us += DAY_US + 60 * 1000000;
	RUN_UNTIL(n.loop, seen("crl.expired", &e));
	ck_assert_uint_eq(seen("certificate.expiring", NULL), 3);
	ck_err(e->err, KH_E_CRL_STALE);
	for (e = events_after(n.events, 0);
	     strcmp(e->topic, "certificate.expiring") != 0 || !e->err;)
		e = events_after(n.events, e->seq);
	ck_err(e->err, KH_E_CERTIFICATE_EXPIRED);
}
END_TEST

START_TEST(without_tls)
{
	char why[200];
	json_t *applied = json_array();

	options.security = SECURITY_NONE;
	ck_ok(trust_open(&n, why, sizeof why));
	trust_watch(&n);
	ck_ok(trust_reload(&n, applied, why, sizeof why));
	ck_assert_ptr_null(n.tls);
	json_decref(applied);
}
END_TEST

START_TEST(settings_refused)
{
	char why[200] = "";

	options.crl = ca;
	ck_err(trust_open(&n, why, sizeof why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, ca));
	options.key = NULL;
	ck_err(trust_open(&n, why, sizeof why), KH_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(why, "tls.key"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trust");

	CHECK_CASE_WITH(s, "trust", setup, teardown, a_list_comes, a_bad_list_is_told_once,
			ends_are_warned_of_once_a_day, without_tls, settings_refused);
	return check_main(s);
}
