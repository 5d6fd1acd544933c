/* The GET paths that render: legacy documents, diffs, exports and lists, of a real server. */
#include <jansson.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/gzip.h"
#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"
#include "tests/integration/profiles.h"

#define SECOND INT64_C(1000000000)
#define OLD    PROFILE_CPU_TYPE "%7Bservice_name%3D%22old%22%7D"
#define NEW    PROFILE_CPU_TYPE "%7Bservice_name%3D%22new%22%7D"

typedef struct {
    TempDir *dir;
    TestServer *server;
} Fixture;

static const ProfileStack old_stacks[] = {{"a;b", 3}, {"a", 1}, {"c", 2}};
static const ProfileStack new_stacks[] = {{"a;b", 1}};

static void
push(const Fixture *fixture, const char *tenant, const char *service, const ProfileStack *stacks,
     size_t n)
{
    g_autoptr(GBytes) profile = profile_of(stacks, n, g_get_real_time() * 1000 - 30 * SECOND);
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
    push(fixture, "a", "old", old_stacks, G_N_ELEMENTS(old_stacks));
    push(fixture, "a", "new", new_stacks, G_N_ELEMENTS(new_stacks));
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

/* The body of a GET by tenant "a" that has to have this status. */
static char *
get(const Fixture *fixture, const char *path, int status)
{
    char *text = NULL;
    int got = test_server_json(fixture->server, path, "a", NULL, &text);
    if (got != status)
        fail_msg("%s: %d %s", path, got, text);
    return text;
}

static void
expect(const Fixture *fixture, const char *path, int status, const char *text)
{
    g_autofree char *got = get(fixture, path, status);
    if (status == 200)
        assert_string_equal(got, text);
    else
        assert_contains(got, text);
}

#define DIFF                                                                                       \
    "/pyroscope/render-diff?leftFrom=now-10m&leftUntil=now&rightFrom=now-10m&rightUntil=now"

static void
test_render_diff(void **state)
{
    expect(*state, DIFF "&leftQuery=" OLD "&rightQuery=" NEW, 200,
           "{\"version\":1,\"flamebearer\":{\"names\":[\"total\",\"a\",\"b\",\"c\"],\"levels\":["
           "[0,6,0,0,1,0,0],[0,4,1,0,1,0,1,0,2,2,0,0,0,3],[1,3,3,0,1,1,2]],\"numTicks\":7,"
           "\"maxSelf\":3},\"metadata\":{\"format\":\"double\",\"spyName\":\"\",\"sampleRate\":"
           "1000000000,\"units\":\"samples\",\"name\":\"cpu\"},\"timeline\":null,\"groups\":null,"
           "\"heatmap\":null,\"leftTicks\":6,\"rightTicks\":1}");
}

static void
test_render_diff_refuses(void **state)
{
    expect(*state, DIFF "&leftQuery=" OLD, 400, "rightQuery is required");
    expect(*state, DIFF "&leftQuery=" OLD "&rightQuery=memory:a:b:c:d", 400,
           "profile types must match");
    expect(*state, DIFF "&leftQuery=" OLD "&rightQuery=" PROFILE_CPU_TYPE "%7Bx", 400,
           "rightQuery: label selector: position");
    expect(*state, DIFF "&max-nodes=99999999999&leftQuery=" OLD "&rightQuery=" NEW, 400,
           "max_flamegraph_nodes_max");
}

#define RENDER "/pyroscope/render?from=now-10m&until=now&query=" OLD

static void
test_exports_of_text(void **state)
{
    expect(*state, RENDER "&format=collapsed", 200, "a 1\na;b 3\nc 2\n");
    expect(*state, RENDER "&format=collapsed&max-nodes=1", 200, "a 1\na;other 3\nother 2\n");
    g_autofree char *dot = get(*state, RENDER "&format=dot", 200);
    assert_contains(dot, "digraph \"" PROFILE_CPU_TYPE "\" {");
    assert_contains(dot, "-> ");
    g_autofree char *perf = get(*state, RENDER "&format=perf-script", 200);
    assert_contains(perf, "\t               0 b ([unknown])\n\t               0 a ([unknown])\n\n");
    g_autofree char *speedscope = get(*state, RENDER "&format=speedscope", 200);
    json_t *json = json_loads(speedscope, 0, NULL);
    json_t *profile = json_array_get(json_object_get(json, "profiles"), 0);
    assert_int_equal(json_integer_value(json_object_get(profile, "endValue")), 6);
    json_decref(json);
    expect(*state, "/pyroscope/render?from=now-10m&until=now&format=dot&query=memory:a:b:c:d", 200,
           "");
}

/* max-nodes says how many functions are drawn, also where that is more than usual. */
static void
test_dot_draws_what_is_asked_for(void **state)
{
    enum { FUNCTIONS = 150 };
    const Fixture *fixture = *state;
    ProfileStack stacks[FUNCTIONS];
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < FUNCTIONS; i++) {
        g_ptr_array_add(names, g_strdup_printf("f%d", i));
        stacks[i] = (ProfileStack){names->pdata[i], 1000 - i};
    }
    push(fixture, "b", "old", stacks, FUNCTIONS);
    static const struct {
        const char *param, *functions;
    } cases[] = {
        {"", ", 100 functions\""},
        {"&max-nodes=2", ", 2 functions\""},
        {"&max-nodes=120", ", 120 functions\""},
        {"&maxNodes=120&max-nodes=2", ", 120 functions\""},
        {"&max-nodes=1000", ", 150 functions\""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat(RENDER "&format=dot", cases[i].param, NULL);
        g_autofree char *text = NULL;
        assert_int_equal(test_server_json(fixture->server, path, "b", NULL, &text), 200);
        assert_contains(text, cases[i].functions);
        assert_lacks(text, "other");
    }
}

static void
test_export_of_pprof(void **state)
{
    Fixture *fixture = *state;
    g_auto(HttpClientReply) reply =
        test_server_call(fixture->server, RENDER "&format=pprof", "a", NULL, NULL);
    assert_int_equal(reply.status, 200);
    assert_contains(g_hash_table_lookup(reply.headers, "content-disposition"),
                    "attachment; filename=\"process_cpu-cpu-");
    size_t size;
    const uint8_t *data = g_bytes_get_data(reply.body, &size);
    g_autoptr(GByteArray) plain = gzip_decompress(data, size, 1024 * 1024, NULL);
    assert_non_null(plain);
    g_autoptr(Arena) arena = arena_new(1024 * 1024);
    const PprofInput input = {.data = plain->data, .size = plain->len, .arena = arena};
    Profile profile;
    assert_int_equal(pprof_decode(&input, &profile, NULL), PPROF_OK);
    assert_int_equal(profile.n_samples, 3);
}

static void
test_our_own_export(void **state)
{
    int64_t now_ms = g_get_real_time() / 1000;
    g_autofree char *path = g_strdup_printf("/api/v1/export?profile_type=" PROFILE_CPU_TYPE
                                            "&selector=%%7B%%7D&call_site=a&from=%" G_GINT64_FORMAT
                                            "&until=%" G_GINT64_FORMAT,
                                            now_ms - 600000, now_ms);
    g_autofree char *collapsed = g_strconcat(path, "&format=collapsed", NULL);
    expect(*state, collapsed, 200, "a 1\na;b 4\n");
    g_autofree char *unknown = g_strconcat(path, "&format=svg", NULL);
    expect(*state, unknown, 400, "parameter format must be one of");
    expect(*state, path, 400, "parameter format must be one of");
    expect(*state, "/api/v1/export?format=pprof", 400, "parameter profile_type is required");
}

/* A path under /api/v1 over the last ten minutes. */
static char *
own_path(const char *path)
{
    int64_t now_ms = g_get_real_time() / 1000;
    return g_strdup_printf("%s&profile_type=" PROFILE_CPU_TYPE "&from=%" G_GINT64_FORMAT
                           "&until=%" G_GINT64_FORMAT,
                           path, now_ms - 600000, now_ms);
}

static void
expect_own(const Fixture *fixture, const char *path, int status, const char *text)
{
    g_autofree char *whole = own_path(path);
    expect(fixture, whole, status, text);
}

static void
test_functions(void **state)
{
    Fixture *fixture = *state;
    expect_own(
        fixture, "/api/v1/functions?", 200,
        "{\"unit\":\"nanoseconds\",\"total\":7,\"matched\":3,\"partial\":false,\"functions\":["
        "{\"name\":\"a\",\"self\":1,\"total\":5},{\"name\":\"b\",\"self\":4,\"total\":4},"
        "{\"name\":\"c\",\"self\":2,\"total\":2}]}");
    expect_own(
        fixture, "/api/v1/functions?regex=%5E%5Bbc%5D%24&sort=self&limit=1", 200,
        "{\"unit\":\"nanoseconds\",\"total\":7,\"matched\":2,\"partial\":false,\"functions\":["
        "{\"name\":\"b\",\"self\":4,\"total\":4}]}");
    expect_own(fixture, "/api/v1/functions?regex=a)(b", 400, "parameter regex: ");
    expect_own(fixture, "/api/v1/functions?regex=(%3F%3Da)", 400, "parameter regex: ");
    expect_own(fixture, "/api/v1/functions?sort=name", 400, "parameter sort must be");
    expect_own(fixture, "/api/v1/functions?limit=0", 400, "parameter limit must be");
}

/* Times as a person writes them. */
static void
test_times(void **state)
{
    const char *const path = "/api/v1/functions?profile_type=" PROFILE_CPU_TYPE;
    static const struct {
        const char *times;
        int status;
        const char *text;
    } cases[] = {
        {"&limit=1&from=now-10m&until=now", 200,
         "{\"unit\":\"nanoseconds\",\"total\":7,\"matched\":3,\"partial\":false,\"functions\":["
         "{\"name\":\"a\",\"self\":1,\"total\":5}]}"},
        {"&from=now-1h30m&until=now-30m", 200,
         "{\"unit\":\"nanoseconds\",\"total\":0,\"matched\":0,\"partial\":false,"
         "\"functions\":[]}"},
        {"&until=now", 400, "parameter from is required: milliseconds, or as in now-1h"},
        {"&from=now-1h", 400, "parameter until is required"},
        {"&from=yesterday&until=now", 400, "parameter from must be milliseconds, or as in now-1h"},
        {"&from=now-1x&until=now", 400, "got 'now-1x'"},
        {"&from=now-&until=now", 400, "got 'now-'"},
        {"&from=now&until=now-1h", 400, "query start time is after end time"},
        {"&from=0&until=now", 400, "missing time range"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *whole = g_strconcat(path, cases[i].times, NULL);
        expect(*state, whole, cases[i].status, cases[i].text);
    }
}

static void
test_series(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path =
        own_path("/api/v1/series?call_site=a&call_site=b&group_by=service_name&step=600&limit=1");
    g_autofree char *text = get(fixture, path, 200);
    json_t *json = json_loads(text, 0, NULL), *list = json_object_get(json, "series");
    assert_int_equal(json_array_size(list), 1);
    json_t *series = json_array_get(list, 0);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(series, "labels"), "service_name")),
        "old");
    assert_int_equal(json_number_value(json_object_get(series, "total")), 3);
    json_decref(json);
    expect_own(fixture, "/api/v1/series?step=0", 400, "parameter step must be");
    expect_own(fixture, "/api/v1/series?aggregation=max", 400, "parameter aggregation must be");
    expect_own(fixture, "/api/v1/series?limit=5000", 400, "parameter limit must be");
}

