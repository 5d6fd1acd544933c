/* What clients keep on a real server, and what it says of itself. */
#include <jansson.h>
#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"
#include "tests/integration/profiles.h"

#define SETTINGS "/settings.v1.SettingsService/"
#define RULES    "/settings.v1.RecordingRulesService/"

typedef struct {
    TempDir *dir;
    TestServer *server;
} Fixture;

static void
start(Fixture *fixture)
{
    static const char *const options[] = {"--self-profile=false", NULL};
    fixture->server = test_server_start(temp_dir_path(fixture->dir), options);
}

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    start(fixture);
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

static char *
call(const Fixture *fixture, const char *tenant, const char *path, const char *body, int status)
{
    char *text = NULL;
    int got = test_server_json(fixture->server, path, tenant, body, &text);
    if (got != status)
        fail_msg("%s %s: %d %s", path, body, got, text);
    return text;
}

static void
expect(const Fixture *fixture, const char *tenant, const char *path, const char *body, int status,
       const char *part)
{
    g_autofree char *text = call(fixture, tenant, path, body, status);
    assert_contains(text, part);
}

static void
restart(Fixture *fixture)
{
    test_server_stop(fixture->server);
    test_server_free(fixture->server);
    start(fixture);
}

static void
test_settings(void **state)
{
    Fixture *fixture = *state;
    expect(fixture, "a", SETTINGS "Get", "{}", 200, "{}");
    expect(fixture, "a", SETTINGS "Set",
           "{\"setting\":{\"name\":\"pluginSettings\",\"value\":\"{1}\",\"modifiedAt\":\"200\"}}",
           200,
           "{\"setting\":{\"name\":\"pluginSettings\",\"value\":\"{1}\",\"modifiedAt\":\"200\"}}");
    expect(fixture, "a", SETTINGS "Set",
           "{\"setting\":{\"name\":\"pluginSettings\",\"value\":\"x\",\"modifiedAt\":\"199\"}}",
           409, "already_exists");
    expect(fixture, "b", SETTINGS "Get", "{}", 200, "{}");
    restart(fixture);
    expect(
        fixture, "a", SETTINGS "Get", "{}", 200,
        "{\"settings\":[{\"name\":\"pluginSettings\",\"value\":\"{1}\",\"modifiedAt\":\"200\"}]}");
    expect(fixture, "a", SETTINGS "Delete", "{\"name\":\"pluginSettings\"}", 200, "{}");
    expect(fixture, "a", SETTINGS "Get", "{}", 200, "{}");
}

static void
test_bad_settings(void **state)
{
    Fixture *fixture = *state;
    expect(fixture, "a", SETTINGS "Set", "{}", 400, "setting.name is required");
    expect(fixture, "a", SETTINGS "Delete", "{}", 400, "name is required");
    g_autofree char *long_value = g_strnfill(65537, 'x');
    g_autofree char *body =
        g_strdup_printf("{\"setting\":{\"name\":\"n\",\"value\":\"%s\"}}", long_value);
    expect(fixture, "a", SETTINGS "Set", body, 400, "setting.value is longer than 65536 bytes");
    expect(fixture, "a|b", SETTINGS "Get", "{}", 400, "multiple org IDs");
}

#define MATCHERS "\"matchers\":[\"{__profile_type__=\\\"" PROFILE_CPU_TYPE "\\\",env=\\\"x\\\"}\"]"

static void
test_recording_rules(void **state)
{
    Fixture *fixture = *state;
    expect(fixture, "a", RULES "UpsertRecordingRule",
           "{\"id\":\"cpu\",\"metricName\":\"profiles_cpu\"," MATCHERS
           ",\"groupBy\":[\"service_name\"],\"stacktraceFilter\":{\"functionName\":{"
           "\"functionName\":\"main\"}}}",
           200, "\"profileType\":\"" PROFILE_CPU_TYPE "\"");
    g_autofree char *made = call(fixture, "a", RULES "UpsertRecordingRule",
                                 "{\"metricName\":\"other\"," MATCHERS "}", 200);
    json_t *json = json_loads(made, 0, NULL);
    const char *id = json_string_value(json_object_get(json_object_get(json, "rule"), "id"));
    assert_int_equal(strlen(id), 10);
    json_decref(json);
    expect(fixture, "a", RULES "UpsertRecordingRule",
           "{\"id\":\"cpu\",\"metricName\":\"profiles_cpu\",\"generation\":\"1\"," MATCHERS "}",
           200, "\"generation\":\"2\"");
    expect(fixture, "a", RULES "UpsertRecordingRule",
           "{\"id\":\"cpu\",\"metricName\":\"profiles_cpu\",\"generation\":\"1\"," MATCHERS "}",
           400, "failed_precondition");
    restart(fixture);
    expect(fixture, "a", RULES "GetRecordingRule", "{\"id\":\"cpu\"}", 200, "\"generation\":\"2\"");
    expect(fixture, "b", RULES "GetRecordingRule", "{\"id\":\"cpu\"}", 404, "not_found");
    expect(fixture, "b", RULES "ListRecordingRules", "{}", 200, "{}");
    g_autofree char *list = call(fixture, "a", RULES "ListRecordingRules", "{}", 200);
    json = json_loads(list, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "rules")), 2);
    json_decref(json);
    expect(fixture, "a", RULES "DeleteRecordingRule", "{\"id\":\"cpu\"}", 200, "{}");
    expect(fixture, "a", RULES "DeleteRecordingRule", "{\"id\":\"cpu\"}", 404, "not_found");
}

