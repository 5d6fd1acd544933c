#include "server/api/app_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
expect_name(const char *text, const char *app, const char *key, const char *value)
{
    g_auto(AppName) name = {0};
    g_autoptr(GError) error = NULL;
    assert_true(app_name_parse(text, &name, &error));
    assert_string_equal(name.app, app);
    if (value != NULL)
        assert_string_equal(app_name_get(&name, key), value);
    else if (key != NULL)
        assert_null(app_name_get(&name, key));
}

static void
test_names_and_labels(void **state)
{
    (void)state;
    expect_name("simple", "simple", "a", NULL);
    expect_name("my.app/x-1_2", "my.app/x-1_2", NULL, NULL);
    expect_name("app{}", "app", NULL, NULL);
    expect_name("app{a=b}", "app", "a", "b");
    expect_name(" app { a = b , otel.scope.name = com.x/go } ", "app", "otel.scope.name",
                "com.x/go");
    expect_name("app{a=b=c}", "app", "a", "b=c");
    expect_name("app{a=1,a=2}", "app", "a", "2");
    expect_name("app{__name__=x,__session_id__=9}", "app", "__name__", NULL);
    expect_name("app{a=}", "app", "a", "");
}

static void
test_bad_names_say_so(void **state)
{
    (void)state;
    const char *const bad[] = {NULL,      "",          "{a=b}",      "a b",     "app{a}",
                               "app{a=b", "app{a=b}x", "app{a-b=c}", "app{=b}", "caf\xc3\xa9"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(AppName) name = {0};
        g_autoptr(GError) error = NULL;
        assert_false(app_name_parse(bad[i], &name, &error));
        assert_true(g_str_has_prefix(error->message, "name: "));
        assert_null(name.app);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_labels),
        cmocka_unit_test(test_bad_names_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
