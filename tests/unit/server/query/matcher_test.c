#include "server/query/matcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"

static Labels *
make_labels(void)
{
    const Label pairs[] = {
        {"service_name", "checkout"},
        {"__name__", "process_cpu"},
        {"service.version", "1.2"},
        {"text", "two\nlines \"quoted\" \xc3\xa4"},
    };
    return labels_new(pairs, G_N_ELEMENTS(pairs));
}

static void
test_what_matches(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        bool expected;
    } cases[] = {
        {"", true},
        {"  ", true},
        {"{}", true},
        {" { } ", true},
        {"{service_name=\"checkout\"}", true},
        {"{ service_name = 'checkout' , }", true},
        {"{service_name=`checkout`}", true},
        {"{service_name=\"check\"}", false},
        {"{service_name!=\"checkout\"}", false},
        {"{service_name!=\"other\"}", true},
        {"{service_name=~\"check\"}", false}, /* anchored */
        {"{service_name=~\"check.*\"}", true},
        {"{service_name=~\"a|checkout|b\"}", true},
        {"{service_name=~\"a|check\"}", false},
        {"{service_name=~\"(?i)CHECKOUT\"}", true},
        {"{service_name=~\"(?P<x>c)(?:h)e.+\"}", true},
        {"{service_name=~\"[^]a]heck[[:alpha:]]+\"}", true},
        {"{service_name!~\"check.*\"}", false},
        {"{service_name!~\"pay.*\"}", true},
        {"{missing=\"\"}", true},
        {"{missing!=\"\"}", false},
        {"{missing=~\".*\"}", true},
        {"{missing=~\".+\"}", false},
        {"{\"service.version\"=\"1.2\"}", true},
        {"{\"service.version\"=~\"1\\\\..\"}", true},
        {"{\"service.version\"=~`\\Q1.2\\E`}", true},
        {"{\"service.version\"=~`1\\d2`}", false},
        {"process_cpu", true},
        {"memory", false},
        {"process_cpu{service_name=\"checkout\"}", true},
        {"process_cpu{service_name=\"pay\"}", false},
        {"{\"process_cpu\", service_name=\"checkout\"}", true},
        {"{'memory'}", false},
        {"{text=\"two\\nlines \\\"quoted\\\" \\u00e4\"}", true},
        {"{text='two\\x0alines \"quoted\" \\xc3\\xa4'}", true},
        {"{text='two\\012lines \"quoted\" \\U000000e4'}", true},
        {"{text=~\"two.lines.*\"}", true}, /* the dot matches a newline */
        {"{service_name=\"checkout\",__name__=\"memory\"}", false},
    };
    g_autoptr(Labels) labels = make_labels();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MatcherSet) set = matcher_set_parse(cases[i].selector, &error);
        if (set == NULL)
            fail_msg("%s: %s", cases[i].selector, error->message);
        for (int round = 0; round < 2; round++) {
            if (matcher_set_match(set, labels) != cases[i].expected)
                fail_msg("%s, round %d", cases[i].selector, round);
        }
        assert_true(matcher_set_check(set, NULL));
    }
}

static void
test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *text;
    } cases[] = {
        {"{", "position 2: expected a label name"},
        {"}", "position 1: expected '{' or the end"},
        {"{a}", "position 3: expected =, !=, =~ or !~"},
        {"{a=b}", "position 4: expected a quoted string"},
        {"{a=\"b}", "position 4: the string has no end"},
        {"{a=\"b\" c=\"d\"}", "position 8: expected ',' or '}'"},
        {"{a=\"b\"", "position 7: expected ',' or '}'"},
        {"{a=\"b\"}x", "position 8: expected '{' or the end"},
        {"{,}", "position 2: expected a label name"},
        {"{1a=\"b\"}", "position 2: expected a label name"},
        {"{\"\"=\"b\"}", "position 2: the label name is empty"},
        {"{a==\"b\"}", "position 4: expected a quoted string"},
        {"{a=\"\\q\"}", "position 6: unknown escape sequence"},
        {"{a=\"\\xzz\"}", "wrong digit in an escape"},
        {"{a=\"\\x00\"}", "the escape sequence is not a character"},
        {"{a=\"\\777\"}", "the escape sequence is not a character"},
        {"{a=\"\\ud800\"}", "the escape sequence is not a character"},
        {"{a=\"\\xff\"}", "position 4: the string is not valid UTF-8"},
        {"{a=\"\xff\"}", "the selector is not valid UTF-8"},
        {"{a=~\"(\"}", "label 'a': regular expression '(': position 2"},
        {"{a=~`x(?=y)`}", "position 2: not part of RE2's syntax"},
        {"{a=~`(?<!y)x`}", "not part of RE2's syntax"},
        {"{a=~`(x)\\1`}", "position 4: not part of RE2's syntax"},
        {"{a=~`(?P<n>x)(?P=n)`}", "not part of RE2's syntax"},
        {"{a=~`(?R)`}", "not part of RE2's syntax"},
        {"{a=~`(*SKIP)x`}", "not part of RE2's syntax"},
        {"{a=~`(?>x)`}", "not part of RE2's syntax"},
        {"{a=~`\\C`}", "position 3"},
        {"{a=~`(((a{1000}){1000}){1000}){1000}`}", "regular expression is too large"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MatcherSet) set = matcher_set_parse(cases[i].selector, &error);
        if (set != NULL)
            fail_msg("%s was accepted", cases[i].selector);
        assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
        if (strstr(error->message, cases[i].text) == NULL)
            fail_msg("%s: '%s' is not in '%s'", cases[i].selector, cases[i].text, error->message);
    }
}

static void
test_several_selectors_are_joined(void **state)
{
    (void)state;
    g_autoptr(Labels) labels = make_labels();
    const char *const both[] = {"{service_name=\"checkout\"}", "{}", "{__name__=~\".*cpu\"}", NULL};
    g_autoptr(MatcherSet) set = matcher_set_parse_all(both, NULL);
    assert_true(matcher_set_match(set, labels));
    assert_string_equal(matcher_set_service(set), "checkout");

    const char *const one_fails[] = {"{service_name=~\"checkout\"}", "{__name__=\"memory\"}", NULL};
    g_autoptr(MatcherSet) failing = matcher_set_parse_all(one_fails, NULL);
    assert_false(matcher_set_match(failing, labels));
    assert_null(matcher_set_service(failing));

    g_autoptr(MatcherSet) none = matcher_set_parse_all(NULL, NULL);
    assert_true(matcher_set_match(none, labels));
}

/* Exponential backtracking ends at the limit and is told, instead of hanging. */
static void
test_runaway_expression(void **state)
{
    (void)state;
    char value[2001];
    memset(value, 'a', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    const Label pairs[] = {{"x", value}};
    g_autoptr(Labels) labels = labels_new(pairs, 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(MatcherSet) set = matcher_set_parse("{x=~\"(a|aa)+b|(.*)*(.*)*[x]\"}", NULL);
    assert_non_null(set);
    assert_false(matcher_set_match(set, labels));
    assert_false(matcher_set_check(set, &error));
    assert_non_null(strstr(error->message, "label 'x'"));
    assert_non_null(strstr(error->message, "too many steps"));
    /* The query has failed: no further value is tried, not even one that would match at once. */
    const Label easy[] = {{"x", "ab"}};
    g_autoptr(Labels) match = labels_new(easy, 1);
    assert_false(matcher_set_match(set, match));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_matches),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_several_selectors_are_joined),
        cmocka_unit_test(test_runaway_expression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
