#include "analyzers/telemetry/telemetry.h"

#include <string.h>
#include <unistd.h>

#include "analyzers/telemetry/matchers.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"

#define OK_JSON(body)                                                                              \
    {                                                                                              \
        .reply =                                                                                   \
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body  \
    }
#define VECTOR                                                                                     \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{"        \
    "\"node\":\"n1\"},\"value\":[1,\"2\"]}]}}"

enum { NOW_S = 1767268800 };

static const TelemetryQuery load = {"node-load", SOURCE_METRICS, "node_load1",
                                    "node_load1{node!=\"\",$S} > 1"};
static const TelemetryQuery lines = {"log-lines", SOURCE_LOGS, NULL,
                                     "sum by (node) (count_over_time({$N=~\".+\",$S}[30m]))"};
static const TelemetryQuery nodes = {"profile-nodes", SOURCE_PROFILES, NULL, "node 24h 30m"};

/* Asks one question of a back end that plays a script; the requests that it got, to be freed. */
static GPtrArray *
ask_script_with(Telemetry *telemetry, const TelemetryQuery *query, const char *matchers,
                const ScriptStep *steps, size_t n)
{
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, n);
    g_autofree char *url = scripted_server_url(server, "");
    const TelemetryConfig config = {.name = telemetry_source_name(query->source), .url = url};
    g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
    TelemetryAsk ask = {.matchers = matchers, .now_s = NOW_S};
    ask.apis[query->source] = api;
    telemetry_ask(telemetry, &ask, &query, 1);
    GPtrArray *requests = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < scripted_server_requests(server); i++) {
        g_autofree char *request = scripted_server_request(server, i);
        g_ptr_array_add(requests, g_uri_unescape_string(request, NULL));
    }
    return requests;
}

static GPtrArray *
ask_script(Telemetry *telemetry, const TelemetryQuery *query, const ScriptStep *steps, size_t n)
{
    return ask_script_with(telemetry, query, "cluster=\"prod\"", steps, n);
}

/* LogQL takes no comma before a brace. */
static void
test_no_matchers_leave_no_comma(void **state)
{
    (void)state;
    static const TelemetryQuery canary = {"canary", SOURCE_LOGS, NULL,
                                          "sum(count_over_time({namespace=~\".+\",$S}[5m]))"};
    static const ScriptStep steps[] = {OK_JSON("{\"status\":\"success\",\"data\":[]}"),
                                       OK_JSON(VECTOR)};
    g_autoptr(Telemetry) telemetry = telemetry_new();
    g_autoptr(GPtrArray) requests = ask_script_with(telemetry, &canary, "", steps, 2);
    assert_contains(requests->pdata[1], "count_over_time({namespace=~\".+\"}[5m])");
}

static void
test_metrics_are_asked_when_the_family_is_there(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        OK_JSON("{\"status\":\"success\",\"data\":[\"node_load1\"]}"), OK_JSON(VECTOR)};
    g_autoptr(Telemetry) telemetry = telemetry_new();
    assert_int_equal(telemetry_state(telemetry, &load), ANSWER_NOT_ASKED);
    g_autoptr(GPtrArray) requests = ask_script(telemetry, &load, steps, 2);
    assert_int_equal(requests->len, 2);
    assert_contains(requests->pdata[0], "match[]={__name__=~\"node_load1\",cluster=\"prod\"}");
    assert_contains(requests->pdata[1], "time=1767268770.0");
    assert_contains(requests->pdata[1], "query=node_load1{node!=\"\",cluster=\"prod\"} > 1");
    assert_int_equal(telemetry_state(telemetry, &load), ANSWER_GIVEN);
    const Answer *answer = telemetry_answer(telemetry, &load);
    assert_int_equal(answer->n, 1);
    assert_string_equal(series_label(answer->series, "node"), "n1");
    assert_true(telemetry_backend(telemetry, SOURCE_METRICS).is_configured);
    assert_false(telemetry_backend(telemetry, SOURCE_LOGS).is_configured);
}

/* Several questions about the same families ask for them once. */
static void
test_families_are_asked_for_once(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {OK_JSON("{\"status\":\"success\",\"data\":[]}")};
    static const TelemetryQuery again = {"node-load-too", SOURCE_METRICS, "up node_load1 up", "up"};
    const TelemetryQuery *queries[] = {&load, &again};
    g_autoptr(Telemetry) telemetry = telemetry_new();
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "");
    const TelemetryConfig config = {.name = "metrics", .url = url};
    g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
    const TelemetryAsk ask = {.apis = {[SOURCE_METRICS] = api}, .now_s = NOW_S};
    telemetry_ask(telemetry, &ask, queries, 2);
    g_autofree char *request = scripted_server_request(server, 0);
    g_autofree char *text = g_uri_unescape_string(request, NULL);
    assert_contains(text, "match[]={__name__=~\"node_load1|up\"}");
    assert_int_equal(scripted_server_requests(server), 1);
}

