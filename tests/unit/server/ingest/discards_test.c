#include "server/ingest/discards.h"

#include "tests/harness/check.h"

static Discards *discards;

static int
setup(void **state)
{
    (void)state;
    discards = discards_new();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    discards_free(discards);
    return 0;
}

static GString *
written(bool by_tenant)
{
    GString *out = g_string_new(NULL);
    discards_write_metrics(discards, by_tenant, out);
    return out;
}

#define SAMPLES "pyroscope_discarded_samples_total"
#define BYTES   "pyroscope_discarded_bytes_total"

static void
test_by_reason(void **state)
{
    (void)state;
    discards_count(discards, "team-a", REASON_MISSING_LABELS, 2, 300);
    discards_count(discards, "team-b", REASON_MISSING_LABELS, 1, 40);
    discards_count(discards, "team-b", REASON_SAMPLED, 1, 5);
    g_autoptr(GString) text = written(false);
    assert_contains(text->str, "# TYPE " SAMPLES " counter\n");
    assert_contains(text->str, SAMPLES "{reason=\"missing_labels\"} 3\n");
    assert_contains(text->str, BYTES "{reason=\"missing_labels\"} 340\n");
    assert_contains(text->str, BYTES "{reason=\"dropped_by_sampling_rules\"} 5\n");
    assert_contains(text->str, SAMPLES "{reason=\"rate_limited\"} 0\n");
    assert_lacks(text->str, "tenant");
}

static void
test_by_tenant(void **state)
{
    (void)state;
    discards_count(discards, "team-a", REASON_MISSING_LABELS, 2, 300);
    discards_count(discards, "team-b", REASON_MISSING_LABELS, 1, 40);
    g_autoptr(GString) text = written(true);
    assert_contains(text->str, SAMPLES "{reason=\"missing_labels\",tenant=\"team-a\"} 2\n");
    assert_contains(text->str, BYTES "{reason=\"missing_labels\",tenant=\"team-a\"} 300\n");
    assert_contains(text->str, SAMPLES "{reason=\"missing_labels\",tenant=\"team-b\"} 1\n");
    /* A sum over the tenants is the whole, once. */
    assert_lacks(text->str, "\"} 3\n");
    assert_lacks(text->str, "rate_limited");
}

static void
test_tenants_with_a_name_are_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < DISCARDS_TENANTS_MAX + 2; i++) {
        g_autofree char *tenant = g_strdup_printf("t%d", i);
        discards_count(discards, tenant, REASON_WINDOW, 1, 10);
    }
    discards_count(discards, "t0", REASON_WINDOW, 1, 10);
    g_autoptr(GString) text = written(true);
    assert_contains(text->str, BYTES "{reason=\"not_in_ingestion_window\",tenant=\"t0\"} 20\n");
    assert_contains(text->str, BYTES "{reason=\"not_in_ingestion_window\"} 20\n");
    g_auto(GStrv) parts = g_strsplit(text->str, "tenant=", -1);
    assert_int_equal(g_strv_length(parts) - 1, 2 * DISCARDS_TENANTS_MAX);
    g_autoptr(GString) all = written(false);
    g_autofree char *sum = g_strdup_printf(SAMPLES "{reason=\"not_in_ingestion_window\"} %d\n",
                                           DISCARDS_TENANTS_MAX + 3);
    assert_contains(all->str, sum);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(test_by_tenant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tenants_with_a_name_are_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
