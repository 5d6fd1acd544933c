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
push(const Fixture *fixture, const char *service, const ProfileStack *stacks, size_t n)
{
    g_autoptr(GBytes) profile = profile_of(stacks, n, g_get_real_time() * 1000 - 30 * SECOND);
    const ProfileSeries series = {.service = service, .profile = profile};
    g_autoptr(GBytes) body = push_request_of(&series, 1);
    g_auto(HttpClientReply) reply = test_server_call(fixture->server, "/push.v1.PusherService/Push",
                                                     "a", "application/proto", body);
    assert_int_equal(reply.status, 200);
}

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    static const char *const options[] = {"--self-profile=false", NULL};
    fixture->server = test_server_start(temp_dir_path(fixture->dir), options);
    push(fixture, "old", old_stacks, G_N_ELEMENTS(old_stacks));
    push(fixture, "new", new_stacks, G_N_ELEMENTS(new_stacks));
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
        cmocka_unit_test(test_render_diff),     cmocka_unit_test(test_render_diff_refuses),
        cmocka_unit_test(test_exports_of_text), cmocka_unit_test(test_export_of_pprof),
        cmocka_unit_test(test_our_own_export),  cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
