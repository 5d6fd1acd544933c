/* The methods of querier.v1 beyond the basic ones, of a real server. */
#include <jansson.h>
#include <querier.pb-c.h>
#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"
#include "tests/integration/profiles.h"

#define QUERIER "/querier.v1.QuerierService/"
#define SECOND  INT64_C(1000000000)
#define CPU     "\"profileTypeID\":\"" PROFILE_CPU_TYPE "\""

typedef struct {
    TempDir *dir;
    TestServer *server;
    int64_t now_ns;
} Fixture;

static const ProfileStack old_stacks[] = {{"a;b", 3}, {"a", 1}, {"c", 2}};
static const ProfileStack span_stacks[] = {
    {"00000000000000aa@a;b", 30}, {"00000000000000bb@c", 40}, {"c", 5}};
static const ProfileStack new_stacks[] = {{"a;b", 1}};

static void
push(const Fixture *fixture, const char *tenant, const char *service, const ProfileStack *stacks,
     size_t n)
{
    g_autoptr(GBytes) profile = profile_of(stacks, n, fixture->now_ns - 30 * SECOND);
    const ProfileSeries series = {.service = service, .profile = profile};
    g_autoptr(GBytes) body = push_request_of(&series, 1);
    g_auto(HttpClientReply) reply = test_server_call(fixture->server, "/push.v1.PusherService/Push",
                                                     tenant, "application/proto", body);
    assert_int_equal(reply.status, 200);
}

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    static const char *const options[] = {"--self-profile=false", NULL};
    fixture->server = test_server_start(temp_dir_path(fixture->dir), options);
    fixture->now_ns = g_get_real_time() * 1000;
    push(fixture, "a", "old", old_stacks, G_N_ELEMENTS(old_stacks));
    push(fixture, "a", "new", new_stacks, G_N_ELEMENTS(new_stacks));
    push(fixture, "spans", "traced", span_stacks, G_N_ELEMENTS(span_stacks));
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    test_server_stop(fixture->server);
    test_server_free(fixture->server);
    temp_dir_free(fixture->dir);
    g_free(fixture);
    return 0;
}

/* The members start and end: the ten minutes before now and one behind. */
static char *
range_of(const Fixture *fixture)
{
    int64_t now_ms = fixture->now_ns / 1000000;
    return g_strdup_printf("\"start\":%" G_GINT64_FORMAT ",\"end\":%" G_GINT64_FORMAT,
                           now_ms - 600000, now_ms + 60000);
}

/* Calls a method with a JSON body; fails unless the answer has `status` and holds `part`. */
static void
expect(const Fixture *fixture, const char *tenant, const char *method, const char *body, int status,
       const char *part)
{
    g_autofree char *path = g_strconcat(QUERIER, method, NULL), *text = NULL;
    int got = test_server_json(fixture->server, path, tenant, body, &text);
    if (got != status)
        fail_msg("%s %s: %d %s", method, body, got, text);
    assert_contains(text, part);
}

/* One side of a diff. */
static char *
side_of(const Fixture *fixture, const char *selector)
{
    g_autofree char *range = range_of(fixture);
    return g_strdup_printf("{" CPU ",\"labelSelector\":\"%s\",%s}", selector, range);
}

static void
test_diff(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *left = side_of(fixture, "{service_name=\\\"old\\\"}");
    g_autofree char *right = side_of(fixture, "{service_name=\\\"new\\\"}");
    g_autofree char *body = g_strdup_printf("{\"left\":%s,\"right\":%s}", left, right);
    expect(fixture, "a", "Diff", body, 200,
           "{\"flamegraph\":{\"names\":[\"total\",\"a\",\"b\",\"c\"],\"levels\":["
           "{\"values\":[\"0\",\"6\",\"0\",\"0\",\"1\",\"0\",\"0\"]},"
           "{\"values\":[\"0\",\"4\",\"1\",\"0\",\"1\",\"0\",\"1\",\"0\",\"2\",\"2\",\"0\",\"0\","
           "\"0\",\"3\"]},{\"values\":[\"1\",\"3\",\"3\",\"0\",\"1\",\"1\",\"2\"]}],"
           "\"total\":\"7\",\"maxSelf\":\"3\",\"leftTicks\":\"6\",\"rightTicks\":\"1\"}}");
    expect(fixture, "another", "Diff", body, 200,
           "{\"flamegraph\":{\"names\":[\"total\"],\"levels\":[{\"values\":[\"0\",\"0\",\"0\","
           "\"0\",\"0\",\"0\",\"0\"]}]}}");
}