static void
test_a_missing_family_is_said(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {OK_JSON("{\"status\":\"success\",\"data\":[\"up\"]}")};
    g_autoptr(Telemetry) telemetry = telemetry_new();
    g_autoptr(GPtrArray) requests = ask_script(telemetry, &load, steps, 1);
    assert_int_equal(requests->len, 1);
    assert_int_equal(telemetry_state(telemetry, &load), ANSWER_ABSENT);
    assert_contains(telemetry_problem(telemetry, &load), "node_load1");
    assert_int_equal(telemetry_answer(telemetry, &load)->n, 0);
}

static void
test_failures_are_said(void **state)
{
    (void)state;
    static const ScriptStep denied[] = {
        {.reply = "HTTP/1.1 401 No\r\nConnection: close\r\n\r\nno org id"}};
    static const ScriptStep garbled[] = {OK_JSON("{\"status\":\"success\",\"data\":[\"x\"]}"),
                                         OK_JSON("{\"status\":\"success\",\"data\":{")};
    g_autoptr(Telemetry) telemetry = telemetry_new();
    g_autoptr(GPtrArray) requests = ask_script(telemetry, &lines, denied, 1);
    assert_int_equal(telemetry_state(telemetry, &lines), ANSWER_FAILED);
    assert_contains(telemetry_problem(telemetry, &lines), "no org id");
    assert_int_equal(telemetry_backend(telemetry, SOURCE_LOGS).result, TELEMETRY_DENIED);
    g_autoptr(GPtrArray) others = ask_script(telemetry, &lines, &garbled[1], 1);
    assert_int_equal(telemetry_state(telemetry, &lines), ANSWER_FAILED);
}

static void
test_logs_and_profiles(void **state)
{
    (void)state;
    static const ScriptStep vector[] = {
        OK_JSON("{\"status\":\"success\",\"data\":[\"cluster\",\"namespace\"]}"), OK_JSON(VECTOR)};
    static const ScriptStep names[] = {OK_JSON("{\"names\":[\"n1\",\"n2\"]}")};
    g_autoptr(Telemetry) telemetry = telemetry_new();
    g_autoptr(GPtrArray) of_logs = ask_script(telemetry, &lines, vector, 2);
    assert_contains(of_logs->pdata[0], "GET /loki/api/v1/labels?");
    assert_contains(of_logs->pdata[1], "GET /loki/api/v1/query?");
    assert_contains(of_logs->pdata[1],
                    "count_over_time({namespace=~\".+\",cluster=\"prod\"}[30m])");
    assert_int_equal(telemetry_answer(telemetry, &lines)->n, 1);
    g_autoptr(GPtrArray) of_profiles = ask_script(telemetry, &nodes, names, 1);
    assert_contains(of_profiles->pdata[0], "POST /querier.v1.QuerierService/LabelValues ");
    assert_contains(of_profiles->pdata[0],
                    "{\"name\":\"node\",\"start\":1767182400000,\"end\":1767267000000}");
    assert_int_equal(telemetry_answer(telemetry, &nodes)->n, 2);
}

/* Streams that are labelled as OpenTelemetry does, and have no label of the cluster. */
static void
test_labels_of_streams_are_asked_for(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        OK_JSON("{\"status\":\"success\",\"data\":[\"k8s_namespace_name\",\"service_name\"]}"),
        OK_JSON(VECTOR)};
    g_autoptr(Telemetry) telemetry = telemetry_new();
    g_autoptr(GPtrArray) requests = ask_script(telemetry, &lines, steps, 2);
    assert_int_equal(requests->len, 2);
    assert_contains(requests->pdata[1], "count_over_time({k8s_namespace_name=~\".+\"}[30m])");
    assert_int_equal(telemetry_state(telemetry, &lines), ANSWER_GIVEN);
}

