/* What a real server says to bad input, and how it serves many clients at once. */
#include <curl/curl.h>
#include <string.h>

#include "server/http/encoding.h"
#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"
#include "tests/integration/call.h"
#include "tests/integration/profiles.h"

#define PUSH   "/push.v1.PusherService/Push"
#define TYPES  "/querier.v1.QuerierService/ProfileTypes"
#define SECOND INT64_C(1000000000)
/* The number of sockets ready at once that a server may stall at. */
#define CLIENTS     256
#define PUSHES_EACH 4
#define STACKTRACES "/querier.v1.QuerierService/SelectMergeStacktraces"
#define CPU         "\"profileTypeID\":\"" PROFILE_CPU_TYPE "\","
#define NOW_RANGE   "\"start\":%" G_GINT64_FORMAT ",\"end\":%" G_GINT64_FORMAT

typedef struct {
    TempDir *dir;
    TestServer *server;
} Fixture;

static const ProfileStack stacks[] = {{"main;work", 5}};

static int64_t
now_ms(void)
{
    return g_get_real_time() / 1000;
}

static int
setup(void **state)
{
    static const char *const options[] = {"--self-profile=false",
                                          "--max-profile-size-bytes",
                                          "100000",
                                          "--ingestion-body-limit-mb",
                                          "1",
                                          NULL};
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    fixture->server = test_server_start(temp_dir_path(fixture->dir), options);
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

/* The reply has this status and its body holds both fragments. */
static void
expect_reply(Fixture *fixture, const char *path, const char *tenant, const char *type, GBytes *body,
             int status, const char *code, const char *fragment)
{
    g_auto(HttpClientReply) reply = test_server_call(fixture->server, path, tenant, type, body);
    g_autofree char *text =
        g_strndup(g_bytes_get_data(reply.body, NULL), g_bytes_get_size(reply.body));
    if (reply.status != status)
        fail_msg("%s: %d instead of %d: %s", path, reply.status, status, text);
    assert_contains(text, code);
    assert_contains(text, fragment);
}

static void
expect_json(Fixture *fixture, const char *path, const char *json, int status, const char *code,
            const char *fragment)
{
    g_autoptr(GBytes) body = g_bytes_new(json, strlen(json));
    expect_reply(fixture, path, "t", "application/json", body, status, code, fragment);
}

static GBytes *
good_profile(void)
{
    return profile_of(stacks, 1, now_ms() * 1000000 - SECOND);
}

/* Pushes a bad profile between two good ones; the error names `fragment` and the good are there. */
static void
expect_refused(Fixture *fixture, const char *tenant, GBytes *bad, const char *fragment)
{
    g_autoptr(GBytes) good = good_profile();
    const ProfileSeries series[] = {{.service = "first", .profile = good},
                                    {.service = "bad", .profile = bad},
                                    {.service = "last", .profile = good}};
    g_autoptr(GBytes) body = push_request_of(series, G_N_ELEMENTS(series));
    expect_reply(fixture, PUSH, tenant, "application/proto", body, 400, "invalid_argument",
                 fragment);
    g_autofree char *query = g_strdup_printf("{\"name\":\"service_name\"," NOW_RANGE "}",
                                             now_ms() - 600000, now_ms() + 1000);
    g_autofree char *names = NULL;
    assert_int_equal(test_server_json(fixture->server, "/querier.v1.QuerierService/LabelValues",
                                      tenant, query, &names),
                     200);
    assert_string_equal(names, "{\"names\":[\"first\",\"last\"]}");
}

static void
test_truncated_profile(void **state)
{
    g_autoptr(GBytes) good = good_profile();
    g_autoptr(GBytes) cut = g_bytes_new_from_bytes(good, 0, g_bytes_get_size(good) - 3);
    expect_refused(*state, "cut", cut, "push series with index 1 failed");
}

static void
test_index_out_of_range(void **state)
{
    static const uint8_t raw[] = {0x0a, 0x04, 0x08, 0x63, 0x10, 0x01, 0x32, 0x00};
    g_autoptr(GBytes) bad = g_bytes_new_static(raw, sizeof(raw));
    expect_refused(*state, "index", bad, "sample_type");
}

static void
test_strings_that_are_not_utf8(void **state)
{
    static const ProfileStack latin1[] = {{"caf\xe9", 1}};
    g_autoptr(GBytes) bad = profile_of(latin1, 1, now_ms() * 1000000);
    expect_refused(*state, "latin1", bad, "UTF-8");
}

static void
test_oversize_and_bombs_name_the_knob(void **state)
{
    g_autofree char *name = g_strnfill(60000, 'x');
    const ProfileStack wide[] = {{name, 1}, {"b;c;d", 2}};
    GByteArray *two = g_byte_array_new();
    g_autoptr(GBytes) one = profile_of(wide, 2, now_ms() * 1000000);
    for (int i = 0; i < 2; i++)
        g_byte_array_append(two, g_bytes_get_data(one, NULL), (guint)g_bytes_get_size(one));
    g_autoptr(GBytes) large = g_byte_array_free_to_bytes(two);
    expect_refused(*state, "large", large, "max_profile_size_bytes");
    g_autoptr(GBytes) bomb = encoding_encode(ENCODING_GZIP, large);
    assert_true(g_bytes_get_size(bomb) < 2000);
    expect_refused(*state, "bomb", bomb, "max_profile_size_bytes");
}

static void
test_bodies_over_the_limit(void **state)
{
    g_autoptr(GBytes) body = g_bytes_new_take(g_malloc0(1100000), 1100000);
    expect_reply(*state, PUSH, "t", "application/proto", body, 413, "invalid_argument",
                 "ingestion_body_limit_mb");
    expect_reply(*state, "/ingest?name=x", "t", "application/octet-stream", body, 413,
                 "invalid_argument", "ingestion_body_limit_mb");
}

static void
test_protocol_errors(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GBytes) text = g_bytes_new_static("x", 1);
    expect_reply(fixture, TYPES, "t", "text/plain", text, 415, "unknown", "application/proto");
    expect_reply(fixture, TYPES, "t", "application/proto", text, 400, "invalid_argument",
                 "ProfileTypesRequest");
    expect_json(fixture, TYPES, "{", 400, "invalid_argument", "JSON");
    expect_json(fixture, "/querier.v1.QuerierService/Nothing", "{}", 501, "unimplemented",
                "Nothing");
    expect_json(fixture, "/vcs.v1.VCSService/GetFile", "{}", 501, "unimplemented",
                "not configured");
    expect_json(fixture, "/nowhere/at/all", "{}", 404, "unimplemented", "/nowhere/at/all");
    expect_json(fixture, PUSH, "{}", 400, "invalid_argument", "no profiles received");
    expect_reply(fixture, TYPES, "t", NULL, NULL, 405, "unimplemented", "POST");
    expect_reply(fixture, TYPES, "a/b", "application/json", text, 401, "unauthenticated",
                 "tenant id");
    expect_reply(fixture, PUSH, "a|b", "application/json", text, 400, "invalid_argument",
                 "exactly one tenant");
}

