#include "server/ingest/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/base/error.h"

static int n_told;
static bool was_told_error;

static void
on_outcome(void *waiter, const GError *error)
{
    n_told += *(int *)waiter;
    was_told_error = error != NULL;
}

static int
set_up(void **state)
{
    n_told = 0;
    *state = recent_new(on_outcome);
    return 0;
}

static int
tear_down(void **state)
{
    recent_free(*state);
    return 0;
}

static void
test_seen_only_when_resolved(void **state)
{
    Recent *recent = *state;
    int one = 1, ten = 10;
    RecentKey key = {1, 2}, other = {1, 3};
    assert_int_equal(recent_claim(recent, key, NULL), RECENT_NEW);
    assert_int_equal(recent_claim(recent, key, &one), RECENT_PENDING);
    assert_int_equal(recent_claim(recent, key, &ten), RECENT_PENDING);
    assert_int_equal(recent_claim(recent, other, NULL), RECENT_NEW);
    assert_int_equal(n_told, 0);
    recent_resolve(recent, key, NULL);
    assert_int_equal(n_told, 11);
    assert_false(was_told_error);
    assert_int_equal(recent_claim(recent, key, NULL), RECENT_SEEN);
    recent_resolve(recent, other, NULL);
}

static void
test_a_failure_may_be_tried_again(void **state)
{
    Recent *recent = *state;
    int one = 1;
    RecentKey key = {7, 7};
    g_autoptr(GError) error = g_error_new(CRESSET_ERROR, CRESSET_ERROR_UNAVAILABLE, "full");
    assert_int_equal(recent_claim(recent, key, NULL), RECENT_NEW);
    assert_int_equal(recent_claim(recent, key, &one), RECENT_PENDING);
    recent_resolve(recent, key, error);
    assert_int_equal(n_told, 1);
    assert_true(was_told_error);
    assert_int_equal(recent_claim(recent, key, NULL), RECENT_NEW);
    recent_resolve(recent, key, NULL);
}

/* Old keys are forgotten, the newest RECENT_KEYS_MAX never. */
static void
test_bounded(void **state)
{
    Recent *recent = *state;
    enum { N = 3 * RECENT_KEYS_MAX };
    for (uint64_t i = 1; i <= N; i++)
        recent_add(recent, (RecentKey){i, i * UINT64_C(0x9e3779b97f4a7c15)});
    for (uint64_t i = N - RECENT_KEYS_MAX + 1; i <= N; i++) {
        RecentKey key = {i, i * UINT64_C(0x9e3779b97f4a7c15)};
        if (recent_claim(recent, key, NULL) != RECENT_SEEN)
            fail_msg("key %u is forgotten", (unsigned)i);
    }
    RecentKey first = {1, UINT64_C(0x9e3779b97f4a7c15)};
    assert_int_equal(recent_claim(recent, first, NULL), RECENT_NEW);
    recent_resolve(recent, first, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_seen_only_when_resolved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failure_may_be_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
