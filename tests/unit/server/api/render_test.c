#include "server/api/render.h"

#include "server/api/selection.h"
#include "tests/harness/check.h"

static void
test_timeline_steps_are_round(void **state)
{
    (void)state;
    static const struct {
        int64_t length_s, step_s;
    } cases[] = {
        /* the longest timeline of each step */
        {1500 * 35 / 2, 15},
        {1500 * 25, 20},
        {1500 * 45, 30},
        {1500 * 90, 60},
        {1500 * 210, 120},
        {1500 * 450, 300},
        {1500 * 750, 600},
        {1500 * 1050, 900},
        {1500 * 1500, 1200},
        {1500 * 2700, 1800},
        {1500 * 5400, 3600},
        {1500 * 9000, 7200},
        {1500 * 16200, 10800},
        {1500 * 32400, 21600},
        {1500 * 86400, 43200},
        {1500 * 604800, 86400},
        {INT64_C(1500) * 1814400, 604800},
        {INT64_C(1500) * 3628800, 2592000},
        {INT64_MAX, 31536000},
    };
    assert_int_equal(render_timeline_step(0), 15);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_int_equal(render_timeline_step(cases[i].length_s), cases[i].step_s);
        if (i + 1 < G_N_ELEMENTS(cases))
            assert_int_equal(render_timeline_step(cases[i].length_s + 1), cases[i + 1].step_s);
    }
}

static void
test_units_of_a_document(void **state)
{
    (void)state;
    static const struct {
        const char *type, *unit, *metadata;
    } cases[] = {
        {"cpu", "nanoseconds", "\"sampleRate\":1000000000,\"units\":\"samples\",\"name\":\"cpu\"}"},
        {"inuse_objects", "count", "\"sampleRate\":100,\"units\":\"objects\","},
        {"alloc_objects", "count", "\"sampleRate\":100,\"units\":\"objects\","},
        {"goroutine", "count", "\"sampleRate\":100,\"units\":\"objects\","},
        {"samples", "count", "\"sampleRate\":100,\"units\":\"objects\","},
        {"contentions", "count", "\"sampleRate\":100,\"units\":\"count\","},
        {"delay", "nanoseconds", "\"sampleRate\":100,\"units\":\"nanoseconds\","},
        {"inuse_space", "bytes", "\"sampleRate\":100,\"units\":\"bytes\","},
    };
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GBytes) bytes = render_document(&layout, cases[i].type, cases[i].unit);
        g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        assert_contains(text, cases[i].metadata);
    }
}

static void
test_parts_of_a_profile_type(void **state)
{
    (void)state;
    static const char type[] = "process_cpu:cpu:nanoseconds::";
    static const char *const parts[] = {"process_cpu", "cpu", "nanoseconds", "", "", ""};
    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *part = profile_type_part(type, i);
        assert_string_equal(part, parts[i]);
    }
}

static void
test_node_limits(void **state)
{
    (void)state;
    const TenantLimits limits = {.nodes_default = 8192, .nodes_max = 100000};
    g_autoptr(TenantOverrides) overrides = tenant_overrides_new(NULL, &limits, NULL, NULL, NULL);
    const Api api = {.overrides = overrides};
    int64_t nodes = -1;
    assert_true(selection_max_nodes(&api, "a", false, -5, &nodes, NULL));
    assert_int_equal(nodes, 8192);
    assert_true(selection_max_nodes(&api, "a", true, 0, &nodes, NULL));
    assert_int_equal(nodes, 8192);
    assert_true(selection_max_nodes(&api, "a", true, 100000, &nodes, NULL));
    assert_int_equal(nodes, 100000);
    g_autoptr(GError) error = NULL;
    assert_false(selection_max_nodes(&api, "a", true, 100001, &nodes, &error));
    assert_error_says(error, "max_flamegraph_nodes_max");
    g_clear_error(&error);
    assert_false(selection_max_nodes(&api, "a", true, -1, &nodes, &error));
    assert_error_says(error, "max allowed 100000");
    assert_int_equal(nodes, 100000);
}

/* Six parts are five and ":delta"; anything else is refused by name. */
static void
test_profile_types_are_checked(void **state)
{
    (void)state;
    g_autoptr(TenantOverrides) overrides =
        tenant_overrides_new(NULL, &(TenantLimits){0}, NULL, NULL, NULL);
    const Api api = {.overrides = overrides};
    static const struct {
        const char *type, *expected;
    } cases[] = {
        {"a:b:c:d:e", "a:b:c:d:e"},
        {"a:b:c:d:e:delta", "a:b:c:d:e"},
        {"a:b:c::", "a:b:c::"},
        {"a:b:c:d", NULL},
        {"a:b:c:d:e:f", NULL},
        {":b:c:d:e", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Selection) selection = {0};
        g_autoptr(GError) error = NULL;
        const SelectionInput input = {
            .profile_type = cases[i].type, .selector = "{}", .start_ms = 1, .end_ms = 2};
        TimeRangeResult result = selection_init(&selection, &api, "t", &input, &error);
        if (cases[i].expected != NULL) {
            assert_int_equal(result, TIME_RANGE_OK);
            assert_string_equal(selection.query.profile_type, cases[i].expected);
        } else {
            assert_int_equal(result, TIME_RANGE_BAD);
            assert_error_says(error, "profile type");
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeline_steps_are_round),
        cmocka_unit_test(test_units_of_a_document),
        cmocka_unit_test(test_parts_of_a_profile_type),
        cmocka_unit_test(test_node_limits),
        cmocka_unit_test(test_profile_types_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
