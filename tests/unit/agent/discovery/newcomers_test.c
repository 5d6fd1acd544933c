/* How long containers are waited for. */
#include "agent/discovery/newcomers.h"

#include "tests/harness/check.h"

#define SECOND_US ((int64_t)G_USEC_PER_SEC)

static void
test_from_the_first_sight_on(void **state)
{
    (void)state;
    g_autoptr(Newcomers) newcomers = newcomers_new(30 * SECOND_US);
    assert_true(newcomers_is_new(newcomers, "a", 100 * SECOND_US));
    assert_true(newcomers_is_new(newcomers, "a", 129 * SECOND_US));
    assert_true(newcomers_is_new(newcomers, "b", 129 * SECOND_US));
    assert_false(newcomers_is_new(newcomers, "a", 130 * SECOND_US));
    assert_true(newcomers_is_new(newcomers, "b", 130 * SECOND_US));
    assert_false(newcomers_is_new(newcomers, "a", 9999 * SECOND_US));
    assert_int_equal(newcomers_size(newcomers), 2);
}

static bool
see(Newcomers *newcomers, int number, int64_t now_us)
{
    char id[16];
    g_snprintf(id, sizeof id, "%d", number);
    return newcomers_is_new(newcomers, id, now_us);
}

static void
test_too_many(void **state)
{
    (void)state;
    g_autoptr(Newcomers) newcomers = newcomers_new(30 * SECOND_US);
    for (int i = 0; i < NEWCOMERS_MAX; i++)
        assert_true(see(newcomers, i, 0));
    assert_false(see(newcomers, NEWCOMERS_MAX, 1));
    assert_int_equal(newcomers_size(newcomers), NEWCOMERS_MAX);
    /* What is still there is kept, and not waited for anew. */
    assert_false(see(newcomers, 7, NEWCOMERS_KEPT_US));
    assert_true(see(newcomers, NEWCOMERS_MAX, NEWCOMERS_KEPT_US));
    assert_int_equal(newcomers_size(newcomers), 2);
    assert_false(see(newcomers, 7, NEWCOMERS_KEPT_US + 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_the_first_sight_on),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