/* Headers of the protocol that make no sense are refused by name; no client has to send them. */
static void
test_connect_headers(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        const char *header;
        int status;
        const char *fragment;
    } cases[] = {
        {"Connect-Protocol-Version: 1", 200, ""},
        {"Connect-Protocol-Version: 2", 400, "Connect-Protocol-Version"},
        {"Connect-Timeout-Ms: 20000", 200, ""},
        {"Connect-Timeout-Ms: soon", 400, "Connect-Timeout-Ms"},
        {"Connect-Timeout-Ms: 12345678901", 400, "Connect-Timeout-Ms"},
        {"Connect-Timeout-Ms: 0", 504, "deadline_exceeded"},
        {"Content-Encoding: br", 501, "gzip, zstd"},
    };
    g_autoptr(GBytes) body = g_bytes_new_static("{}", 2);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const headers[] = {"Content-Type: application/json; charset=utf-8",
                                       cases[i].header, NULL};
        g_auto(HttpClientReply) reply = call_with(fixture->server, TYPES, headers, body);
        g_autofree char *text =
            g_strndup(g_bytes_get_data(reply.body, NULL), g_bytes_get_size(reply.body));
        if (reply.status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].header, reply.status, text);
        assert_contains(text, cases[i].fragment);
    }
}

static void
expect_query_error(Fixture *fixture, const char *fields, const char *fragment)
{
    g_autofree char *json =
        g_strdup_printf("{%s," NOW_RANGE "}", fields, now_ms() - 60000, now_ms());
    expect_json(fixture, STACKTRACES, json, 400, "invalid_argument", fragment);
}

