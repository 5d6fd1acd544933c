#include "server/http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const HttpRoute routes[] = {
    {.method = "GET", .path = "/ready"}, {.method = "POST", .path = "/a/b"},
    {.method = "GET", .path = "/a/b"},   {.method = "*", .path = "/a/*"},
    {.method = "GET", .path = "/*"},
};

static void
expect_route(const char *method, const char *path, const HttpRoute *expected, const char *allow)
{
    g_autoptr(HttpRouter) router = http_router_new(routes, G_N_ELEMENTS(routes));
    g_autofree char *got = NULL;
    assert_ptr_equal(http_router_find(router, method, path, &got), expected);
    if (allow != NULL)
        assert_string_equal(got, allow);
    else
        assert_null(got);
}

static void
test_exact_before_prefix(void **state)
{
    (void)state;
    expect_route("GET", "/ready", &routes[0], NULL);
    expect_route("HEAD", "/ready", &routes[0], NULL);
    expect_route("POST", "/a/b", &routes[1], NULL);
    expect_route("GET", "/a/b", &routes[2], NULL);
    expect_route("GET", "/a/bc", &routes[3], NULL);
    expect_route("DELETE", "/a/", &routes[3], NULL);
    expect_route("GET", "/", &routes[4], NULL);
    expect_route("POST", "/x", NULL, NULL);
}

static void
test_wrong_method_lists_the_right_ones(void **state)
{
    (void)state;
    expect_route("POST", "/ready", NULL, "GET, HEAD");
    expect_route("PUT", "/a/b", NULL, "POST, GET, HEAD");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_before_prefix),
        cmocka_unit_test(test_wrong_method_lists_the_right_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
