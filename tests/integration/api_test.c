/* A real server: profiles go in by every way and come out of every endpoint. */
#include <jansson.h>
#include <querier.pb-c.h>
#include <string.h>
#include <zstd.h>

#include "server/http/encoding.h"
#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"
#include "tests/integration/call.h"
#include "tests/integration/profiles.h"

#define QUERIER "/querier.v1.QuerierService/"
#define PUSH    "/push.v1.PusherService/Push"
#define SECOND  INT64_C(1000000000)

typedef struct {
    TempDir *dir;
    TestServer *server;
    int64_t now_ns;
} Fixture;

static const ProfileStack checkout_stacks[] = {{"a;b", 3}, {"a", 1}, {"c", 2}};

static int64_t
now_ns(void)
{
    return g_get_real_time() * 1000;
}

/* A request body with the range of the last ten minutes and what `format` adds. */
static char *G_GNUC_PRINTF(2, 3) query_json(const Fixture *fixture, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *more = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    int64_t now_ms = fixture->now_ns / 1000000;
    return g_strdup_printf("{\"start\":%" G_GINT64_FORMAT ",\"end\":\"%" G_GINT64_FORMAT "\"%s%s}",
                           now_ms - 600000, now_ms + 60000, more[0] != '\0' ? "," : "", more);
}

/* Asks a query method as JSON; the parsed answer of a 200. */
static json_t *
ask(Fixture *fixture, const char *tenant, const char *method, const char *body)
{
    g_autofree char *path = g_strconcat(QUERIER, method, NULL), *text = NULL;
    int status = test_server_json(fixture->server, path, tenant, body, &text);
    if (status != 200)
        fail_msg("%s %s: %d %s", method, body, status, text);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void
push_to(Fixture *fixture, const char *tenant, const char *service, const ProfileStack *stacks,
        size_t n)
{
    static const Label labels[] = {{"pod", "p-1"}, {"otel.scope", "x"}};
    g_autoptr(GBytes) profile = profile_of(stacks, n, fixture->now_ns - 30 * SECOND);
    const ProfileSeries series = {service, labels, G_N_ELEMENTS(labels), profile};
    g_autoptr(GBytes) body = push_request_of(&series, 1);
    g_auto(HttpClientReply) reply =
        test_server_call(fixture->server, PUSH, tenant, "application/proto", body);
    if (reply.status != 200)
        fail_msg("push: %d %.*s", reply.status, (int)g_bytes_get_size(reply.body),
                 (const char *)g_bytes_get_data(reply.body, NULL));
    assert_int_equal(g_bytes_get_size(reply.body), 0);
}

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    static const char *const options[] = {"--self-profile=false", NULL};
    fixture->server = test_server_start(temp_dir_path(fixture->dir), options);
    fixture->now_ns = now_ns();
    push_to(fixture, "a", "checkout", checkout_stacks, G_N_ELEMENTS(checkout_stacks));
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

static void
test_metadata(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *range = query_json(fixture, "%s", "");
    json_t *types = ask(fixture, "a", "ProfileTypes", range);
    json_t *type = json_array_get(json_object_get(types, "profileTypes"), 0);
    assert_string_equal(json_string_value(json_object_get(type, "ID")), PROFILE_CPU_TYPE);
    assert_string_equal(json_string_value(json_object_get(type, "sampleUnit")), "nanoseconds");
    json_decref(types);

    g_autofree char *values = query_json(fixture, "\"name\":\"service_name\",\"matchers\":[]");
    json_t *answer = ask(fixture, "a", "LabelValues", values);
    assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "names"), 0)),
                        "checkout");
    json_decref(answer);

    g_autofree char *series = query_json(
        fixture, "\"matchers\":[\"{pod=~\\\"p-.\\\"}\"],\"labelNames\":[\"service_name\","
                 "\"__profile_type__\"]");
    answer = ask(fixture, "a", "Series", series);
    g_autofree char *text = json_dumps(answer, JSON_COMPACT);
    assert_string_equal(text,
                        "{\"labelsSet\":[{\"labels\":[{\"name\":\"__profile_type__\",\"value\":"
                        "\"" PROFILE_CPU_TYPE "\"},{\"name\":\"service_name\",\"value\":"
                        "\"checkout\"}]}]}");
    json_decref(answer);

    answer = ask(fixture, "a", "GetProfileStats", "{}");
    assert_true(json_is_true(json_object_get(answer, "dataIngested")));
    json_decref(answer);
    answer = ask(fixture, "a", "ProfileTypes", "{\"start\":1000,\"end\":4000}");
    assert_int_equal(json_object_size(answer), 0);
    json_decref(answer);
}

