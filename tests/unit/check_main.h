/* main() of a check_*.c: runs one suite, prints its totals, and fails when a test fails. */
#ifndef KEYHOP_CHECK_MAIN_H
#define KEYHOP_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

static inline int check_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A test case of `suite` with the tests listed, NULL at the end; setup and teardown may be NULL. */
static inline void check_case(Suite *suite, const char *name, SFun setup, SFun teardown,
			      const TTest *const tests[])
{
	TCase *c = tcase_create(name);

	tcase_set_timeout(c, 120); /* sanitizers and valgrind are slow */
	tcase_add_checked_fixture(c, setup, teardown);
	for (size_t i = 0; tests[i]; i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(suite, c);
}

#define CHECK_CASE_WITH(suite, name, setup, teardown, ...) \
	check_case(suite, name, setup, teardown, (const TTest *const[]){__VA_ARGS__, NULL})
#define CHECK_CASE(suite, name, ...) CHECK_CASE_WITH(suite, name, NULL, NULL, __VA_ARGS__)

/* Success of a fallible function, with the cause's name when it is not. */
#define ck_ok(expr) \
	do { \
		int ck_err = (expr); \
		ck_assert_msg(ck_err == 0, "%s: %s", #expr, err_name(ck_err)); \
	} while (0)
#define ck_err(expr, want) \
	do { \
		int ck_got = (expr); \
		ck_assert_msg(ck_got == (want), "%s: %s instead of %s", #expr, err_name(ck_got), \
			      err_name(want)); \
	} while (0)

#endif