static void
test_diff_names_the_side_that_is_wrong(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *good = side_of(fixture, "{}"), *bad = side_of(fixture, "{");
    g_autofree char *body = g_strdup_printf("{\"left\":%s,\"right\":%s}", good, bad);
    expect(fixture, "a", "Diff", body, 400, "right: label selector: position 2");
    g_autofree char *half = g_strdup_printf("{\"right\":%s}", good);
    expect(fixture, "a", "Diff", half, 400, "left: profile type ''");
}

static void
test_profile_ids(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = range_of(fixture);
    g_autofree char *none = g_strdup_printf(
        "{" CPU ",%s,\"profileIdSelector\":[\"00000000-0000-4000-8000-000000000000\"]}", range);
    expect(fixture, "a", "SelectMergeStacktraces", none, 200, "{\"names\":[\"total\"]");
    g_autofree char *bad =
        g_strdup_printf("{" CPU ",%s,\"profileIdSelector\":[\"no-uuid\"]}", range);
    expect(fixture, "a", "SelectMergeStacktraces", bad, 400,
           "profile_id_selector: 'no-uuid' is not a UUID");
    expect(fixture, "a", "SelectMergeProfile", bad, 400, "is not a UUID");
}

static void
test_spans(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = range_of(fixture);
    g_autofree char *span =
        g_strdup_printf("{" CPU ",%s,\"spanSelector\":[\"00000000000000bb\"]}", range);
    const char *graph = "{\"flamegraph\":{\"names\":[\"total\",\"c\"],\"levels\":[{\"values\":["
                        "\"0\",\"40\",\"0\",\"0\"]},{\"values\":[\"0\",\"40\",\"40\",\"1\"]}]";
    expect(fixture, "spans", "SelectMergeStacktraces", span, 200, graph);
    expect(fixture, "spans", "SelectMergeSpanProfile", span, 200, graph);
    expect(fixture, "a", "SelectMergeSpanProfile", span, 200, "{\"names\":[\"total\"]");

    g_autofree char *bad = g_strdup_printf("{" CPU ",%s,\"spanSelector\":[\"bb\"]}", range);
    expect(fixture, "spans", "SelectMergeSpanProfile", bad, 400,
           "span_selector: 'bb' is not an id of 16 hexadecimal digits");
    g_autofree char *none = g_strdup_printf("{" CPU ",%s}", range);
    expect(fixture, "spans", "SelectMergeSpanProfile", none, 400, "span_selector is required");
    g_autofree char *both =
        g_strdup_printf("{" CPU ",%s,\"spanSelector\":[\"00000000000000bb\"],\"traceIdSelector\":["
                        "\"000000000000000000000000000000bb\"]}",
                        range);
    expect(fixture, "spans", "SelectMergeStacktraces", both, 400, "exclude each other");
}