/* Names beyond the classic syntax are told only to clients that say they cope. */
static void
test_label_names(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *body = query_json(fixture, "\"matchers\":[\"{}\"]");
    json_t *answer = ask(fixture, "a", "LabelNames", body);
    g_autofree char *text = json_dumps(answer, JSON_COMPACT);
    assert_contains(text, "\"__profile_type__\"");
    assert_contains(text, "\"pod\"");
    assert_lacks(text, "otel.scope");
    json_decref(answer);
}

static void
test_select_series(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *body =
        query_json(fixture,
                   "\"profileTypeID\":\"%s\",\"labelSelector\":\"{service_name=\\\"checkout\\\"}\","
                   "\"step\":15,\"groupBy\":[\"pod\"]",
                   PROFILE_CPU_TYPE);
    json_t *answer = ask(fixture, "a", "SelectSeries", body);
    json_t *series = json_array_get(json_object_get(answer, "series"), 0);
    json_t *label = json_array_get(json_object_get(series, "labels"), 0);
    json_t *points = json_object_get(series, "points");
    assert_string_equal(json_string_value(json_object_get(label, "value")), "p-1");
    assert_int_equal(json_array_size(points), 1);
    json_t *point = json_array_get(points, 0);
    assert_int_equal(json_number_value(json_object_get(point, "value")), 6);
    assert_true(json_is_string(json_object_get(point, "timestamp")));
    json_decref(answer);
}

static void
test_flame_graph_json(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *body = query_json(
        fixture, "\"profile_typeID\":\"%s\",\"label_selector\":\"{}\",\"maxNodes\":\"0\"",
        PROFILE_CPU_TYPE);
    json_t *answer = ask(fixture, "a", "SelectMergeStacktraces", body);
    g_autofree char *text = json_dumps(answer, JSON_COMPACT);
    assert_string_equal(text,
                        "{\"flamegraph\":{\"names\":[\"total\",\"a\",\"b\",\"c\"],\"levels\":["
                        "{\"values\":[\"0\",\"6\",\"0\",\"0\"]},{\"values\":[\"0\",\"4\",\"1\","
                        "\"1\",\"0\",\"2\",\"2\",\"3\"]},{\"values\":[\"1\",\"3\",\"3\",\"2\"]}],"
                        "\"total\":\"6\",\"maxSelf\":\"3\"}}");
    json_decref(answer);
}

/* The subtree below a call site. */
static void
test_call_site_filters(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *body = query_json(fixture,
                                       "\"profileTypeID\":\"%s\",\"labelSelector\":\"{}\","
                                       "\"stackTraceSelector\":{\"call_site\":[{\"name\":\"a\"}]}",
                                       PROFILE_CPU_TYPE);
    json_t *answer = ask(fixture, "a", "SelectMergeStacktraces", body);
    json_t *graph = json_object_get(answer, "flamegraph");
    assert_string_equal(json_string_value(json_object_get(graph, "total")), "4");
    json_decref(answer);
}

