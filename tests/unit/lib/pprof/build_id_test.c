#include "lib/pprof/build_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
expect(const char *build_id, const BuildSource *source, const char *expected)
{
    g_autofree char *text = build_id_with_source(build_id, source);
    assert_string_equal(text, expected);
}

static void
expect_plain(const char *build_id, const char *expected)
{
    g_autofree char *text = build_id_plain(build_id);
    assert_string_equal(text, expected);
}

static void
test_a_source_goes_in(void **state)
{
    (void)state;
    const BuildSource whole = {"https://example.com/a\"b", "main", "cmd/x"};
    const char *json = "{\"repository\":\"https://example.com/a\\\"b\",\"git_ref\":\"main\","
                       "\"build_id\":\"4f2a\",\"root_path\":\"cmd/x\"}";
    expect("4f2a", &whole, json);
    expect(json, &whole, json);
    expect("", &(BuildSource){.git_ref = "v1", .repository = ""}, "{\"git_ref\":\"v1\"}");
}

static void
test_the_plain_id_comes_out(void **state)
{
    (void)state;
    expect_plain("4f2a", "4f2a");
    expect_plain("", "");
    expect_plain("{\"git_ref\":\"v1\",\"build_id\":\"4f2a\"}", "4f2a");
    expect_plain("{\"git_ref\":\"v1\"}", "");
    expect_plain("{\"build_id\":7}", "");
    expect_plain("{no JSON", "{no JSON");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_source_goes_in),
        cmocka_unit_test(test_the_plain_id_comes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
