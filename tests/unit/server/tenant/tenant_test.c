#include "server/tenant/tenant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"

static const char longest[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void
expect_tenant(TenantMode mode, const char *header, bool writing, const char *expected, int code)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *tenant = tenant_resolve(mode, header, writing, &error);
    if (expected != NULL) {
        assert_null(error);
        assert_string_equal(tenant, expected);
    } else {
        assert_null(tenant);
        assert_true(g_error_matches(error, CRESSET_ERROR, code));
    }
}

static void
test_mode_decides_about_a_missing_header(void **state)
{
    (void)state;
    expect_tenant(TENANT_OFF, NULL, true, "anonymous", 0);
    expect_tenant(TENANT_OFF, "../x", true, "anonymous", 0);
    expect_tenant(TENANT_OPTIONAL, NULL, true, "anonymous", 0);
    expect_tenant(TENANT_OPTIONAL, "", true, "anonymous", 0);
    expect_tenant(TENANT_REQUIRED, NULL, true, NULL, CRESSET_ERROR_UNAUTHENTICATED);
    expect_tenant(TENANT_REQUIRED, "", false, NULL, CRESSET_ERROR_UNAUTHENTICATED);
}

static void
test_ids_are_checked(void **state)
{
    (void)state;
    expect_tenant(TENANT_OPTIONAL, "team-a_1.x!*'()", true, "team-a_1.x!*'()", 0);
    expect_tenant(TENANT_OPTIONAL, longest, true, longest, 0);
    g_autofree char *longer = g_strconcat(longest, "a", NULL);
    const char *const bad[] = {".", "..", "a/b", "a b", "caf\xc3\xa9", "a\\b", longer};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        expect_tenant(TENANT_REQUIRED, bad[i], true, NULL, CRESSET_ERROR_UNAUTHENTICATED);
}

static void
test_federation_is_refused_clearly(void **state)
{
    (void)state;
    expect_tenant(TENANT_OPTIONAL, "a|b", true, NULL, CRESSET_ERROR_INVALID_ARGUMENT);
    expect_tenant(TENANT_OPTIONAL, "b|a|b", false, "a|b", 0);
    expect_tenant(TENANT_OPTIONAL, "a|a", false, "a", 0);
    expect_tenant(TENANT_OPTIONAL, "a||b", false, NULL, CRESSET_ERROR_UNAUTHENTICATED);
    expect_tenant(TENANT_OPTIONAL, "a|b/c", false, NULL, CRESSET_ERROR_UNAUTHENTICATED);
    g_autoptr(GString) many = g_string_new("t0");
    for (int i = 1; i <= TENANTS_OF_READ_MAX; i++)
        g_string_append_printf(many, "|t%d", i);
    expect_tenant(TENANT_OPTIONAL, many->str, false, NULL, CRESSET_ERROR_INVALID_ARGUMENT);
}

static void
test_mode_names(void **state)
{
    (void)state;
    TenantMode mode = TENANT_OFF;
    assert_true(tenant_mode_parse("required", &mode, NULL));
    assert_int_equal(mode, TENANT_REQUIRED);
    g_autoptr(GError) error = NULL;
    assert_false(tenant_mode_parse("on", &mode, &error));
    assert_non_null(strstr(error->message, "optional"));
    assert_int_equal(mode, TENANT_REQUIRED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode_decides_about_a_missing_header),
        cmocka_unit_test(test_ids_are_checked),
        cmocka_unit_test(test_federation_is_refused_clearly),
        cmocka_unit_test(test_mode_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