static Querier__V1__SelectMergeStacktracesResponse *
ask_stacktraces(Fixture *fixture, Querier__V1__ProfileFormat format)
{
    Querier__V1__SelectMergeStacktracesRequest request =
        QUERIER__V1__SELECT_MERGE_STACKTRACES_REQUEST__INIT;
    request.profile_typeid = (char *)PROFILE_CPU_TYPE;
    request.start = fixture->now_ns / 1000000 - 600000;
    request.end = fixture->now_ns / 1000000 + 60000;
    request.format = format;
    uint8_t buffer[512];
    size_t size = querier__v1__select_merge_stacktraces_request__pack(&request, buffer);
    g_autoptr(GBytes) body = g_bytes_new(buffer, size);
    g_auto(HttpClientReply) reply = test_server_call(
        fixture->server, QUERIER "SelectMergeStacktraces", "a", "application/proto", body);
    assert_int_equal(reply.status, 200);
    assert_string_equal(g_hash_table_lookup(reply.headers, "content-type"), "application/proto");
    size_t length;
    const uint8_t *data = g_bytes_get_data(reply.body, &length);
    Querier__V1__SelectMergeStacktracesResponse *message =
        querier__v1__select_merge_stacktraces_response__unpack(NULL, length, data);
    assert_non_null(message);
    return message;
}

static void
test_flame_graph_binary_tree_and_pprof(void **state)
{
    Fixture *fixture = *state;
    Querier__V1__SelectMergeStacktracesResponse *message =
        ask_stacktraces(fixture, QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_FLAMEGRAPH);
    assert_int_equal(message->flamegraph->total, 6);
    assert_int_equal(message->flamegraph->n_levels, 3);
    querier__v1__select_merge_stacktraces_response__free_unpacked(message, NULL);

    message = ask_stacktraces(fixture, QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_TREE);
    static const char tree[] = "\x00\x00\x02\x01"
                               "c\x02\x00\x01"
                               "a\x01\x01\x01"
                               "b\x03\x00";
    assert_int_equal(message->tree.len, sizeof(tree) - 1);
    assert_memory_equal(message->tree.data, tree, sizeof(tree) - 1);
    querier__v1__select_merge_stacktraces_response__free_unpacked(message, NULL);

    message = ask_stacktraces(fixture, QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_PPROF);
    assert_int_equal(message->pprof->profile->n_sample, 3);
    querier__v1__select_merge_stacktraces_response__free_unpacked(message, NULL);
}

static void
test_profile_in_both_codecs(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *body = query_json(
        fixture, "\"profile_typeID\":\"%s\",\"label_selector\":\"{}\"", PROFILE_CPU_TYPE);
    json_t *answer = ask(fixture, "a", "SelectMergeProfile", body);
    json_t *samples = json_object_get(answer, "sample"), *sample;
    size_t i;
    json_int_t total = 0;
    json_array_foreach(samples, i, sample)
    {
        json_t *value = json_array_get(json_object_get(sample, "value"), 0);
        total += g_ascii_strtoll(json_string_value(value), NULL, 10);
    }
    assert_int_equal(total, 6);
    assert_int_equal(json_array_size(json_object_get(answer, "sampleType")), 1);
    json_decref(answer);
}

static void
test_render(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *text = NULL;
    int status = test_server_json(fixture->server,
                                  "/pyroscope/render?query=" PROFILE_CPU_TYPE
                                  "%7Bservice_name%3D%22checkout%22%7D&from=now-10m&until=now",
                                  "a", NULL, &text);
    assert_int_equal(status, 200);
    json_t *answer = json_loads(text, 0, NULL);
    json_t *bearer = json_object_get(answer, "flamebearer");
    assert_int_equal(json_integer_value(json_object_get(bearer, "numTicks")), 6);
    json_t *timeline = json_object_get(answer, "timeline"), *samples, *sample;
    samples = json_object_get(timeline, "samples");
    assert_int_equal(json_integer_value(json_object_get(timeline, "durationDelta")), 15);
    assert_in_range(json_array_size(samples), 39, 41);
    size_t i;
    json_int_t sum = 0;
    json_array_foreach(samples, i, sample) sum += json_integer_value(sample);
    assert_int_equal(sum, 6);
    assert_true(json_is_null(json_object_get(answer, "groups")));
    json_decref(answer);
}

