#include "server/tenant/limits.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

static const TenantLimits defaults = {.ingestion_burst_size_mb = 64,
                                      .profile_bytes_max = 4096,
                                      .sanitization_disabled = true,
                                      .query_length_ns = 0,
                                      .query_lookback_ns = 7 * DAY_NS,
                                      .nodes_default = 8192,
                                      .nodes_max = 1000};

static TempDir *dir;
static char *path;

static GString *unused; /* what the last readings said, a line each */

static void
on_unused(const char *file, const char *names)
{
    assert_string_equal(file, path);
    g_string_append_printf(unused, "%s\n", names);
}

static TenantOverrides *
load(const char *text, GError **error)
{
    g_string_truncate(unused, 0);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return tenant_overrides_new(path, &defaults, NULL, on_unused, error);
}

static void
test_a_tenant_has_its_own(void **state)
{
    (void)state;
    TenantLimits limits;
    g_autoptr(TenantOverrides) overrides = load("overrides:\n"
                                                "  a:\n"
                                                "    ingestion_rate_mb: 16.5\n"
                                                "    max_query_length: 3d\n"
                                                "    max_profile_size_bytes: 8MiB\n"
                                                "  b: {max-query-length: 1d}\n",
                                                NULL);
    tenant_overrides_get(overrides, "a", &limits);
    assert_true(limits.ingestion_rate_mb > 16.4 && limits.ingestion_rate_mb < 16.6);
    assert_int_equal(limits.query_length_ns, 3 * DAY_NS);
    assert_int_equal(limits.nodes_max, 1000);
    tenant_overrides_get(overrides, "b", &limits);
    assert_int_equal(limits.query_length_ns, DAY_NS);
    assert_int_equal(limits.profile_bytes_max, 4096);
    tenant_overrides_get(overrides, "other", &limits);
    assert_int_equal(limits.query_length_ns, 0);
    assert_int_equal(tenant_overrides_profile_bytes_max(overrides), 8 << 20);
}

static void
test_several_tenants_have_the_strictest(void **state)
{
    (void)state;
    TenantLimits limits;
    g_autoptr(TenantOverrides) overrides =
        load("overrides:\n"
             "  a: {max_query_length: 3d, max_flamegraph_nodes_max: 0}\n"
             "  b: {max_query_length: 1d, max_flamegraph_nodes_default: 10}\n",
             NULL);
    tenant_overrides_get(overrides, "a|b", &limits);
    assert_int_equal(limits.query_length_ns, DAY_NS);
    assert_int_equal(limits.nodes_max, 1000);
    assert_int_equal(limits.nodes_default, 10);
    tenant_overrides_get(overrides, "a|other", &limits);
    assert_int_equal(limits.query_length_ns, 3 * DAY_NS); /* no limit is the weakest */
}

static void
test_stripped_profiles_are_seen_when_all_tenants_say_so(void **state)
{
    (void)state;
    TenantLimits limits;
    g_autoptr(TenantOverrides) overrides =
        load("overrides:\n"
             "  a: {keep_stripped_profiles: true, include_stripped_profiles: true}\n"
             "  b: {include_stripped_profiles: true}\n"
             "  c: {keep_stripped_profiles: true}\n",
             NULL);
    assert_string_equal(unused->str, "");
    tenant_overrides_get(overrides, "a", &limits);
    assert_true(limits.keep_stripped && limits.include_stripped);
    tenant_overrides_get(overrides, "c", &limits);
    assert_true(limits.keep_stripped && !limits.include_stripped);
    tenant_overrides_get(overrides, "a|b", &limits);
    assert_true(limits.include_stripped);
    tenant_overrides_get(overrides, "a|c", &limits);
    assert_false(limits.include_stripped);
    g_autoptr(GError) error = NULL;
    assert_null(load("overrides: {a: {keep_stripped_profiles: maybe}}\n", &error));
    assert_error_says(error, "keep_stripped_profiles: ");
}

static void
test_without_a_file_all_have_the_defaults(void **state)
{
    (void)state;
    TenantLimits limits;
    g_autoptr(TenantOverrides) overrides = tenant_overrides_new(NULL, &defaults, NULL, NULL, NULL);
    tenant_overrides_get(overrides, "a", &limits);
    assert_int_equal(limits.profile_bytes_max, 4096);
    g_autoptr(GString) out = g_string_new(NULL);
    tenant_overrides_write_metrics(overrides, out);
    assert_string_equal(out->str, "");
}

static void
expect_error(const char *text, const char *says)
{
    g_autoptr(GError) error = NULL;
    assert_null(load(text, &error));
    assert_error_says(error, says);
}

static void
test_errors_name_the_limit(void **state)
{
    (void)state;
    expect_error("overrides: {a: {max_query_lenght: 1d}}\n",
                 ":1: there is no limit 'max_query_lenght', did you mean max_query_length?");
    expect_error("overrides: {a: {ingestion_relabelling_rules: []}}\n",
                 ":1: there is no limit 'ingestion_relabelling_rules', did you mean "
                 "ingestion_relabeling_rules?");
    expect_error("overrides:\n  a:\n    max_query_length: soon\n", ":3: max_query_length: 'soon'");
    expect_error("overrides: {a: {max_profile_size_bytes: 3}}\n", "max_profile_size_bytes: ");
    expect_error("overrides: {'a b': {}}\n", "unsupported byte");
    expect_error("overrides: {a: {ingestion_relabeling_rules: [{action: dorp}]}}\n",
                 ":1: there is no action 'dorp', did you mean drop?");
    expect_error("overrides: {a: {ingestion_relabeling_default_rules_position: never}}\n",
                 "must be first, last or disabled: got 'never'");
    expect_error("override: {}\n", "'override' is not known here");
    expect_error("overrides: {a: {max_query_length: [1d]}}\n", "must be a plain value");
}