static void
test_bad_recording_rules(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        const char *body, *part;
    } CASES[] = {
        {"{\"metricName\":\"m\",\"matchers\":[\"{a=\\\"b\\\"}\"]}", "exactly one __profile_type__"},
        {"{\"metricName\":\"m\",\"matchers\":[\"{\"]}", "label selector: position"},
        {"{\"metricName\":\"1m\"," MATCHERS "}", "metric_name must be"},
        {"{\"metricName\":\"m\",\"id\":\"a1\"," MATCHERS "}", "id must be letters"},
        {"{\"metricName\":\"m\",\"groupBy\":[\"a.b\"]," MATCHERS "}", "group_by: 'a.b'"},
        {"{\"metricName\":\"m\",\"externalLabels\":[{\"name\":\"\"}]," MATCHERS "}",
         "external_labels: ''"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++)
        expect(fixture, "a", RULES "UpsertRecordingRule", CASES[i].body, 400, CASES[i].part);
    for (unsigned i = 0; i < 25; i++) {
        g_autofree char *body =
            g_strdup_printf("{\"metricName\":\"m\",\"id\":\"x%c\"," MATCHERS "}", 'a' + (int)i);
        expect(fixture, "full", RULES "UpsertRecordingRule", body, 200, "\"rule\"");
    }
    expect(fixture, "full", RULES "UpsertRecordingRule", "{\"metricName\":\"m\"," MATCHERS "}", 429,
           "25 recording rules");
}

#define ADHOC "/adhocprofiles.v1.AdHocProfileService/"

static int64_t
uploaded_at(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    const char *value = json_string_value(json_object_get(json, "uploadedAt"));
    assert_non_null(value);
    int64_t ms = g_ascii_strtoll(value, NULL, 10);
    json_decref(json);
    return ms;
}

/* Uploads a file; its id. What the answer says of it is what is said later. */
static char *
upload(const Fixture *fixture, const char *tenant, const char *name, const char *file)
{
    g_autofree char *base64 = g_base64_encode((const guchar *)file, strlen(file));
    g_autofree char *body = g_strdup_printf("{\"name\":\"%s\",\"profile\":\"%s\"}", name, base64);
    g_autofree char *text = call(fixture, tenant, ADHOC "Upload", body, 200);
    json_t *json = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "profileType")), "samples");
    assert_contains(json_string_value(json_object_get(json, "flamebearerProfile")),
                    "{\"version\":1,\"flamebearer\":{\"names\":[\"total\",");
    char *id = g_strdup(json_string_value(json_object_get(json, "id")));
    json_decref(json);
    g_autofree char *get = g_strdup_printf("{\"id\":\"%s\"}", id);
    g_autofree char *again = call(fixture, tenant, ADHOC "Get", get, 200);
    assert_int_equal(uploaded_at(again), uploaded_at(text));
    return id;
}

static void
test_ad_hoc_profiles(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *left = upload(fixture, "a", "my file/1.txt", "a;b 3\na 1\nc 2\n");
    g_autofree char *right = upload(fixture, "a", "two", "a;b 1\n");
    assert_string_equal(left + 26, "-my_file_1.txt");
    restart(fixture);
    g_autofree char *get = g_strdup_printf("{\"id\":\"%s\"}", left);
    expect(fixture, "a", ADHOC "Get", get, 200, "\\\"numTicks\\\":6");
    expect(fixture, "b", ADHOC "Get", get, 404, "not_found");
    expect(fixture, "b", ADHOC "List", "{}", 200, "{}");
    expect(fixture, "a", ADHOC "List", "{}", 200, "\"name\":\"my_file_1.txt\"");
    g_autofree char *diff = g_strdup_printf("{\"leftId\":\"%s\",\"rightId\":\"%s\"}", left, right);
    expect(fixture, "a", ADHOC "Diff", diff, 200,
           "[[0,6,0,0,1,0,0],[0,4,1,0,1,0,1,0,2,2,0,0,0,3],[1,3,3,0,1,1,2]]");
    g_autofree char *typed = g_strdup_printf("{\"id\":\"%s\",\"profileType\":\"cpu\"}", left);
    expect(fixture, "a", ADHOC "Get", typed, 400, "has no values of type 'cpu'");
}