static void
test_columns(void **state)
{
    Fixture *fixture = *state;
    int64_t now_ms = fixture->now_ns / 1000000;
    g_autofree char *path = g_strdup_printf("/api/v1/flamegraph?profile_type=" PROFILE_CPU_TYPE
                                            "&selector=%%7B%%7D&from=%" G_GINT64_FORMAT
                                            "&until=%" G_GINT64_FORMAT "&max_nodes=100000",
                                            now_ms - 600000, now_ms + 60000);
    g_auto(HttpClientReply) reply = test_server_call(fixture->server, path, "a", NULL, NULL);
    assert_int_equal(reply.status, 200);
    assert_string_equal(g_hash_table_lookup(reply.headers, "content-type"),
                        "application/vnd.cresset.flamegraph");
    const char *data = g_bytes_get_data(reply.body, NULL);
    uint32_t n_nodes;
    assert_memory_equal(data, "CRFG", 4);
    memcpy(&n_nodes, data + 8, sizeof(n_nodes));
    assert_int_equal(n_nodes, 4);
}

static void
test_tenants_are_apart(void **state)
{
    Fixture *fixture = *state;
    static const ProfileStack other[] = {{"secret", 7}};
    push_to(fixture, "b", "other", other, 1);
    g_autofree char *body =
        query_json(fixture, "\"profileTypeID\":\"%s\",\"labelSelector\":\"{}\"", PROFILE_CPU_TYPE);
    for (const char *const *tenant = (const char *const[]){"a", "b", "c", NULL}; *tenant != NULL;
         tenant++) {
        json_t *answer = ask(fixture, *tenant, "SelectMergeStacktraces", body);
        g_autofree char *text = json_dumps(answer, JSON_COMPACT);
        assert_int_equal(strstr(text, "\"secret\"") != NULL, strcmp(*tenant, "b") == 0);
        assert_int_equal(strstr(text, "\"b\"") != NULL, strcmp(*tenant, "a") == 0);
        json_decref(answer);
    }
    g_autofree char *tenants = NULL;
    test_server_json(fixture->server, "/api/v1/tenants", NULL, NULL, &tenants);
    assert_string_equal(tenants, "{\"tenants\":[\"a\",\"b\"]}");
}

static void
expect_total(Fixture *fixture, const char *tenant, const char *type, const char *total)
{
    g_autofree char *body =
        query_json(fixture, "\"profileTypeID\":\"%s\",\"labelSelector\":\"{}\"", type);
    json_t *answer = ask(fixture, tenant, "SelectMergeStacktraces", body);
    json_t *value = json_object_get(json_object_get(answer, "flamegraph"), "total");
    assert_string_equal(json_string_value(value), total);
    json_decref(answer);
}

static void
test_push_as_json_and_compressed(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GBytes) profile = profile_of(checkout_stacks, 3, fixture->now_ns - SECOND);
    g_autoptr(GBytes) gzip = encoding_encode(ENCODING_GZIP, profile);
    GBytes *raw = gzip != NULL ? gzip : profile;
    g_autofree char *base64 = g_base64_encode(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw));
    g_autofree char *text = g_strdup_printf(
        "{\"series\":[{\"labels\":[{\"name\":\"__name__\",\"value\":\"process_cpu\"},"
        "{\"name\":\"service_name\",\"value\":\"j\"}],\"samples\":[{\"rawProfile\":\"%s\","
        "\"ID\":\"9b2e8c1e-0000-4000-8000-000000000001\"}]}]}",
        base64);
    g_autofree char *answer = NULL;
    assert_int_equal(test_server_json(fixture->server, PUSH, "json", text, &answer), 200);
    assert_string_equal(answer, "{}");
    expect_total(fixture, "json", PROFILE_CPU_TYPE, "6");
}

static GBytes *
zstd_of(GBytes *plain)
{
    size_t size, bound = ZSTD_compressBound(g_bytes_get_size(plain));
    const void *data = g_bytes_get_data(plain, &size);
    void *packed = g_malloc(bound);
    return g_bytes_new_take(packed, ZSTD_compress(packed, bound, data, size, 1));
}

