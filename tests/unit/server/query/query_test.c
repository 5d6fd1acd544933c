#include "server/query/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "tests/unit/server/query/query_fixture.h"

/* ---- Trees. ---- */

/* "path total self" per node. */
static char *
print_tree(const Tree *tree)
{
    GString *out = g_string_new(NULL);
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        uint32_t length;
        const char *name = tree_node_name(tree, i, &length);
        g_string_append_printf(out, "%*s%.*s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
                               (int)tree->depth[i], "", (int)length, name, tree->total[i],
                               tree->self[i]);
    }
    return g_string_free(out, FALSE);
}

static void
assert_tree(const Query *query, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tree) tree = query_tree(query, &error);
    if (tree == NULL)
        fail_msg("%s", error->message);
    g_autofree char *text = print_tree(tree);
    assert_string_equal(text, expected);
}

static void
assert_selected(const Fixture *fixture, const char *selector, const char *expected)
{
    Query query = fixture_query(fixture);
    g_autoptr(MatcherSet) matchers = matcher_set_parse(selector, NULL);
    query.matchers = matchers;
    assert_tree(&query, expected);
}

static void
test_trees(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    static const char ALL[] = " 145 0\n"
                              " init 1 1\n"
                              " main 144 0\n"
                              "  idle 5 5\n"
                              "  work 139 7\n"
                              "   charge 100 0\n"
                              "    sort 100 100\n"
                              "   sort 32 32\n";
    assert_selected(fixture, "{}", ALL);
    assert_selected(fixture, "{zone=\"z\"}", ALL);
    assert_selected(fixture, "{service_name=\"pay\"}",
                    " 100 0\n main 100 0\n  work 100 0\n   charge 100 0\n    sort 100 100\n");
    assert_selected(fixture, "{pod=~\"p[13]\",service_name!=\"pay\"}",
                    " 38 0\n init 1 1\n main 37 0\n  idle 5 5\n  work 32 0\n   sort 32 32\n");
    assert_selected(fixture, "{pod=\"nobody\"}", " 0 0\n");

    Query query = fixture_query(fixture);
    query.tenant = "another";
    assert_tree(&query, " 0 0\n");
    query = fixture_query(fixture);
    query.profile_type = "memory:inuse_space:bytes:space:bytes";
    assert_tree(&query, " 0 0\n");
    query.profile_type = NULL;
    assert_tree(&query, ALL);
}

static void
test_range_is_closed(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    Query query = fixture_query(fixture);
    query.start_ns = BASE_NS + 20 * SECOND_NS;
    query.end_ns = BASE_NS + 20 * SECOND_NS;
    assert_tree(&query, " 3 0\n init 1 1\n main 2 0\n  work 2 0\n   sort 2 2\n");
    query.start_ns++;
    query.end_ns++;
    assert_tree(&query, " 0 0\n");
    query.start_ns = BASE_NS + 11 * SECOND_NS;
    query.end_ns = BASE_NS + 12 * SECOND_NS;
    assert_tree(&query, " 100 0\n main 100 0\n  work 100 0\n   charge 100 0\n    sort 100 100\n");
}

static void
test_call_site(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    Query query = fixture_query(fixture);
    g_auto(GStrv) work = g_strsplit("main;work", ";", -1);
    query.call_site = work;
    assert_tree(&query, " 139 0\n main 139 0\n  work 139 7\n   charge 100 0\n    sort 100 100\n"
                        "   sort 32 32\n");
    g_auto(GStrv) wrong = g_strsplit("work", ";", -1);
    query.call_site = wrong;
    assert_tree(&query, " 0 0\n");
    g_auto(GStrv) none = g_new0(char *, 1);
    query.call_site = none;
    g_autoptr(Tree) tree = query_tree(&query, NULL);
    assert_int_equal(tree->total[0], 145);
}

static void
test_spans(void **state)
{
    Fixture *fixture = *state;
    fixture_push(fixture, "shop", "p1", 10, "7@main;work=3 8@main;work=4 main;work=9 7@init=1");
    fixture_push(fixture, "pay", "p2", 11, "7@main=20 main=50");
    for (unsigned i = 0; i < 2; i++) {
        Query query = fixture_query(fixture);
        static const StoreSpan seven[] = {{.span = 7}}, both[] = {{.span = 7}, {.span = 8}};
        static const StoreSpan trace[] = {{.trace_low = 80}};
        query.spans = seven;
        query.n_spans = 1;
        assert_tree(&query, " 24 0\n init 1 1\n main 23 20\n  work 3 3\n");
        query.spans = both;
        query.n_spans = 2;
        assert_tree(&query, " 28 0\n init 1 1\n main 27 20\n  work 7 7\n");
        query.spans = trace;
        query.n_spans = 1;
        query.by_trace = true;
        assert_tree(&query, " 4 0\n main 4 0\n  work 4 4\n");
        g_auto(GStrv) init = g_strsplit("init", ";", -1);
        query.call_site = init;
        assert_tree(&query, " 0 0\n");
        /* The same again from blocks. */
        fixture_close(fixture);
        fixture_open(fixture, 1);
    }
}

