#include "lib/base/regex.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"

static void
test_whole_values_match(void **state)
{
    (void)state;
    g_autoptr(Regex) regex = regex_new("a(b|c)+", NULL);
    g_autoptr(Regex) anywhere = regex_new_anywhere("a(b|c)+", NULL);
    assert_true(regex_match(regex, "abc"));
    assert_false(regex_match(regex, "xabc"));
    assert_true(regex_match(anywhere, "xabc\n"));
    assert_false(regex_match(anywhere, "xa"));
    assert_null(regex_new_anywhere("a)(b", NULL));
}

/* What text around the pattern would change: quotes without an end. */
static void
test_patterns_are_found_anywhere(void **state)
{
    (void)state;
    g_autoptr(Regex) quoted = regex_new_anywhere("\\Qa.b", NULL);
    assert_non_null(quoted);
    assert_true(regex_match(quoted, "xa.by"));
    assert_false(regex_match(quoted, "xazby"));
    g_autoptr(Regex) ends = regex_new_anywhere("^a|b$", NULL);
    assert_true(regex_match(ends, "ac"));
    assert_true(regex_match(ends, "cb"));
    assert_false(regex_match(ends, "cac\nb\n"));
}

static void
expect_expanded(const char *pattern, const char *value, const char *text, const char *expected)
{
    g_autoptr(Regex) regex = regex_new_with_groups(pattern, NULL);
    g_autoptr(RegexMatch) match = NULL;
    assert_true(regex_find(regex, value, &match, NULL));
    if (expected == NULL) {
        assert_null(match);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    regex_match_expand(match, text, 1000, out);
    assert_string_equal(out->str, expected);
}

/* As Go's Regexp.Expand. */
static void
test_groups_are_expanded(void **state)
{
    (void)state;
    expect_expanded("(a+)-(?P<kind>.*)", "aa-x", "$2/${1}/$kind/${kind}/$0", "x/aa/x/x/aa-x");
    expect_expanded("(a)(b)?", "a", "<$2>", "<>");
    expect_expanded("(a)", "a", "$1x ${1}x $2 $nobody $$1 $ ${1 $-", " ax   $1 $ ${1 $-");
    expect_expanded("(a)", "b", "$1", NULL);
    expect_expanded("(ä)", "ä", "$1$1", "ää");
}

static void
test_steps_and_lengths_are_bounded(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(RegexMatch) match = NULL;
    g_autoptr(Regex) slow = regex_new_with_groups("(a|aa)+b|(.*)*(.*)*[x]", NULL);
    g_autofree char *value = g_strnfill(100, 'a');
    assert_false(regex_find(slow, value, &match, &error));
    assert_null(match);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
    assert_error_says(error, "too many steps");

    g_autoptr(Regex) all = regex_new_with_groups("(.*)", NULL);
    g_autoptr(RegexMatch) whole = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    assert_true(regex_find(all, value, &whole, NULL));
    regex_match_expand(whole, "$1$1$1$1$1$1", 150, out);
    assert_int_equal(out->len, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_values_match),
        cmocka_unit_test(test_patterns_are_found_anywhere),
        cmocka_unit_test(test_groups_are_expanded),
        cmocka_unit_test(test_steps_and_lengths_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