static void
test_query_errors(void **state)
{
    Fixture *fixture = *state;
    expect_query_error(fixture, "\"profileTypeID\":\"cpu\"", "profile type 'cpu'");
    expect_query_error(fixture, CPU "\"labelSelector\":\"{a=\"", "selector");
    expect_query_error(fixture, CPU "\"labelSelector\":\"{a=~\\\"(\\\"}\"", "");
    expect_query_error(fixture, CPU "\"maxNodes\":-1", "max flamegraph nodes limit");
    expect_query_error(fixture, CPU "\"maxNodes\":1048577", "max_flamegraph_nodes_max");
    expect_json(fixture, STACKTRACES, "{" CPU "\"end\":5}", 400, "invalid_argument",
                "missing time range in the query");
    expect_json(fixture, STACKTRACES, "{" CPU "\"start\":6,\"end\":5}", 400, "invalid_argument",
                "query start time is after end time");
    expect_json(fixture, STACKTRACES, "{" CPU "\"start\":1,\"end\":4102444800000}", 400,
                "invalid_argument", "max_query_length");
    expect_json(fixture, "/querier.v1.QuerierService/LabelValues", "{\"start\":1,\"end\":2}", 400,
                "invalid_argument", "name is required");
    expect_json(fixture, "/querier.v1.QuerierService/SelectSeries",
                "{" CPU "\"start\":1,\"end\":2}", 400, "invalid_argument", "step must be >= 1ms");
}

/* The answer would hold a point for every step of every group: more than four million. */
static void
test_groups_of_a_label_with_many_values(void **state)
{
    enum { PUSHES = 8, VALUES_EACH = 400 };
    Fixture *fixture = *state;
    g_autoptr(GBytes) good = good_profile();
    for (int push = 0; push < PUSHES; push++) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        ProfileSeries series[VALUES_EACH] = {0};
        for (int i = 0; i < VALUES_EACH; i++) {
            g_ptr_array_add(names, g_strdup_printf("service-%d", push * VALUES_EACH + i));
            series[i].service = g_ptr_array_index(names, i);
            series[i].profile = good;
        }
        g_autoptr(GBytes) body = push_request_of(series, VALUES_EACH);
        expect_reply(fixture, PUSH, "groups", "application/proto", body, 200, "", "");
    }
    static const char query[] =
        "/pyroscope/render?query=" PROFILE_CPU_TYPE "&groupBy=service_name&until=now%2B1m&from=";
    g_autofree char *hour = g_strconcat(query, "now-1h", NULL);
    g_autofree char *day = g_strconcat(query, "now-24h", NULL);
    expect_reply(fixture, hour, "groups", NULL, NULL, 200, "service-7", "service-3199");
    expect_reply(fixture, day, "groups", NULL, NULL, 400, "invalid_argument",
                 "groupBy gives 3200 groups of 144");
}