static bool
take_first_id(const StoreDataset *dataset, void *data, GError **error)
{
    (void)error;
    memcpy(data, dataset->rows[0].id, 16);
    return false;
}

static void
test_chosen_profiles(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    uint8_t ids[32] = {0};
    store_visit(fixture->store, "t", "pay", INT64_MIN, INT64_MAX, STORE_WITH_ROWS, take_first_id,
                ids + 16, NULL, NULL);
    Query query = fixture_query(fixture);
    query.profile_ids = ids;
    query.n_profile_ids = 2;
    assert_tree(&query, " 100 0\n main 100 0\n  work 100 0\n   charge 100 0\n    sort 100 100\n");
    query.n_profile_ids = 1;
    assert_tree(&query, " 0 0\n");
}

/* The same before and after a restart, which reads everything back from the log. */
static void
test_after_a_restart(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    Query query = fixture_query(fixture);
    g_autoptr(Tree) before = query_tree(&query, NULL);
    g_autofree char *text = print_tree(before);
    fixture_close(fixture);
    fixture_open(fixture, FIXTURE_SEAL_BYTES);
    query = fixture_query(fixture);
    assert_tree(&query, text);
}

/* ---- Metadata. ---- */

static void
assert_words(GStrv words, const char *expected)
{
    assert_non_null(words);
    g_autofree char *joined = g_strjoinv(" ", words);
    assert_string_equal(joined, expected);
}

static void
test_metadata(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    Query query = fixture_query(fixture);
    query.profile_type = NULL;
    g_auto(GStrv) types = query_profile_types(&query, NULL);
    assert_words(types, CPU);
    g_auto(GStrv) names = query_label_names(&query, NULL);
    assert_words(names, "__name__ __period_type__ __period_unit__ __profile_type__ "
                        "__service_name__ __type__ __unit__ pod service_name zone");
    g_auto(GStrv) pods = query_label_values(&query, "pod", NULL);
    assert_words(pods, "p1 p2 p3");
    g_auto(GStrv) missing = query_label_values(&query, "missing", NULL);
    assert_words(missing, "");
    g_autoptr(MatcherSet) matchers = matcher_set_parse("{service_name=\"shop\"}", NULL);
    query.matchers = matchers;
    g_auto(GStrv) shop_pods = query_label_values(&query, "pod", NULL);
    assert_words(shop_pods, "p1 p2");
    query.end_ns = BASE_NS + 5 * SECOND_NS;
    g_auto(GStrv) early = query_label_values(&query, "pod", NULL);
    assert_words(early, "");
}

static void
test_series(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    Query query = fixture_query(fixture);
    const char *const names[] = {"service_name", "zone", "absent", NULL};
    g_autoptr(GPtrArray) sets = query_series(&query, names, NULL);
    assert_int_equal(sets->len, 2);
    assert_string_equal(labels_get(sets->pdata[0], "service_name"), "pay");
    assert_string_equal(labels_get(sets->pdata[1], "service_name"), "shop");
    assert_int_equal(((Labels *)sets->pdata[0])->n_labels, 2);
    g_autoptr(GPtrArray) whole = query_series(&query, NULL, NULL);
    assert_int_equal(whole->len, 3);
    assert_int_equal(((Labels *)whole->pdata[0])->n_labels, 10);
}

/* ---- Series over time. ---- */

/* "label value,… total: time=value …" per series. */
static void
assert_time_series(const Query *query, const char *group, int64_t step_s,
                   QueryAggregation aggregation, size_t limit, const char *expected)
{
    const char *const group_by[] = {group, NULL};
    const QueryTimeSeriesOptions options = {.group_by = group_by,
                                            .step_ns = step_s * SECOND_NS,
                                            .aggregation = aggregation,
                                            .limit = limit};
    g_autoptr(GPtrArray) all = query_time_series(query, &options, NULL);
    assert_non_null(all);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < all->len; i++) {
        const QueryTimeSeries *series = all->pdata[i];
        for (uint32_t j = 0; j < series->labels->n_labels; j++)
            g_string_append_printf(out, "%s ", series->labels->labels[j].value);
        g_string_append_printf(out, "%g:", series->total);
        for (guint j = 0; j < series->points->len; j++) {
            const QueryPoint *point = &g_array_index(series->points, QueryPoint, j);
            g_string_append_printf(
                out, " %d=%g", (int)(point->time_ms / 1000 - BASE_NS / SECOND_NS), point->value);
        }
        g_string_append_c(out, '\n');
    }
    assert_string_equal(out->str, expected);
}