static void
test_bad_ad_hoc_profiles(void **state)
{
    Fixture *fixture = *state;
    expect(fixture, "a", ADHOC "Upload", "{}", 400, "name is required");
    expect(fixture, "a", ADHOC "Upload", "{\"name\":\"x\"}", 400, "the file is empty");
    expect(fixture, "a", ADHOC "Upload", "{\"name\":\"x\",\"profile\":\"bm8gc3RhY2tz\"}", 400,
           "line 1: expected frames");
    expect(fixture, "a", ADHOC "Upload", "{\"name\":\"x\",\"profile\":\"YTs=%%%\"}", 400,
           "must be the file as a base64 string");
    g_autofree char *large = g_malloc(6000001);
    memset(large, 'A', 6000000);
    large[6000000] = '\0';
    g_autofree char *body = g_strdup_printf("{\"name\":\"x\",\"profile\":\"%s\"}", large);
    expect(fixture, "a", ADHOC "Upload", body, 400, "max_profile_size_bytes");
}

/* The oldest go when there are too many. */
static void
test_old_ad_hoc_profiles_go(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *first = upload(fixture, "many", "f", "a 1");
    for (unsigned i = 0; i < 100; i++)
        g_free(upload(fixture, "many", "f", "a 1"));
    g_autofree char *list = call(fixture, "many", ADHOC "List", "{}", 200);
    json_t *json = json_loads(list, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "profiles")), 100);
    json_decref(json);
    assert_lacks(list, first);
}

/* What clients keep is there again after the metastore was found damaged. */
static void
test_a_damaged_metastore(void **state)
{
    Fixture *fixture = *state;
    expect(fixture, "d", SETTINGS "Set",
           "{\"setting\":{\"name\":\"kept\",\"value\":\"v\",\"modifiedAt\":\"7\"}}", 200, "kept");
    expect(fixture, "d", RULES "UpsertRecordingRule",
           "{\"id\":\"kept\",\"metricName\":\"profiles_cpu\"," MATCHERS "}", 200, "\"rule\"");
    g_autofree char *file = upload(fixture, "d", "kept.txt", "a;b 3\n");
    g_autofree char *get = g_strdup_printf("{\"id\":\"%s\"}", file);
    test_server_stop(fixture->server);
    test_server_free(fixture->server);
    g_autofree char *path = temp_dir_file(fixture->dir, "meta.sqlite");
    assert_true(g_file_set_contents(path, "no database at all", -1, NULL));
    start(fixture);
    expect(fixture, "d", SETTINGS "Get", "{}", 200,
           "{\"settings\":[{\"name\":\"kept\",\"value\":\"v\",\"modifiedAt\":\"7\"}]}");
    expect(fixture, "d", RULES "ListRecordingRules", "{}", 200, "\"id\":\"kept\"");
    expect(fixture, "d", ADHOC "Get", get, 200, "\\\"numTicks\\\":3");
    expect(fixture, "e", SETTINGS "Get", "{}", 200, "{}");
}

static void
test_what_the_server_is(void **state)
{
    Fixture *fixture = *state;
    expect(fixture, NULL, "/version.v1.Version/Version", "{}", 200, "{\"QuerierAPI\":\"1\"}");
    expect(fixture, NULL, "/capabilities.v1.FeatureFlagsService/GetFeatureFlags", "{}", 200,
           "{\"name\":\"utf8LabelNames\",\"enabled\":true");
    expect(fixture, NULL, "/capabilities.v1.FeatureFlagsService/GetFeatureFlags", "{}", 200,
           "{\"name\":\"pyroscopeRulerFunctions\",\"enabled\":true");
    expect(fixture, NULL, "/vcs.v1.VCSService/GithubApp", "{}", 501, "unimplemented");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_recording_rules),
        cmocka_unit_test(test_bad_recording_rules),
        cmocka_unit_test(test_ad_hoc_profiles),
        cmocka_unit_test(test_bad_ad_hoc_profiles),
        cmocka_unit_test(test_old_ad_hoc_profiles_go),
        cmocka_unit_test(test_a_damaged_metastore),
        cmocka_unit_test(test_what_the_server_is),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
