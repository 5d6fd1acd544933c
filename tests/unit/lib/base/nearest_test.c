#include "lib/base/nearest.h"

#include "tests/harness/check.h"

static const char *const NAMES[] = {"data-dir", "listen", "log-level", "log-format", "rate"};

static void
test_near_words(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        int index;
    } cases[] = {
        {"data-dri", 0}, {"datadir", 0},  {"data-directory", -1},
        {"lisen", 1},    {"log-lvel", 2}, {"log-fromat", 3},
        {"rtae", 4},     {"rate", 4},     {"zebra", -1},
        {"", -1},        {"x", -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        if (nearest_name(cases[i].word, NAMES, G_N_ELEMENTS(NAMES)) != cases[i].index)
            fail_msg("'%s' is not nearest to %d", cases[i].word, cases[i].index);
}

static void
test_a_long_word_is_near_nothing(void **state)
{
    (void)state;
    g_autofree char *word = g_strnfill(1000, 'r');
    assert_int_equal(nearest_name(word, NAMES, G_N_ELEMENTS(NAMES)), -1);
    word[64] = '\0';
    assert_int_equal(nearest_name(word, NAMES, G_N_ELEMENTS(NAMES)), -1);
    assert_int_equal(nearest_name("rate", NAMES, 0), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near_words),
        cmocka_unit_test(test_a_long_word_is_near_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
