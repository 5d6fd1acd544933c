#include "server/query/heatmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "tests/unit/server/query/query_fixture.h"

/* "labels: time[bucket=count,…] …" per series. */
static char *
print(const Heatmap *heatmap)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < heatmap->series->len; i++) {
        const HeatmapSeries *series = heatmap->series->pdata[i];
        for (uint32_t k = 0; k < series->labels->n_labels; k++)
            g_string_append(out, series->labels->labels[k].value);
        g_string_append_c(out, ':');
        for (guint k = 0; k < series->slots->len; k++) {
            const HeatmapSlot *slot = series->slots->pdata[k];
            g_string_append_printf(out, " %d[", (int)(slot->time_ms / 1000 - BASE_NS / SECOND_NS));
            for (int bucket = 0; bucket < HEATMAP_BUCKETS; bucket++) {
                if (slot->counts[bucket] > 0)
                    g_string_append_printf(out, " %d=%d", bucket, slot->counts[bucket]);
            }
            g_string_append(out, " ]");
        }
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

static void
assert_heatmap(const Query *query, const HeatmapOptions *options, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Heatmap) heatmap = query_heatmap(query, options, &error);
    if (heatmap == NULL)
        fail_msg("%s", error->message);
    g_autofree char *text = print(heatmap);
    assert_string_equal(text, expected);
}

static void
test_profiles(void **state)
{
    Fixture *fixture = *state;
    fixture_push(fixture, "shop", "p1", 10, "a=100");
    fixture_push(fixture, "shop", "p2", 11, "a=119");
    fixture_push(fixture, "pay", "p3", 20, "a=120");
    fixture_push(fixture, "pay", "p3", 21, "a=10 b=110");
    fixture_push(fixture, "pay", "p3", 98, "a=110");
    Query query = fixture_query(fixture);
    HeatmapOptions options = {.step_ns = 10 * SECOND_NS};
    assert_heatmap(&query, &options, ": 10[ 0=1 ] 20[ 19=2 ] 30[ 19=1 ] 100[ 10=1 ]\n");
    const char *const group_by[] = {"service_name", NULL};
    options.group_by = group_by;
    assert_heatmap(&query, &options,
                   "pay: 20[ 19=1 ] 30[ 19=1 ] 100[ 10=1 ]\nshop: 10[ 0=1 ] 20[ 19=1 ]\n");
    options.limit = 1;
    assert_heatmap(&query, &options, "pay: 20[ 19=1 ] 30[ 19=1 ] 100[ 10=1 ]\n");
    /* The last slot ends with the range. */
    options.limit = 0;
    options.step_ns = 97 * SECOND_NS;
    assert_heatmap(&query, &options, "pay: 97[ 19=2 ] 100[ 10=1 ]\nshop: 97[ 0=1 19=1 ]\n");
    query.tenant = "another";
    assert_heatmap(&query, &options, "");
}

static void
test_bounds_and_exemplars(void **state)
{
    Fixture *fixture = *state;
    fixture_push(fixture, "shop", "p1", 10, "a=100");
    fixture_push(fixture, "shop", "p2", 10, "a=101");
    fixture_push(fixture, "shop", "p3", 10, "a=140");
    Query query = fixture_query(fixture);
    const HeatmapOptions options = {.step_ns = 10 * SECOND_NS, .with_exemplars = true};
    g_autoptr(Heatmap) heatmap = query_heatmap(&query, &options, NULL);
    assert_true(heatmap->y_min[0] == 100 && heatmap->y_min[1] == 102 && heatmap->y_min[19] == 138);
    const HeatmapSeries *series = heatmap->series->pdata[0];
    const HeatmapSlot *slot = series->slots->pdata[0];
    assert_int_equal(slot->exemplars[0]->value, 101);
    assert_string_equal(labels_get(slot->exemplars[0]->labels, "pod"), "p2");
    assert_int_equal(slot->exemplars[19]->value, 140);
    assert_null(slot->exemplars[1]);
}

/* One value makes a range of one. */
static void
test_equal_values(void **state)
{
    Fixture *fixture = *state;
    fixture_push(fixture, "shop", "p1", 10, "a=7");
    Query query = fixture_query(fixture);
    const HeatmapOptions options = {.step_ns = 10 * SECOND_NS};
    g_autoptr(Heatmap) heatmap = query_heatmap(&query, &options, NULL);
    assert_true(heatmap->y_min[0] == 7 && heatmap->y_min[10] == 7.5);
    assert_heatmap(&query, &options, ": 10[ 0=1 ]\n");
}

static void
test_spans(void **state)
{
    Fixture *fixture = *state;
    fixture_push(fixture, "shop", "p1", 10, "7@main;work=3 8@main;work=4 main;work=9 7@init=7");
    fixture_push(fixture, "shop", "p1", 20, "9@a=24 b=50");
    Query query = fixture_query(fixture);
    const HeatmapOptions options = {
        .step_ns = 10 * SECOND_NS, .by_span = true, .with_exemplars = true};
    assert_heatmap(&query, &options, ": 10[ 0=1 6=1 ] 20[ 19=1 ]\n");
    g_autoptr(Heatmap) heatmap = query_heatmap(&query, &options, NULL);
    const HeatmapSeries *series = heatmap->series->pdata[0];
    const HeatmapSlot *slot = series->slots->pdata[0];
    assert_int_equal(slot->exemplars[6]->value, 10);
    assert_true(slot->exemplars[6]->span.span == 7 && slot->exemplars[6]->span.trace_low == 0x46);
}

static void
test_too_many_slots(void **state)
{
    Fixture *fixture = *state;
    Query query = fixture_query(fixture);
    const char *const group_by[] = {"thread", NULL};
    const HeatmapOptions options = {.step_ns = 1000000, .group_by = group_by};
    g_autoptr(GError) error = NULL;
    g_autoptr(Heatmap) heatmap = NULL;
    for (unsigned i = 0; i * FIXTURE_ROWS_MAX <= HEATMAP_SLOTS_MAX; i++)
        fixture_push_rows(fixture, (int64_t)i, FIXTURE_ROWS_MAX);
    heatmap = query_heatmap(&query, &options, &error);
    assert_null(heatmap);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_profiles, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_bounds_and_exemplars, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_equal_values, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_spans, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_slots, fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