static void
test_recorded_answers(void **state)
{
    (void)state;
    const TelemetryQuery *queries[] = {&load, &lines};
    g_autoptr(GError) error = NULL;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "node-load.json");
    g_autoptr(Telemetry) telemetry = telemetry_new();
    assert_true(g_file_set_contents(path, VECTOR, -1, NULL));
    assert_true(telemetry_read_folder(telemetry, temp_dir_path(dir), queries, 2, &error));
    assert_int_equal(telemetry_state(telemetry, &load), ANSWER_GIVEN);
    assert_int_equal(telemetry_state(telemetry, &lines), ANSWER_NOT_ASKED);
    assert_true(g_file_set_contents(path, "{", -1, NULL));
    assert_false(telemetry_read_folder(telemetry, temp_dir_path(dir), queries, 2, &error));
    assert_error_says(error, "node-load.json");
    g_clear_error(&error);
    assert_int_equal(truncate(path, TELEMETRY_REPLY_BYTES_MAX + 1), 0); /* takes no room */
    assert_false(telemetry_read_folder(telemetry, temp_dir_path(dir), queries, 2, &error));
    assert_error_says(error, "node-load.json is not a file of at most");
}

static void
test_no_telemetry(void **state)
{
    (void)state;
    assert_int_equal(telemetry_state(NULL, &load), ANSWER_NOT_ASKED);
    assert_null(telemetry_problem(NULL, &load));
    assert_int_equal(telemetry_answer(NULL, &load)->n, 0);
    assert_false(telemetry_backend(NULL, SOURCE_METRICS).is_configured);
}

static void
test_matchers(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {OK_JSON("{\"status\":\"success\",\"data\":[\"other\"]}"),
                                       OK_JSON("{\"status\":\"success\",\"data\":[\"prod\"]}"),
                                       OK_JSON("{\"status\":\"success\",\"data\":[]}")};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, "");
    const TelemetryConfig config = {.name = "metrics", .url = url};
    g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
    char *why;
    g_autofree char *found = telemetry_find_matchers(api, "prod", NOW_S, NULL, &why);
    assert_null(why);
    g_autofree char *none = telemetry_find_matchers(api, "prod", NOW_S, NULL, &why);
    assert_null(why);
    assert_string_equal(found, "k8s_cluster_name=\"prod\"");
    assert_string_equal(none, "");
}

/* A back end that does not say which series are the cluster's may have those of many. */
static void
test_matchers_that_are_not_known(void **state)
{
    (void)state;
    static const ScriptStep scripts[][2] = {
        {{.reply = "HTTP/1.1 422 X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
                   "{\"status\":\"error\",\"error\":\"it is too much\"}"}},
        {OK_JSON("{\"status\":\"success\",\"data\":[\"other\"]}"), OK_JSON("{\"status\":")},
    };
    static const char *const words[] = {"it is too much", "JSON"};
    for (size_t i = 0; i < G_N_ELEMENTS(scripts); i++) {
        g_autoptr(ScriptedServer) server = scripted_server_new(scripts[i], 1 + i);
        g_autofree char *url = scripted_server_url(server, "");
        const TelemetryConfig config = {.name = "metrics", .url = url};
        g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
        g_autofree char *why = NULL;
        assert_null(telemetry_find_matchers(api, "prod", NOW_S, NULL, &why));
        assert_contains(why, words[i]);
    }
}

static void
test_nothing_is_asked_about_an_unknown_cluster(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {OK_JSON("{\"status\":\"success\",\"data\":[]}")};
    static const TelemetryQuery *const queries[] = {&load, &lines};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(server, "");
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++) {
        const TelemetryQuery *query = queries[i];
        const TelemetryConfig config = {.name = telemetry_source_name(query->source), .url = url};
        g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
        g_autoptr(Telemetry) telemetry = telemetry_new();
        TelemetryAsk ask = {.matchers = "", .matchers_problem = "it is busy", .now_s = NOW_S};
        ask.apis[query->source] = api;
        telemetry_ask(telemetry, &ask, &query, 1);
        assert_int_equal(telemetry_state(telemetry, query), ANSWER_FAILED);
        assert_contains(telemetry_problem(telemetry, query),
                        "of this cluster is not known: it is busy");
    }
    for (size_t i = 0; i < scripted_server_requests(server); i++) {
        g_autofree char *request = scripted_server_request(server, i);
        assert_true(g_str_has_prefix(request, "GET /loki/api/v1/labels?"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_are_asked_when_the_family_is_there),
        cmocka_unit_test(test_families_are_asked_for_once),
        cmocka_unit_test(test_no_matchers_leave_no_comma),
        cmocka_unit_test(test_a_missing_family_is_said),
        cmocka_unit_test(test_failures_are_said),
        cmocka_unit_test(test_logs_and_profiles),
        cmocka_unit_test(test_labels_of_streams_are_asked_for),
        cmocka_unit_test(test_recorded_answers),
        cmocka_unit_test(test_no_telemetry),
        cmocka_unit_test(test_matchers),
        cmocka_unit_test(test_matchers_that_are_not_known),
        cmocka_unit_test(test_nothing_is_asked_about_an_unknown_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
