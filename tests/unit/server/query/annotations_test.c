/* Annotations of profiles on the points of time series: from the live head, after a restart and
 * from blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/query/query_fixture.h"

static const Label throttled_a = {"throttled", "a"}, throttled_b = {"throttled", "b"};
static const Label both[] = {{"throttled", "a"}, {"sampled", "s"}};

typedef struct {
    GMutex lock;
    GCond cond;
    bool is_done;
} Outcome;

static void
on_done(void *data, const GError *error)
{
    Outcome *outcome = data;
    assert_null(error);
    g_mutex_lock(&outcome->lock);
    outcome->is_done = true;
    g_cond_signal(&outcome->cond);
    g_mutex_unlock(&outcome->lock);
}

typedef struct {
    const char *tenant, *pod;
    int64_t seconds;
    const Label *annotations;
    uint32_t n_annotations;
} Row;

/* One profile, of one sample in the function "work", and waits until it is durable. */
static void
append(const Fixture *fixture, const Row *from)
{
    ProfileString strings[] = {{"", 0}, {"work", 4}};
    ProfileFunction functions[] = {{.id = 1, .name = 1}};
    ProfileLine lines[] = {{0, 1}};
    ProfileLocation locations[] = {{.id = 1, .mapping = PROFILE_NONE, .n_lines = 1}};
    ProfileSample samples[] = {{.n_locations = 1}};
    uint32_t position = 0;
    const Profile profile = {.strings = strings,
                             .functions = functions,
                             .lines = lines,
                             .locations = locations,
                             .stack_locations = &position,
                             .samples = samples,
                             .n_strings = 2,
                             .n_functions = 1,
                             .n_lines = 1,
                             .n_locations = 1,
                             .n_stack_locations = 1,
                             .n_samples = 1};
    const Label pairs[] = {{"__profile_type__", CPU}, {"service_name", "shop"}, {"pod", from->pod}};
    g_autoptr(Labels) labels = labels_new(pairs, G_N_ELEMENTS(pairs));
    const int64_t value = 1;
    const StoreRow row = {.labels = labels,
                          .profile = &profile,
                          .samples = &position,
                          .values = &value,
                          .n_samples = 1,
                          .annotations = from->annotations,
                          .n_annotations = from->n_annotations,
                          .time_ns = BASE_NS + from->seconds * SECOND_NS};
    Outcome outcome = {.is_done = false};
    assert_true(store_append(fixture->store, from->tenant, &row, 1, on_done, &outcome, NULL));
    g_mutex_lock(&outcome.lock);
    while (!outcome.is_done)
        g_cond_wait(&outcome.cond, &outcome.lock);
    g_mutex_unlock(&outcome.lock);
}

/* "SECONDS name=text …;" of each point that has annotations. */
static char *
print_points(const QueryTimeSeries *series)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < series->points->len; i++) {
        const QueryPoint *point = &g_array_index(series->points, QueryPoint, i);
        if (point->annotations == NULL)
            continue;
        g_string_append_printf(out, "%d", (int)(point->time_ms - BASE_NS / 1000000) / 1000);
        for (guint k = 0; k < point->annotations->len; k++) {
            const Label *pair = ((const Labels *)point->annotations->pdata[k])->labels;
            g_string_append_printf(out, " %s=%s", pair->name, pair->value);
        }
        g_string_append_c(out, ';');
    }
    return g_string_free(out, FALSE);
}

static void
assert_points(const Query *query, const char *group, guint i, const char *expected)
{
    const char *const group_by[] = {group, NULL};
    const QueryTimeSeriesOptions options = {
        .group_by = group_by, .step_ns = 10 * SECOND_NS, .with_annotations = true};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) all = query_time_series(query, &options, &error);
    if (all == NULL)
        fail_msg("%s", error->message);
    assert_true(i < all->len);
    g_autofree char *text = print_points(all->pdata[i]);
    assert_string_equal(text, expected);
}

static void
test_points_have_what_their_profiles_have(void **state)
{
    static const Row rows[] = {
        {"t", "b", 7, &throttled_b, 1},  {"t", "a", 6, both, 2},
        {"t", "a", 5, &throttled_a, 1},  {"t", "a", 25, NULL, 0},
        {"t", "b", 45, &throttled_a, 1}, {"t", "a", 46, NULL, 0},
        {"t", "a", 47, NULL, 0},         {"u", "a", 6, &throttled_b, 1},
    };
    Fixture *fixture = *state;
    g_auto(GStrv) work = g_strsplit("work", ";", -1);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        append(fixture, &rows[i]);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned is_filtered = 0; is_filtered < 2; is_filtered++) {
            Query query = fixture_query(fixture);
            query.call_site = is_filtered ? work : NULL;
            assert_points(&query, "none", 0,
                          "10 sampled=s throttled=a throttled=b;50 throttled=a;");
            assert_points(&query, "pod", 0, "10 sampled=s throttled=a;");
            assert_points(&query, "pod", 1, "10 throttled=b;50 throttled=a;");
            /* Each tenant has its own. */
            query.tenant = "t|u";
            assert_points(&query, QUERY_TENANT_LABEL, 1, "10 throttled=b;");
            query.tenant = "u";
            assert_points(&query, "none", 0, "10 throttled=b;");
        }
        fixture_close(fixture);
        fixture_open(fixture, i == 0 ? FIXTURE_SEAL_BYTES : 1); /* from the log, then blocks */
    }
}

static void
test_only_who_asks_gets_them(void **state)
{
    Fixture *fixture = *state;
    append(fixture, &(Row){"t", "a", 5, &throttled_a, 1});
    Query query = fixture_query(fixture);
    const QueryTimeSeriesOptions options = {.step_ns = 10 * SECOND_NS};
    g_autoptr(GPtrArray) all = query_time_series(&query, &options, NULL);
    const QueryTimeSeries *series = all->pdata[0];
    assert_null(g_array_index(series->points, QueryPoint, 0).annotations);
}

/* Groups made from labels may be many: a point is bounded. */
static void
test_a_point_has_so_many(void **state)
{
    Fixture *fixture = *state;
    for (unsigned i = 0; i < 6; i++) {
        g_autofree Label *annotations = g_new0(Label, 100);
        g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
        for (unsigned k = 0; k < 100; k++) {
            g_ptr_array_add(texts, g_strdup_printf("%u", 50 * i + k));
            annotations[k] = (Label){"sampled", texts->pdata[k]};
        }
        append(fixture, &(Row){"t", i % 2 ? "a" : "b", 5, annotations, 100});
    }
    Query query = fixture_query(fixture);
    const QueryTimeSeriesOptions options = {.step_ns = 10 * SECOND_NS, .with_annotations = true};
    g_autoptr(GPtrArray) all = query_time_series(&query, &options, NULL);
    const QueryTimeSeries *series = all->pdata[0];
    const QueryPoint *point = &g_array_index(series->points, QueryPoint, 0);
    assert_int_equal(point->annotations->len, QUERY_POINT_ANNOTATIONS_MAX);
    for (guint i = 1; i < point->annotations->len; i++)
        assert_true(labels_compare(point->annotations->pdata[i - 1], point->annotations->pdata[i]) <
                    0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_points_have_what_their_profiles_have, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_only_who_asks_gets_them, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_point_has_so_many, fixture_set_up,
                                        fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
