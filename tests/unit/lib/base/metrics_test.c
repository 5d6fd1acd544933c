#include "lib/base/metrics.h"

#include <math.h>
#include <string.h>

#include "tests/harness/check.h"

enum { PUSHES, SERIES, LATENCY, BY_KIND };

static const char *const KINDS[] = {"plain", "with \"quotes\"\n", NULL};
static const double BOUNDS[] = {0.005, 0.1, 2.5, 0};
static const MetricRow ROWS[] = {
    {"cresset_pushes_total", METRIC_COUNTER, "Pushes,\nall of them.", "result",
     (const char *const[]){"ok", "bad", NULL}, NULL},
    {"cresset_series", METRIC_GAUGE, "Series.", NULL, NULL, NULL},
    {"cresset_latency_seconds", METRIC_HISTOGRAM, "Latency.", NULL, NULL, BOUNDS},
    {"cresset_kind_seconds", METRIC_HISTOGRAM, "Latency.", "kind", KINDS, BOUNDS},
};

static char *
exposition(Metrics *metrics)
{
    GString *out = g_string_new(NULL);
    metrics_write(metrics, out);
    return g_string_free(out, FALSE);
}

static void
test_counters_and_gauges(void **state)
{
    (void)state;
    g_autoptr(Metrics) metrics = metrics_new(ROWS, G_N_ELEMENTS(ROWS));
    metrics_add(metrics, PUSHES, 1, 2);
    metrics_add(metrics, PUSHES, 1, 0.5);
    metrics_set(metrics, SERIES, 0, 1234567890123);
    assert_true(metrics_get(metrics, PUSHES, 1) == 2.5);
    g_autofree char *text = exposition(metrics);
    assert_contains(text, "# HELP cresset_pushes_total Pushes,\\nall of them.\n"
                          "# TYPE cresset_pushes_total counter\n"
                          "cresset_pushes_total{result=\"ok\"} 0\n"
                          "cresset_pushes_total{result=\"bad\"} 2.5\n");
    assert_contains(text, "# TYPE cresset_series gauge\ncresset_series 1234567890123\n");
}

static void
test_histogram_buckets_are_cumulative(void **state)
{
    (void)state;
    g_autoptr(Metrics) metrics = metrics_new(ROWS, G_N_ELEMENTS(ROWS));
    metrics_observe(metrics, LATENCY, 0, 0.005); /* a bound belongs to its bucket */
    metrics_observe(metrics, LATENCY, 0, 0.05);
    metrics_observe(metrics, LATENCY, 0, 99);
    g_autofree char *text = exposition(metrics);
    assert_contains(text, "cresset_latency_seconds_bucket{le=\"0.005\"} 1\n"
                          "cresset_latency_seconds_bucket{le=\"0.1\"} 2\n"
                          "cresset_latency_seconds_bucket{le=\"2.5\"} 2\n"
                          "cresset_latency_seconds_bucket{le=\"+Inf\"} 3\n"
                          "cresset_latency_seconds_sum 99.055\n"
                          "cresset_latency_seconds_count 3\n");
}

static void
test_label_values_are_escaped_and_separate(void **state)
{
    (void)state;
    g_autoptr(Metrics) metrics = metrics_new(ROWS, G_N_ELEMENTS(ROWS));
    metrics_observe(metrics, BY_KIND, 1, 1);
    g_autofree char *text = exposition(metrics);
    assert_contains(text, "cresset_kind_seconds_count{kind=\"plain\"} 0\n");
    assert_contains(text,
                    "cresset_kind_seconds_bucket{kind=\"with \\\"quotes\\\"\\n\",le=\"2.5\"} 1\n");
}

static void
test_special_numbers(void **state)
{
    (void)state;
    g_autoptr(Metrics) metrics = metrics_new(ROWS, G_N_ELEMENTS(ROWS));
    static const struct {
        double value;
        const char *line;
    } cases[] = {
        {INFINITY, "cresset_series +Inf\n"},
        {-INFINITY, "cresset_series -Inf\n"},
        {NAN, "cresset_series NaN\n"},
        {0.1, "cresset_series 0.1\n"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        metrics_set(metrics, SERIES, 0, cases[i].value);
        g_autofree char *text = exposition(metrics);
        assert_contains(text, cases[i].line);
    }
}

static void *
add_many(void *metrics)
{
    for (int i = 0; i < 100000; i++)
        metrics_add(metrics, PUSHES, 0, 1);
    return NULL;
}

static void
test_threads_lose_nothing(void **state)
{
    (void)state;
    g_autoptr(Metrics) metrics = metrics_new(ROWS, G_N_ELEMENTS(ROWS));
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("add", add_many, metrics);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        (void)g_thread_join(threads[i]);
    assert_true(metrics_get(metrics, PUSHES, 0) == 400000);
}

static double
value_of(const char *text, const char *name)
{
    g_autofree char *line = g_strdup_printf("\n%s ", name);
    const char *at = g_strstr_len(text, -1, line);
    assert_non_null(at);
    return g_ascii_strtod(at + strlen(line), NULL);
}

static void
test_process_metrics_are_plausible(void **state)
{
    (void)state;
    g_autoptr(GString) out = g_string_new(NULL);
    metrics_write_process(out, "cresset-server");
    assert_true(value_of(out->str, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(out->str, "process_virtual_memory_bytes") >
                value_of(out->str, "process_resident_memory_bytes"));
    assert_true(value_of(out->str, "process_threads") >= 1);
    assert_in_range(value_of(out->str, "process_open_fds"), 3, 1000);
    double start = value_of(out->str, "process_start_time_seconds");
    double now = (double)g_get_real_time() / 1e6;
    assert_true(start > now - 3600 && start < now + 60);
    assert_contains(out->str, "cresset_build_info{program=\"cresset-server\",version=\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_and_gauges),
        cmocka_unit_test(test_histogram_buckets_are_cumulative),
        cmocka_unit_test(test_label_values_are_escaped_and_separate),
        cmocka_unit_test(test_special_numbers),
        cmocka_unit_test(test_threads_lose_nothing),
        cmocka_unit_test(test_process_metrics_are_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