/* Asks and parses the answer of a 200. */
static json_t *
ask(const Fixture *fixture, const char *tenant, const char *method, const char *body)
{
    g_autofree char *path = g_strconcat(QUERIER, method, NULL), *text = NULL;
    int status = test_server_json(fixture->server, path, tenant, body, &text);
    if (status != 200)
        fail_msg("%s %s: %d %s", method, body, status, text);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

/* A point's exemplar names a profile that can be fetched alone. */
static void
test_exemplars(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = range_of(fixture);
    g_autofree char *body = g_strdup_printf(
        "{" CPU ",%s,\"step\":15,\"exemplarType\":\"EXEMPLAR_TYPE_INDIVIDUAL\"}", range);
    json_t *answer = ask(fixture, "a", "SelectSeries", body), *exemplar;
    json_t *series = json_array_get(json_object_get(answer, "series"), 0);
    json_t *point = json_array_get(json_object_get(series, "points"), 0);
    exemplar = json_array_get(json_object_get(point, "exemplars"), 0);
    assert_int_equal(json_number_value(json_object_get(point, "value")), 7);
    assert_string_equal(json_string_value(json_object_get(exemplar, "value")), "6");
    g_autofree char *one =
        g_strdup_printf("{" CPU ",%s,\"profileIdSelector\":[\"%s\"]}", range,
                        json_string_value(json_object_get(exemplar, "profileId")));
    expect(fixture, "a", "SelectMergeStacktraces", one, 200, "\"total\":\"6\"");
    expect(fixture, "spans", "SelectMergeStacktraces", one, 200, "{\"names\":[\"total\"],");
    json_decref(answer);
    g_autofree char *span =
        g_strdup_printf("{" CPU ",%s,\"step\":15,\"exemplarType\":\"EXEMPLAR_TYPE_SPAN\"}", range);
    expect(fixture, "a", "SelectSeries", span, 501, "unimplemented");
}

static void
test_heatmap(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = range_of(fixture);
    g_autofree char *body = g_strdup_printf(
        "{" CPU ",%s,\"step\":60,\"queryType\":\"HEATMAP_QUERY_TYPE_SPAN\",\"exemplarType\":"
        "\"EXEMPLAR_TYPE_SPAN\",\"groupBy\":[\"service_name\"]}",
        range);
    json_t *answer = ask(fixture, "spans", "SelectHeatmap", body);
    json_t *series = json_array_get(json_object_get(answer, "series"), 0);
    json_t *slots = json_object_get(series, "slots"), *slot = json_array_get(slots, 0);
    assert_int_equal(json_array_size(slots), 1);
    json_t *counts = json_object_get(slot, "counts");
    assert_int_equal(json_array_size(counts), 20);
    assert_int_equal(json_integer_value(json_array_get(counts, 0)), 1);
    assert_int_equal(json_integer_value(json_array_get(counts, 19)), 1);
    assert_int_equal(json_array_size(json_object_get(slot, "yMin")), 20);
    json_t *exemplar = json_array_get(json_object_get(slot, "exemplars"), 1);
    assert_string_equal(json_string_value(json_object_get(exemplar, "spanId")), "00000000000000bb");
    json_decref(answer);
    expect(fixture, "a", "SelectHeatmap", body, 200, "{}");

    g_autofree char *none = g_strdup_printf("{" CPU ",%s,\"step\":60}", range);
    expect(fixture, "a", "SelectHeatmap", none, 400, "query_type must be");
    g_autofree char *mixed = g_strdup_printf(
        "{" CPU ",%s,\"step\":60,\"queryType\":1,\"exemplarType\":\"EXEMPLAR_TYPE_SPAN\"}", range);
    expect(fixture, "a", "SelectHeatmap", mixed, 400, "exemplar_type must be");
    g_autofree char *fine = g_strdup_printf("{" CPU ",%s,\"step\":0,\"queryType\":1}", range);
    expect(fixture, "a", "SelectHeatmap", fine, 400, "step must be >= 1ms");
}

static void
test_dot_and_pgo(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = range_of(fixture);
    g_autofree char *dot = g_strdup_printf("{" CPU ",%s,\"format\":\"PROFILE_FORMAT_DOT\"}", range);
    expect(fixture, "a", "SelectMergeStacktraces", dot, 200, "{\"dot\":\"digraph ");
    expect(fixture, "a", "SelectMergeStacktraces", dot, 200, "[label=\\\"a\\\\n1 ns (14.29%)");
    expect(fixture, "another", "SelectMergeStacktraces", dot, 200, "{}");
    g_autofree char *pgo =
        g_strdup_printf("{" CPU ",%s,\"stackTraceSelector\":{\"goPgo\":{\"keepLocations\":1,"
                        "\"aggregateCallees\":true}}}",
                        range);
    json_t *answer = ask(fixture, "a", "SelectMergeProfile", pgo);
    json_t *samples = json_object_get(answer, "sample"), *sample;
    assert_int_equal(json_array_size(samples), 3);
    size_t i;
    json_array_foreach(samples, i, sample)
        assert_int_equal(json_array_size(json_object_get(sample, "locationId")), 1);
    json_decref(answer);
}

/* A merged profile is complete: max_nodes means nothing here, whatever it is. */
static void
test_merged_profile_ignores_max_nodes(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = range_of(fixture);
    g_autofree char *plain = g_strdup_printf("{" CPU ",%s}", range);
    json_t *whole = ask(fixture, "a", "SelectMergeProfile", plain);
    assert_int_equal(json_array_size(json_object_get(whole, "sample")), 3);
    static const int64_t nodes[] = {1, 0, -1, INT64_MAX};
    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *body =
            g_strdup_printf("{" CPU ",%s,\"maxNodes\":\"%" G_GINT64_FORMAT "\"}", range, nodes[i]);
        json_t *answer = ask(fixture, "a", "SelectMergeProfile", body);
        assert_true(json_equal(answer, whole));
        json_decref(answer);
    }
    json_decref(whole);
}

