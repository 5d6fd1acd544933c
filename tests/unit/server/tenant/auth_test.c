#include "server/tenant/auth.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static TempDir *dir;
static char *path;

/* A file with the tokens "one" (a, all access), "two" (a and b, reads) and "all" (*). */
static char *
token_file(void)
{
    static const char *const secrets[] = {"one", "two", "all"};
    static const char *const rest[] = {"tenants: [a]", "tenants: [a, b], access: [read]",
                                       "tenants: '*'"};
    GString *text = g_string_new("tokens:\n");
    for (int i = 0; i < 3; i++) {
        g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, secrets[i], -1);
        g_string_append_printf(text, "  - {name: t%d, sha256: %s, %s}\n", i + 1, digest, rest[i]);
    }
    return g_string_free(text, FALSE);
}

static TenantAuth *
load(const char *text, GError **error)
{
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return tenant_auth_new(path, NULL, error);
}

typedef struct {
    TenantMode mode;
    const char *authorization, *org_id;
    bool writing;
    const char *tenant; /* or NULL and */
    int code;
} Case;

static void
test_claims(void **state)
{
    (void)state;
    g_autofree char *file = token_file();
    g_autoptr(TenantAuth) auth = load(file, NULL);
    /* YTpvbmU= is "a:one", YjpvbmU= "b:one", YjphbGw= "b:all", bm9uZQ== "none". */
    static const Case cases[] = {
        {TENANT_REQUIRED, "Bearer one", "a", true, "a", 0},
        {TENANT_REQUIRED, "bearer  one", "a", false, "a", 0},
        {TENANT_REQUIRED, "Bearer one", NULL, true, "a", 0},
        {TENANT_OPTIONAL, "Bearer one", NULL, true, "a", 0},
        {TENANT_REQUIRED, "Basic YTpvbmU=", NULL, true, "a", 0},
        {TENANT_REQUIRED, "Basic YjphbGw=", NULL, true, "b", 0},
        {TENANT_REQUIRED, "Basic YjphbGw=", "c", true, "c", 0},
        {TENANT_REQUIRED, "Basic YjpvbmU=", "b", true, NULL, CRESSET_ERROR_PERMISSION_DENIED},
        {TENANT_REQUIRED, "Bearer one", "b", false, NULL, CRESSET_ERROR_PERMISSION_DENIED},
        {TENANT_REQUIRED, "Bearer two", "b", false, "b", 0},
        {TENANT_REQUIRED, "Bearer two", "b", true, NULL, CRESSET_ERROR_PERMISSION_DENIED},
        {TENANT_REQUIRED, "Bearer two", NULL, false, NULL, CRESSET_ERROR_UNAUTHENTICATED},
        {TENANT_REQUIRED, "Bearer all", "z", true, "z", 0},
        {TENANT_OFF, "Bearer all", "z", true, TENANT_ANONYMOUS, 0},
        {TENANT_OFF, "Bearer one", NULL, true, NULL, CRESSET_ERROR_PERMISSION_DENIED},
        {TENANT_REQUIRED, "Bearer three", "a", false, NULL, CRESSET_ERROR_UNAUTHENTICATED},
        {TENANT_REQUIRED, "Bearer ", "a", false, NULL, CRESSET_ERROR_UNAUTHENTICATED},
        {TENANT_REQUIRED, "Bearerone", "a", false, NULL, CRESSET_ERROR_UNAUTHENTICATED},
        {TENANT_REQUIRED, "Basic bm9uZQ==", "a", false, NULL, CRESSET_ERROR_UNAUTHENTICATED},
        {TENANT_REQUIRED, NULL, "a", false, NULL, CRESSET_ERROR_UNAUTHENTICATED},
        {TENANT_REQUIRED, "Bearer one", "a/b", false, NULL, CRESSET_ERROR_UNAUTHENTICATED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        const TenantClaim claim = {cases[i].authorization, cases[i].org_id, cases[i].writing};
        g_autofree char *tenant = tenant_auth_resolve(auth, cases[i].mode, &claim, &error);
        if (g_strcmp0(tenant, cases[i].tenant) != 0)
            fail_msg("case %zu gave %s: %s", i, tenant, error != NULL ? error->message : "");
        if (tenant == NULL)
            assert_int_equal(error->code, cases[i].code);
    }
}

static void
test_lists_hold_what_may_be_read(void **state)
{
    (void)state;
    g_autofree char *file = token_file();
    g_autoptr(TenantAuth) auth = load(file, NULL);
    assert_true(tenant_auth_may_read(auth, "Bearer two", "b"));
    assert_false(tenant_auth_may_read(auth, "Bearer one", "b"));
    assert_true(tenant_auth_may_read(auth, "Bearer all", "b"));
    assert_false(tenant_auth_may_read(auth, NULL, "b"));
}

static void
test_no_message_holds_a_secret(void **state)
{
    (void)state;
    g_autofree char *file = token_file();
    g_autoptr(TenantAuth) auth = load(file, NULL);
    g_autoptr(GError) error = NULL;
    assert_null(tenant_auth_resolve(auth, TENANT_REQUIRED,
                                    &(TenantClaim){"Bearer very-secret", "a", false}, &error));
    assert_lacks(error->message, "very-secret");
}

static void
expect_error(const char *text, const char *says)
{
    g_autoptr(GError) error = NULL;
    assert_null(load(text, &error));
    assert_error_says(error, says);
}

static void
test_errors_name_the_field(void **state)
{
    (void)state;
    g_autofree char *digest = g_strnfill(64, 'a');
    g_autofree char *other = g_strnfill(64, 'x');
    g_autofree char *no_digest = g_strdup_printf("tokens: [{sha256: %s, tenants: [a]}]\n", other);
    g_autofree char *no_tenants = g_strdup_printf("tokens: [{sha256: %s}]\n", digest);
    g_autofree char *bad_tenant =
        g_strdup_printf("tokens: [{sha256: %s, tenants: ['a b']}]\n", digest);
    g_autofree char *bad_access =
        g_strdup_printf("tokens: [{sha256: %s, tenants: [a], access: [admin]}]\n", digest);
    expect_error("tokens: [{tenants: [a]}]\n", ":1: a token without sha256");
    expect_error("tokens: [{sha256: abc, tenants: [a]}]\n", "64 hexadecimal digits");
    expect_error(no_digest, "64 hexadecimal digits");
    expect_error(no_tenants, "a token without tenants");
    expect_error(bad_tenant, "unsupported byte");
    expect_error(bad_access, "access 'admin' is none of read, write");
    expect_error("tokens: [{token: abc}]\n", "'token' is none of");
    expect_error("token: []\n", "'token' is not known here");
    expect_error("tokens: 1\n", "tokens must be a list");
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "tokens.yaml");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_free(path);
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_lists_hold_what_may_be_read),
        cmocka_unit_test(test_no_message_holds_a_secret),
        cmocka_unit_test(test_errors_name_the_field),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