static void
test_limits_of_series_and_their_names(void **state)
{
    (void)state;
    TenantLimits limits;
    g_autoptr(TenantOverrides) overrides =
        load("overrides:\n"
             "  a: {max_global_series_per_tenant: 5000, max_local_series_per_tenant: 0}\n"
             "  b: {max_global_series_per_tenant: 5000, max_local_series_per_tenant: 100}\n"
             "  c: {disable_label_sanitization: false}\n",
             NULL);
    assert_non_null(overrides);
    assert_string_equal(unused->str, "");
    static const struct {
        const char *tenant;
        int64_t series_max;
        bool sanitization_disabled;
    } CASES[] = {{"a", 5000, true}, {"b", 100, true}, {"c", 0, false}, {"d", 0, true}};
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        tenant_overrides_get(overrides, CASES[i].tenant, &limits);
        assert_int_equal(tenant_limits_series_max(&limits), CASES[i].series_max);
        assert_int_equal(limits.sanitization_disabled, CASES[i].sanitization_disabled);
    }
}

/* What a file for Pyroscope may have; whatever shape the values have. */
static void
test_limits_of_pyroscope_that_mean_nothing_here_are_told(void **state)
{
    (void)state;
    TenantLimits limits;
    g_autoptr(TenantOverrides) overrides = load("overrides:\n"
                                                "  a:\n"
                                                "    recording_rules: [{metric_name: x}]\n"
                                                "    max_query_length: 3d\n"
                                                "    symbolizer: {enabled: true}\n"
                                                "  b: {retention_period: 31d, symbolizer: }\n",
                                                NULL);
    assert_non_null(overrides);
    assert_string_equal(unused->str, "recording_rules, symbolizer, retention_period\n");
    tenant_overrides_get(overrides, "a", &limits);
    assert_int_equal(limits.query_length_ns, 3 * DAY_NS);
    g_autoptr(GError) error = NULL;
    assert_null(load("overrides: {a: {retention_period: 1d, retention_periods: 1d}}\n", &error));
    assert_error_says(error, ":1: there is no limit 'retention_periods'");
    assert_lacks(error->message, "did you mean");
    assert_string_equal(unused->str, "");
    g_autoptr(TenantOverrides) none = load("overrides: {a: {max_query_length: 3d}}\n", NULL);
    assert_non_null(none);
    assert_string_equal(unused->str, "");
}

static void
test_limits_as_json(void **state)
{
    (void)state;
    TenantLimits limits;
    g_auto(JsonWriter) json;
    jsonw_init(&json, 64);
    tenant_limits_init(&limits);
    tenant_limits_write_json(&limits, &json);
    g_autoptr(GBytes) bytes = jsonw_finish(&json);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    assert_contains(text, "{\"ingestion_rate_mb\":0,\"ingestion_burst_size_mb\":64,");
    assert_contains(text, "\"max_profile_size_bytes\":4194304,");
    assert_contains(text, "\"reject_newer_than\":\"10m\",\"keep_stripped_profiles\":false,"
                          "\"include_stripped_profiles\":false,\"max_query_lookback\":\"1w\",");
}

static void
test_usage_groups_that_are_not_there_are_told(void **state)
{
    (void)state;
    g_autoptr(TenantOverrides) overrides =
        load("overrides:\n"
             "  a:\n"
             "    distributor_sampling: {usage_groups: {webb: {probability: 0}}}\n"
             "    distributor_usage_groups: {web: '{}'}\n"
             "    ingestion_limit: {usage_groups: {web: {}, other: {}, shop: {}}}\n"
             "  b:\n"
             "    ingestion_limit: {usage_groups: {web: {}}}\n",
             NULL);
    assert_non_null(overrides);
    assert_string_equal(unused->str,
                        "distributor_sampling of the usage group 'webb' (there is none), "
                        "ingestion_limit of the usage group 'shop' (there is none), "
                        "ingestion_limit of the usage group 'web' (there is none)\n");
    g_autoptr(IngestLimit) limit = tenant_overrides_get_ingest_limit(overrides, "a");
    assert_non_null(limit);
    assert_null(tenant_overrides_get_ingest_limit(overrides, "c"));
}

static void
test_metrics_say_whether_the_file_is_in_force(void **state)
{
    (void)state;
    g_autoptr(TenantOverrides) overrides = load("overrides: {}\n", NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    tenant_overrides_write_metrics(overrides, out);
    assert_contains(out->str, "\ncresset_server_overrides_current 1\n");
    assert_contains(out->str, "\ncresset_server_overrides_reload_failures_total 0\n");
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "overrides.yaml");
    unused = g_string_new(NULL);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_string_free(unused, TRUE);
    g_free(path);
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tenant_has_its_own),
        cmocka_unit_test(test_several_tenants_have_the_strictest),
        cmocka_unit_test(test_stripped_profiles_are_seen_when_all_tenants_say_so),
        cmocka_unit_test(test_without_a_file_all_have_the_defaults),
        cmocka_unit_test(test_errors_name_the_limit),
        cmocka_unit_test(test_limits_of_series_and_their_names),
        cmocka_unit_test(test_limits_of_pyroscope_that_mean_nothing_here_are_told),
        cmocka_unit_test(test_limits_as_json),
        cmocka_unit_test(test_usage_groups_that_are_not_there_are_told),
        cmocka_unit_test(test_metrics_say_whether_the_file_is_in_force),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