/* Several matchers are joined; none and the empty one select everything. */
static void
test_matchers(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = range_of(fixture);
    static const struct {
        const char *matchers, *names;
    } CASES[] = {
        {"", "{\"names\":[\"new\",\"old\"]}"},
        {"\"{}\"", "{\"names\":[\"new\",\"old\"]}"},
        {"\"\"", "{\"names\":[\"new\",\"old\"]}"},
        {"\"{service_name=~\\\"old|new\\\"}\",\"{service_name!=\\\"new\\\"}\"",
         "{\"names\":[\"old\"]}"},
        {"\"{__profile_type__=\\\"x\\\"}\"", "{}"},
        {"\"process_cpu{}\"", "{\"names\":[\"new\",\"old\"]}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree char *body = g_strdup_printf("{\"name\":\"service_name\",%s,\"matchers\":[%s]}",
                                                range, CASES[i].matchers);
        expect(fixture, "a", "LabelValues", body, 200, CASES[i].names);
    }
    g_autofree char *bad =
        g_strdup_printf("{\"name\":\"a\",%s,\"matchers\":[\"{}\",\"{a=~\\\"(\\\"}\"]}", range);
    expect(fixture, "a", "LabelValues", bad, 400, "label 'a'");
    expect(fixture, "a", "LabelValues", "{\"start\":1,\"end\":2}", 400, "name is required");
}

static void
test_time_ranges(void **state)
{
    Fixture *fixture = *state;
    int64_t now_ms = fixture->now_ns / 1000000;
    static const char *const METHODS[] = {"SelectSeries", "SelectMergeStacktraces",
                                          "SelectMergeProfile", "SelectHeatmap"};
    for (size_t i = 0; i < G_N_ELEMENTS(METHODS); i++) {
        const char *more = "\"step\":15,\"queryType\":1," CPU;
        g_autofree char *missing = g_strdup_printf("{%s,\"start\":5}", more);
        g_autofree char *reversed = g_strdup_printf("{%s,\"start\":9,\"end\":5}", more);
        g_autofree char *old = g_strdup_printf("{%s,\"start\":1000,\"end\":4000}", more);
        g_autofree char *whole = g_strdup_printf("{%s,\"start\":1000,\"end\":%" G_GINT64_FORMAT "}",
                                                 more, now_ms + 1000);
        expect(fixture, "a", METHODS[i], missing, 400, "missing time range in the query");
        expect(fixture, "a", METHODS[i], reversed, 400, "query start time is after end time");
        expect(fixture, "a", METHODS[i], old, 200, "{");
        expect(fixture, "a", METHODS[i], whole, 200, "{\"");
    }
}

static void
test_analyze_query(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = range_of(fixture);
    static const char *const QUERIES[] = {PROFILE_CPU_TYPE "{service_name=\\\"old\\\"}",
                                          "{service_name=\\\"old\\\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(QUERIES); i++) {
        g_autofree char *body = g_strdup_printf("{%s,\"query\":\"%s\"}", range, QUERIES[i]);
        expect(fixture, "a", "AnalyzeQuery", body, 200,
               "{\"queryScopes\":[{\"componentType\":\"store\",\"componentCount\":\"1\","
               "\"blockCount\":"
               "\"1\",\"seriesCount\":\"1\",\"profileCount\":\"1\",\"sampleCount\":\"3\"}],"
               "\"queryImpact\":{\"totalQueriedSeries\":\"1\"}}");
    }
    expect(fixture, "a", "AnalyzeQuery", "{}", 200, "{}");
    g_autofree char *bad = g_strdup_printf("{%s,\"query\":\"{\"}", range);
    expect(fixture, "a", "AnalyzeQuery", bad, 400, "label selector");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_names_the_side_that_is_wrong),
        cmocka_unit_test(test_profile_ids),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_exemplars),
        cmocka_unit_test(test_heatmap),
        cmocka_unit_test(test_dot_and_pgo),
        cmocka_unit_test(test_merged_profile_ignores_max_nodes),
        cmocka_unit_test(test_matchers),
        cmocka_unit_test(test_analyze_query),
        cmocka_unit_test(test_time_ranges),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
