#include "server/tenant/quota.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

#define MIB 1048576u

/* The beginning of an hour. */
static const int64_t HOUR_S = INT64_C(500000) * 3600;

static const UsageMatch no_groups;

static IngestLimit *
load(const char *text)
{
    g_autoptr(YamlTree) tree = yaml_tree_parse(text, strlen(text), "f", NULL);
    IngestLimit *limit = ingest_limit_read(tree, yaml_tree_root(tree), NULL);
    assert_non_null(limit);
    return limit;
}

static bool
check(TenantQuotas *quotas, const IngestLimit *limit, int64_t now_s)
{
    return tenant_quotas_check(quotas, "a", limit, now_s, NULL, NULL);
}

static void
test_a_period_has_its_limit(void **state)
{
    (void)state;
    g_autoptr(IngestLimit) limit = load("{period_type: hour, period_limit_mb: 2}");
    g_autoptr(TenantQuotas) quotas = tenant_quotas_new(NULL);
    g_autoptr(GError) error = NULL;
    assert_true(check(quotas, limit, HOUR_S));
    tenant_quotas_add(quotas, "a", limit, &no_groups, 2 * MIB - 1, HOUR_S);
    assert_true(check(quotas, limit, HOUR_S + 1));
    tenant_quotas_add(quotas, "a", limit, &no_groups, 1, HOUR_S + 1);
    assert_false(tenant_quotas_check(quotas, "a", limit, HOUR_S + 3599, NULL, &error));
    assert_int_equal(error->code, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_string_equal(error->message, "limit of 2 MiB/hour reached, next reset at "
                                        "2027-01-15T09:00:00Z (limit ingestion_limit)");
    assert_true(tenant_quotas_check(quotas, "b", limit, HOUR_S + 3599, NULL, NULL));
    assert_true(check(quotas, limit, HOUR_S + 3600));
    tenant_quotas_add(quotas, "a", limit, &no_groups, 2 * MIB, HOUR_S + 3600);
    assert_false(check(quotas, limit, HOUR_S + 3600));
    assert_false(check(quotas, limit, HOUR_S + 3599)); /* a clock that goes back gives nothing */
}

static void
test_who_counts_elsewhere_says_that_it_is_reached(void **state)
{
    (void)state;
    g_autoptr(TenantQuotas) quotas = tenant_quotas_new(NULL);
    g_autoptr(IngestLimit) always = load("{period_limit_mb: 5, limit_reached: true}");
    g_autoptr(IngestLimit) until =
        load("{period_limit_mb: 5, limit_reached: true, limit_reset_time: 1800000100}");
    g_autoptr(GError) error = NULL;
    assert_false(tenant_quotas_check(quotas, "a", always, HOUR_S, NULL, &error));
    assert_string_equal(error->message, "limit of 5 MiB/hour reached (limit ingestion_limit)");
    g_clear_error(&error);
    assert_false(tenant_quotas_check(quotas, "a", until, HOUR_S, NULL, &error));
    assert_error_says(error, "next reset at 2027-01-15T08:01:40Z");
    assert_true(check(quotas, until, 1800000100));
}

static void
test_some_pushes_are_taken_beyond_it(void **state)
{
    (void)state;
    g_autoptr(TenantQuotas) quotas = tenant_quotas_new(NULL);
    g_autoptr(IngestLimit) limit =
        load("{limit_reached: true, sampling: {num_requests: 2, period: 10s}}");
    assert_true(check(quotas, limit, HOUR_S));
    assert_true(check(quotas, limit, HOUR_S + 5));
    assert_false(check(quotas, limit, HOUR_S + 9));
    assert_true(check(quotas, limit, HOUR_S + 10));
    assert_true(check(quotas, limit, HOUR_S + 10));
    assert_false(check(quotas, limit, HOUR_S + 10));
}

static UsageMatch
make_match(const char *name, const char *pattern)
{
    UsageMatch match = {g_ptr_array_new_with_free_func(g_free), g_ptr_array_new(), 1, NULL};
    g_ptr_array_add(match.names, g_strdup(name));
    g_ptr_array_add(match.patterns, (gpointer)pattern);
    return match;
}

static void
test_usage_groups_have_limits_of_their_own(void **state)
{
    (void)state;
    static const char pattern[] = "team/${labels.team}";
    g_autoptr(TenantQuotas) quotas = tenant_quotas_new(NULL);
    g_autoptr(IngestLimit) limit =
        load("{period_type: day, usage_groups: {'team/${labels.team}': {period_limit_mb: 1}, "
             "web: {limit_reached: true}}}");
    g_auto(UsageMatch) x = make_match("team/x", pattern), y = make_match("team/y", pattern);
    g_auto(UsageMatch) web = make_match("web", "web"), free_one = make_match("free", "free");
    g_autoptr(GError) error = NULL;
    tenant_quotas_add(quotas, "a", limit, &x, MIB, HOUR_S);
    tenant_quotas_add(quotas, "a", limit, &free_one, 100 * MIB, HOUR_S);
    assert_false(tenant_quotas_check_groups(quotas, "a", limit, &x, HOUR_S, NULL, &error));
    assert_error_says(error, "limit of 1 MiB/day of usage group 'team/x' reached, next reset at ");
    assert_true(tenant_quotas_check_groups(quotas, "a", limit, &y, HOUR_S, NULL, NULL));
    assert_true(tenant_quotas_check_groups(quotas, "b", limit, &x, HOUR_S, NULL, NULL));
    assert_false(tenant_quotas_check_groups(quotas, "a", limit, &web, HOUR_S, NULL, NULL));
    assert_true(tenant_quotas_check_groups(quotas, "a", limit, &free_one, HOUR_S, NULL, NULL));
    assert_true(check(quotas, limit, HOUR_S)); /* the tenant itself has no limit */
}

/* What sampling takes beyond a limit is told. */
static void
test_throttles_are_told(void **state)
{
    (void)state;
    g_autoptr(TenantQuotas) quotas = tenant_quotas_new(NULL);
    g_autoptr(IngestLimit) limit =
        load("{period_limit_mb: 5, limit_reached: true, limit_reset_time: 1900000000, sampling: "
             "{num_requests: 1, period: 10s}, usage_groups: {web: {period_limit_mb: 3}}}");
    g_auto(UsageMatch) web = make_match("web", "web"), free_one = make_match("free", "free");
    g_autoptr(GArray) throttles = g_array_new(FALSE, FALSE, sizeof(IngestThrottle));
    assert_true(tenant_quotas_check(quotas, "a", limit, HOUR_S, throttles, NULL));
    assert_false(tenant_quotas_check(quotas, "a", limit, HOUR_S, throttles, NULL));
    assert_int_equal(throttles->len, 1);
    const IngestThrottle *throttle = &g_array_index(throttles, IngestThrottle, 0);
    assert_ptr_equal(throttle->limit, limit);
    assert_int_equal(throttle->limit_mb, 5);
    assert_int_equal(throttle->reset_s, 1900000000);
    assert_string_equal(throttle->usage_group, "");
    /* The group is not at its limit yet. */
    assert_true(tenant_quotas_check_groups(quotas, "a", limit, &web, HOUR_S, throttles, NULL));
    assert_int_equal(throttles->len, 1);
    tenant_quotas_add(quotas, "a", limit, &web, 3 * MIB, HOUR_S);
    assert_true(tenant_quotas_check_groups(quotas, "a", limit, &web, HOUR_S, throttles, NULL));
    assert_false(tenant_quotas_check_groups(quotas, "a", limit, &web, HOUR_S, throttles, NULL));
    assert_true(tenant_quotas_check_groups(quotas, "a", limit, &free_one, HOUR_S, throttles, NULL));
    assert_true(tenant_quotas_check_groups(quotas, "a", limit, &web, HOUR_S + 10, NULL, NULL));
    assert_int_equal(throttles->len, 2);
    throttle = &g_array_index(throttles, IngestThrottle, 1);
    assert_int_equal(throttle->limit_mb, 3);
    assert_int_equal(throttle->reset_s, HOUR_S + 3600);
    assert_string_equal(throttle->usage_group, "web");
}

/* Names that labels make are counted up to a number, and then together. */
static void
test_names_are_bounded(void **state)
{
    (void)state;
    static const char pattern[] = "team/${labels.team}";
    g_autoptr(TenantQuotas) quotas = tenant_quotas_new(NULL);
    g_autoptr(IngestLimit) limit =
        load("usage_groups: {'team/${labels.team}': {period_limit_mb: 1}}");
    for (unsigned i = 0; i < 1000; i++) {
        g_autofree char *name = g_strdup_printf("team/%u", i);
        g_auto(UsageMatch) match = make_match(name, pattern);
        assert_int_equal(tenant_quotas_check_groups(quotas, "a", limit, &match, HOUR_S, NULL, NULL),
                         i < 100 + 2);
        tenant_quotas_add(quotas, "a", limit, &match, MIB / 2, HOUR_S);
    }
}

static Store *
open_store(const TempDir *dir)
{
    const StoreConfig config = {.data_dir = temp_dir_path(dir), .seal_bytes = 64 << 20};
    GError *error = NULL;
    Store *store = store_open(&config, &error);
    if (store == NULL)
        fail_msg("%s", error->message);
    return store;
}

static void
test_a_start_goes_on_with_it(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(IngestLimit) limit =
        load("{period_limit_mb: 2, usage_groups: {web: {period_limit_mb: 1}}}");
    g_auto(UsageMatch) web = make_match("web", "web");
    Store *store = open_store(dir);
    TenantQuotas *quotas = tenant_quotas_new(store);
    tenant_quotas_add(quotas, "a", limit, &web, MIB, HOUR_S);
    tenant_quotas_save(quotas);
    tenant_quotas_add(quotas, "a", limit, &no_groups, 1, HOUR_S + 59);
    tenant_quotas_add(quotas, "a", limit, &no_groups, MIB, HOUR_S + 60); /* a minute has passed */
    tenant_quotas_free(quotas);
    store_close(store);

    store = open_store(dir);
    quotas = tenant_quotas_new(store);
    assert_false(check(quotas, limit, HOUR_S + 61));
    assert_false(tenant_quotas_check_groups(quotas, "a", limit, &web, HOUR_S + 61, NULL, NULL));
    g_autoptr(GString) out = g_string_new(NULL);
    tenant_quotas_write_metrics(quotas, out);
    assert_contains(out->str, "cresset_ingest_limit_used_bytes{tenant=\"a\"} 2097153\n");
    assert_true(check(quotas, limit, HOUR_S + 3600));
    tenant_quotas_free(quotas);
    store_close(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_period_has_its_limit),
        cmocka_unit_test(test_who_counts_elsewhere_says_that_it_is_reached),
        cmocka_unit_test(test_some_pushes_are_taken_beyond_it),
        cmocka_unit_test(test_usage_groups_have_limits_of_their_own),
        cmocka_unit_test(test_throttles_are_told),
        cmocka_unit_test(test_names_are_bounded),
        cmocka_unit_test(test_a_start_goes_on_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