static void
test_time_series(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture); /* 42 at 10 s, 100 at 12 s, 3 at 20 s */
    Query query = fixture_query(fixture);
    assert_time_series(&query, NULL, 10, QUERY_SUM, 0, "145: 10=42 20=103\n");
    assert_time_series(&query, NULL, 15, QUERY_SUM, 0, "145: 15=142 30=3\n");
    assert_time_series(&query, NULL, 10, QUERY_AVERAGE, 0, "72.5: 10=21 20=51.5\n");
    assert_time_series(&query, "service_name", 10, QUERY_SUM, 0,
                       "pay 100: 20=100\nshop 45: 10=42 20=3\n");
    assert_time_series(&query, "service_name", 10, QUERY_SUM, 1, "pay 100: 20=100\n");
    assert_time_series(&query, "absent", 10, QUERY_SUM, 0, "145: 10=42 20=103\n");

    /* Read from start - step, which is exclusive; nothing behind the last full step. */
    query.start_ns = BASE_NS + 20 * SECOND_NS;
    assert_time_series(&query, NULL, 10, QUERY_SUM, 0, "103: 20=103\n");
    assert_time_series(&query, NULL, 8, QUERY_SUM, 0, "3: 20=3\n");
    query.start_ns = BASE_NS;
    query.end_ns = BASE_NS + 19 * SECOND_NS;
    assert_time_series(&query, NULL, 10, QUERY_SUM, 0, "42: 10=42\n");
    query.end_ns = BASE_NS + 20 * SECOND_NS - 1;
    assert_time_series(&query, NULL, 10, QUERY_SUM, 0, "42: 10=42\n");
}

/* The largest profile of each bucket, over all series of a group. */
static void
test_exemplars(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    fixture_push(fixture, "shop", "p4", 11, "main;work;sort=36");
    g_auto(GStrv) work = g_strsplit("main;work", ";", -1);
    /* Of 35, 7 (10 s), 36 (11 s) and of what is below main;work: 30, 7, 36. */
    for (unsigned filtered = 0; filtered < 2; filtered++) {
        g_autoptr(MatcherSet) matchers = matcher_set_parse("{service_name=\"shop\"}", NULL);
        Query query = fixture_query(fixture);
        query.matchers = matchers;
        query.call_site = filtered ? work : NULL;
        const char *const group_by[] = {"zone", NULL};
        const QueryTimeSeriesOptions options = {
            .group_by = group_by, .step_ns = 15 * SECOND_NS, .with_exemplars = true};
        g_autoptr(GPtrArray) all = query_time_series(&query, &options, NULL);
        assert_int_equal(all->len, 1);
        const QueryTimeSeries *series = all->pdata[0];
        assert_int_equal(series->points->len, 2);
        const QueryPoint *points = &g_array_index(series->points, QueryPoint, 0);
        assert_int_equal(points[0].value, filtered ? 73 : 78);
        assert_int_equal(points[0].exemplar->value, 36);
        assert_true(points[0].exemplar->time_ns == BASE_NS + 11 * SECOND_NS);
        assert_string_equal(labels_get(points[0].exemplar->labels, "pod"), "p4");
        assert_int_equal(points[1].exemplar->value, filtered ? 2 : 3);
        query.profile_ids = points[0].exemplar->id;
        query.n_profile_ids = 1;
        g_autoptr(Tree) tree = query_tree(&query, NULL);
        assert_int_equal(tree->total[0], 36);
    }
}

static void
test_time_series_below_a_call_site(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    Query query = fixture_query(fixture);
    g_auto(GStrv) sort = g_strsplit("main;work;sort", ";", -1);
    query.call_site = sort;
    assert_time_series(&query, "pod", 10, QUERY_SUM, 0, "p1 32: 10=30 20=2\n");
}

static void
assert_exhausted(const void *answer, GError *error)
{
    assert_null(answer);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
    g_error_free(error);
}

static void
test_answers_are_bounded(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    Query query = fixture_query(fixture);
    const QueryTimeSeriesOptions options = {.step_ns = SECOND_NS};
    const char *const pod[] = {"pod", NULL};
    GError *errors[5] = {NULL};
    query.items_max = 2;
    const void *answers[] = {query_tree(&query, &errors[0]), query_label_names(&query, &errors[1]),
                             query_label_values(&query, "pod", &errors[2]),
                             query_series(&query, pod, &errors[3]),
                             query_time_series(&query, &options, &errors[4])};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++)
        assert_exhausted(answers[i], errors[i]);
    query.items_max = 3;
    g_auto(GStrv) pods = query_label_values(&query, "pod", NULL);
    assert_non_null(pods);
}

static void
test_wrong_profile_types(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    static const char *const WRONG[] = {
        "", "cpu", "a:b:c:d", "a:b:c:d:e:f", "a:b:c:d:e:delta:g", ":b:c:d:e"};
    for (size_t i = 0; i < G_N_ELEMENTS(WRONG); i++) {
        g_autoptr(GError) error = NULL;
        Query query = fixture_query(fixture);
        query.profile_type = WRONG[i];
        assert_null(query_tree(&query, &error));
        assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    }
    Query query = fixture_query(fixture);
    query.profile_type = "process_cpu:cpu:nanoseconds:cpu:nanoseconds:delta";
    g_autoptr(Tree) tree = query_tree(&query, NULL);
    assert_int_equal(tree->total[0], 145);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_trees, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_range_is_closed, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_call_site, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_spans, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_chosen_profiles, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_restart, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_metadata, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_series, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_time_series, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_exemplars, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_time_series_below_a_call_site, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_answers_are_bounded, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_profile_types, fixture_set_up,
                                        fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