static void
test_ingest_errors(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GBytes) text = g_bytes_new_static("a;b 5", 5);
    expect_reply(fixture, "/ingest", "t", "text/plain", text, 400, "invalid_argument", "name:");
    g_autoptr(GBytes) plain = g_bytes_new_static("a;b", 3);
    expect_reply(fixture, "/ingest?name=x", "t", "text/plain", plain, 422, "unknown",
                 "parsing IngestInput-groups failed: line 1");
    expect_reply(fixture, "/ingest?name=x&format=jfr", "t", "text/plain", text, 422, "unknown",
                 "parsing IngestInput-jfr failed");
    expect_reply(fixture, "/ingest?name=x&format=pprof", "t", "text/plain", text, 422, "unknown",
                 "parsing IngestInput-pprof failed");
}

static size_t
discard(char *data, size_t size, size_t count, void *target)
{
    (void)data;
    (void)target;
    return size * count;
}

static CURL *
pusher_new(Fixture *fixture, struct curl_slist *headers, GBytes *body)
{
    CURL *curl = curl_easy_init();
    g_autofree char *url = g_strconcat(test_server_url(fixture->server), PUSH, NULL);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)g_bytes_get_size(body));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, g_bytes_get_data(body, NULL));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    return curl;
}

/* Keep-alive clients that push in lockstep: every push is acked and stored once. */
static void
test_many_clients_in_lockstep(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GBytes) profile = good_profile();
    const ProfileSeries series = {.service = "many", .profile = profile};
    g_autoptr(GBytes) body = push_request_of(&series, 1);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/proto");
    headers = curl_slist_append(headers, "X-Scope-OrgID: many");
    CURLM *multi = curl_multi_init();
    CURL *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = pusher_new(fixture, headers, body);
    for (int round = 0; round < PUSHES_EACH; round++) {
        int running = CLIENTS;
        for (int i = 0; i < CLIENTS; i++)
            curl_multi_add_handle(multi, clients[i]);
        while (running > 0) {
            assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
            curl_multi_poll(multi, NULL, 0, 100, NULL);
        }
        for (int i = 0; i < CLIENTS; i++) {
            long status = 0;
            curl_easy_getinfo(clients[i], CURLINFO_RESPONSE_CODE, &status);
            assert_int_equal(status, 200);
            curl_multi_remove_handle(multi, clients[i]);
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        curl_easy_cleanup(clients[i]);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    g_autofree char *query =
        g_strdup_printf("{" CPU NOW_RANGE "}", now_ms() - 600000, now_ms() + 1000);
    g_autofree char *answer = NULL;
    assert_int_equal(test_server_json(fixture->server, STACKTRACES, "many", query, &answer), 200);
    g_autofree char *total = g_strdup_printf("\"total\":\"%d\"", CLIENTS * PUSHES_EACH * 5);
    assert_contains(answer, total);
}

static void
test_required_tenant(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    static const char *const options[] = {"--multitenancy", "required", "--self-profile=false",
                                          NULL};
    g_autoptr(TestServer) server = test_server_start(temp_dir_path(dir), options);
    g_autofree char *text = NULL;
    assert_int_equal(test_server_json(server, TYPES, NULL, "{}", &text), 401);
    assert_string_equal(text, "{\"code\":\"unauthenticated\",\"message\":\"no org id\"}");
    test_server_stop(server);
}

int
main(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated_profile),
        cmocka_unit_test(test_index_out_of_range),
        cmocka_unit_test(test_strings_that_are_not_utf8),
        cmocka_unit_test(test_oversize_and_bombs_name_the_knob),
        cmocka_unit_test(test_bodies_over_the_limit),
        cmocka_unit_test(test_protocol_errors),
        cmocka_unit_test(test_connect_headers),
        cmocka_unit_test(test_query_errors),
        cmocka_unit_test(test_groups_of_a_label_with_many_values),
        cmocka_unit_test(test_ingest_errors),
        cmocka_unit_test(test_many_clients_in_lockstep),
        cmocka_unit_test(test_required_tenant),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