static void
test_push_with_content_encoding(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GBytes) profile = profile_of(checkout_stacks, 3, fixture->now_ns - SECOND);
    const ProfileSeries series = {.service = "packed", .profile = profile};
    g_autoptr(GBytes) plain = push_request_of(&series, 1);
    g_autoptr(GBytes) gzip = encoding_encode(ENCODING_GZIP, plain);
    g_autoptr(GBytes) zstd = zstd_of(plain);
    const struct {
        const char *encoding;
        GBytes *body;
        const char *total;
    } cases[] = {{"Content-Encoding: gzip", gzip, "6"}, {"Content-Encoding: zstd", zstd, "12"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const headers[] = {"Content-Type: application/proto", "X-Scope-OrgID: packed",
                                       cases[i].encoding, NULL};
        g_auto(HttpClientReply) reply = call_with(fixture->server, PUSH, headers, cases[i].body);
        assert_int_equal(reply.status, 200);
        expect_total(fixture, "packed", PROFILE_CPU_TYPE, cases[i].total);
    }
}

static void
test_utf8_label_names_for_clients_that_cope(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *text = query_json(fixture, "\"matchers\":[\"{}\"]");
    g_autoptr(GBytes) body = g_bytes_new(text, strlen(text));
    static const char *const headers[] = {"Content-Type: application/json", "X-Scope-OrgID: a",
                                          "Accept: */*; allow-utf8-labelnames=true", NULL};
    g_auto(HttpClientReply) reply = call_with(fixture->server, QUERIER "LabelNames", headers, body);
    g_autofree char *names =
        g_strndup(g_bytes_get_data(reply.body, NULL), g_bytes_get_size(reply.body));
    assert_contains(names, "\"otel.scope\"");
}

static void
test_ingest_raw_and_multipart(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GBytes) profile = profile_of(checkout_stacks, 3, fixture->now_ns - SECOND);
    g_auto(HttpClientReply) raw = test_server_call(
        fixture->server, "/ingest?name=app%7Bpod%3Dx%7D&format=pprof&spyName=pyspy", "raw",
        "application/octet-stream", profile);
    assert_int_equal(raw.status, 200);
    assert_int_equal(g_bytes_get_size(raw.body), 0);
    expect_total(fixture, "raw", PROFILE_CPU_TYPE, "6");

    static const char head[] = "--XX\r\nContent-Disposition: form-data; name=\"profile\"; "
                               "filename=\"profile.pprof\"\r\n\r\n",
                      tail[] = "\r\n--XX\r\nContent-Disposition: form-data; "
                               "name=\"sample_type_config\"; filename=\"c.json\"\r\n\r\n"
                               "{\"cpu\":{\"units\":\"samples\",\"display-name\":\"mutex_time\"}}"
                               "\r\n--XX--\r\n";
    GByteArray *form = g_byte_array_new();
    g_byte_array_append(form, (const uint8_t *)head, sizeof(head) - 1);
    g_byte_array_append(form, g_bytes_get_data(profile, NULL), (guint)g_bytes_get_size(profile));
    g_byte_array_append(form, (const uint8_t *)tail, sizeof(tail) - 1);
    g_autoptr(GBytes) body = g_byte_array_free_to_bytes(form);
    g_auto(HttpClientReply) multipart =
        test_server_call(fixture->server, "/pyroscope/ingest?name=app", "multi",
                         "multipart/form-data; boundary=XX", body);
    assert_int_equal(multipart.status, 200);
    expect_total(fixture, "multi", "mutex:cpu:nanoseconds:cpu:nanoseconds", "6");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_label_names),
        cmocka_unit_test(test_select_series),
        cmocka_unit_test(test_flame_graph_json),
        cmocka_unit_test(test_call_site_filters),
        cmocka_unit_test(test_flame_graph_binary_tree_and_pprof),
        cmocka_unit_test(test_profile_in_both_codecs),
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_tenants_are_apart),
        cmocka_unit_test(test_push_as_json_and_compressed),
        cmocka_unit_test(test_ingest_raw_and_multipart),
        cmocka_unit_test(test_push_with_content_encoding),
        cmocka_unit_test(test_utf8_label_names_for_clients_that_cope),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