/* The number of nodes and the meta of columns. */
static json_t *
get_columns(const Fixture *fixture, const char *path, uint32_t *ret_nodes)
{
    g_autofree char *whole = own_path(path);
    g_auto(HttpClientReply) reply = test_server_call(fixture->server, whole, "a", NULL, NULL);
    assert_int_equal(reply.status, 200);
    const char *data = g_bytes_get_data(reply.body, NULL);
    uint32_t meta_size;
    memcpy(ret_nodes, data + 8, sizeof *ret_nodes);
    memcpy(&meta_size, data + 16, sizeof meta_size);
    return json_loadb(data + 32, meta_size, 0, NULL);
}

static void
test_columns_of_diff_and_sandwich(void **state)
{
    Fixture *fixture = *state;
    uint32_t n_nodes;
    json_t *meta = get_columns(fixture,
                               "/api/v1/flamegraph/diff?selector=%7Bservice_name%3D%22old%22%7D"
                               "&right_selector=%7Bservice_name%3D%22new%22%7D",
                               &n_nodes);
    assert_int_equal(n_nodes, 4);
    assert_string_equal(json_string_value(json_object_get(meta, "total")), "6");
    assert_string_equal(json_string_value(json_object_get(meta, "right_total")), "1");
    json_decref(meta);
    meta = get_columns(fixture, "/api/v1/flamegraph?callers_of=b", &n_nodes);
    assert_int_equal(n_nodes, 3);
    assert_string_equal(json_string_value(json_object_get(meta, "total")), "4");
    json_decref(meta);
    meta = get_columns(fixture, "/api/v1/flamegraph?callees_of=a", &n_nodes);
    assert_int_equal(n_nodes, 3);
    assert_string_equal(json_string_value(json_object_get(meta, "total")), "5");
    json_decref(meta);
    expect_own(fixture, "/api/v1/flamegraph?callees_of=a&callers_of=b", 400, "exclude each other");
    expect_own(fixture, "/api/v1/flamegraph/diff?right_from=x", 400, "parameter right_from");
    expect_own(fixture, "/api/v1/flamegraph/diff?right_selector=%7B", 400, "right: label selector");
}

static void
test_lists(void **state)
{
    expect(*state, "/pyroscope/label-values?label=service_name", 200, "[\"new\",\"old\"]");
    expect(*state, "/pyroscope/label-values?label=__name__", 200, "[\"" PROFILE_CPU_TYPE "\"]");
    expect(*state,
           "/pyroscope/label-values?label=service_name&query=%7Bservice_name%3D%22old%22%7D", 200,
           "[\"old\"]");
    expect(*state, "/pyroscope/label-values?label=service_name&from=now-20h&until=now-19h", 200,
           "[]");
    expect(*state, "/pyroscope/label-values", 400, "label parameter is required");
    expect(*state, "/pyroscope/label-values?label=a&query=%7B", 400, "label selector");
    g_autofree char *names = get(*state, "/pyroscope/label-names", 200);
    assert_contains(names, "\"service_name\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render_diff),
        cmocka_unit_test(test_render_diff_refuses),
        cmocka_unit_test(test_exports_of_text),
        cmocka_unit_test(test_dot_draws_what_is_asked_for),
        cmocka_unit_test(test_export_of_pprof),
        cmocka_unit_test(test_our_own_export),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_columns_of_diff_and_sandwich),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
