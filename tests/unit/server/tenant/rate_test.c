#include "server/tenant/rate.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"

#define MIB 1048576u

static const TenantLimits limits = {.ingestion_rate_mb = 4, .ingestion_burst_size_mb = 2};

static bool
take(TenantRates *rates, const char *tenant, double mib, double at_s)
{
    return tenant_rates_take(rates, tenant, &limits, (uint64_t)(mib * MIB), (int64_t)(at_s * 1e6),
                             NULL);
}

static void
test_a_bucket_fills_at_the_rate(void **state)
{
    (void)state;
    g_autoptr(TenantRates) rates = tenant_rates_new();
    assert_true(take(rates, "a", 2, 100));
    assert_false(take(rates, "a", 0.1, 100));
    assert_false(take(rates, "a", 1.1, 100.25)); /* 1 MiB is there again */
    assert_true(take(rates, "a", 0.9, 100.25));
    assert_true(take(rates, "a", 2, 1000));
    assert_false(take(rates, "a", 0.1, 999)); /* no time passes backwards */
}

static void
test_tenants_do_not_share(void **state)
{
    (void)state;
    g_autoptr(TenantRates) rates = tenant_rates_new();
    assert_true(take(rates, "a", 2, 100));
    assert_true(take(rates, "b", 2, 100));
    assert_false(take(rates, "b", 2, 100));
}

static void
test_more_than_the_burst_is_never_taken(void **state)
{
    (void)state;
    g_autoptr(TenantRates) rates = tenant_rates_new();
    g_autoptr(GError) error = NULL;
    assert_false(tenant_rates_take(rates, "a", &limits, 10 * MIB, 100000000, &error));
    assert_int_equal(error->code, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_error_says(error, "push rate limit (4.0 MiB) exceeded while adding 10.0");
    assert_error_says(error, "ingestion_rate_mb");
}

static void
test_no_rate_is_no_limit(void **state)
{
    (void)state;
    g_autoptr(TenantRates) rates = tenant_rates_new();
    const TenantLimits none = {.ingestion_rate_mb = 0, .ingestion_burst_size_mb = 1};
    for (int i = 0; i < 10; i++)
        assert_true(tenant_rates_take(rates, "a", &none, 100 * MIB, 1, NULL));
}

static void
test_idle_tenants_are_forgotten(void **state)
{
    (void)state;
    g_autoptr(TenantRates) rates = tenant_rates_new();
    assert_true(take(rates, "a", 2, 100));
    assert_true(take(rates, "b", 0, 4000)); /* more than an hour later */
    assert_true(take(rates, "a", 2, 4001));
    assert_false(take(rates, "a", 2, 4001));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bucket_fills_at_the_rate),
        cmocka_unit_test(test_tenants_do_not_share),
        cmocka_unit_test(test_more_than_the_burst_is_never_taken),
        cmocka_unit_test(test_no_rate_is_no_limit),
        cmocka_unit_test(test_idle_tenants_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
