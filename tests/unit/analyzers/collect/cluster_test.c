/* Clusters that cannot be read, or not wholly, by a server that plays a script. */
#include "analyzers/collect/cluster.h"

#include <string.h>

#include "analyzers/checks/check.h"
#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

#define OK(json) "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" json
#define STATUS(code, reason)                                                                       \
    "HTTP/1.1 " code " X\r\nContent-Type: application/json\r\n\r\n{\"kind\":\"Status\","           \
    "\"message\":\"not you\",\"reason\":\"" reason "\",\"code\":" code "}"

static K8sClient *
client_of(const ScriptedServer *server)
{
    g_autofree char *url = scripted_server_url(server, "");
    const K8sConfigOptions how = {.server = url};
    return k8s_client_new(k8s_config_load(&how, NULL), "test");
}

static void
test_what_does_not_fit_fails_its_list(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = OK("{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}")},
        {.reply = OK("{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"configmaps\"}]}")},
        {.reply = OK("{\"kind\":\"APIGroupList\",\"groups\":[]}")},
        {.reply = OK("{\"kind\":\"ConfigMapList\",\"metadata\":{},\"items\":[{\"metadata\":"
                     "{\"namespace\":\"shop\",\"name\":\"settings\"}}]}")},
        {.reply = "HTTP/1.1 200 OK\r\n\r\nok"},
    };
    for (int full = 0; full < 2; full++) {
        g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
        g_autoptr(K8sClient) client = client_of(server);
        g_autoptr(Snapshot) snapshot = snapshot_new();
        g_autoptr(GError) error = NULL;
        for (size_t size = (size_t)16 * 1024 * 1024; full && size >= 16; size /= 2) {
            while (arena_alloc(snapshot_arena(snapshot), size) != NULL)
                continue;
        }
        bool is_read = cluster_read(snapshot, client, &(ClusterOptions){0}, &error);
        assert_no_error(error);
        assert_true(is_read);
        assert_int_equal(snapshot_list_state(snapshot, KIND_CONFIG_MAP),
                         full ? LIST_FAILED : LIST_READ);
        assert_int_equal(snapshot_presence(snapshot, KIND_CONFIG_MAP, "shop", "settings"),
                         full ? PRESENCE_UNKNOWN : PRESENCE_THERE);
        if (full)
            assert_contains(snapshot_list_problem(snapshot, KIND_CONFIG_MAP),
                            "configmaps could not be listed to the end: the objects take more "
                            "memory than is allowed: more than 1073741824 bytes");
    }
}

static Snapshot *
read_by(const ScriptStep *steps, size_t n, const ClusterOptions *options)
{
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, n);
    g_autoptr(K8sClient) client = client_of(server);
    Snapshot *snapshot = snapshot_new();
    g_autoptr(GError) error = NULL;
    bool is_read = cluster_read(snapshot, client, options, &error);
    assert_no_error(error);
    assert_true(is_read);
    return snapshot;
}

static void
test_what_the_server_says_of_itself(void **state)
{
    (void)state;
    ScriptStep steps[] = {
        {.reply = OK("{\"kind\":\"APIVersions\",\"versions\":[]}")},
        {.reply = OK("{\"kind\":\"APIGroupList\",\"groups\":[]}")},
        {.reply = "HTTP/1.1 200 OK\r\n\r\n[+]ping ok\n"},
    };
    g_autoptr(Snapshot) snapshot = read_by(steps, G_N_ELEMENTS(steps), &(ClusterOptions){0});
    assert_string_equal(snapshot_fact(snapshot, FACT_READYZ), "[+]ping ok\n");
    assert_null(snapshot_fact_problem(snapshot, FACT_READYZ));
    assert_null(snapshot_fact(snapshot, FACT_CERTIFICATE));
    assert_contains(snapshot_fact_problem(snapshot, FACT_CERTIFICATE), "without TLS");
    steps[2].reply = STATUS("403", "Forbidden");
    g_autoptr(Snapshot) other = read_by(steps, G_N_ELEMENTS(steps), &(ClusterOptions){0});
    assert_null(snapshot_fact(other, FACT_READYZ));
    assert_contains(snapshot_fact_problem(other, FACT_READYZ), "403 not you");
}

#define SECRETS(more)                                                                              \
    OK("{\"kind\":\"SecretList\",\"metadata\":{},\"items\":[{\"metadata\":{\"namespace\":"         \
       "\"shop\","                                                                                 \
       "\"name\":\"tls\",\"uid\":\"1\"}" more "}]}")

static void
test_secrets_are_read_as_they_are_asked_for(void **state)
{
    (void)state;
    ScriptStep steps[] = {
        {.reply = OK("{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}")},
        {.reply = OK("{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"secrets\"}]}")},
        {.reply = OK("{\"kind\":\"APIGroupList\",\"groups\":[]}")},
        {.reply = SECRETS(",\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.crt\":\"Cg==\"}")},
        {.reply = "HTTP/1.1 200 OK\r\n\r\nok"},
    };
    g_autoptr(Snapshot) snapshot =
        read_by(steps, G_N_ELEMENTS(steps), &(ClusterOptions){.with_tls_secrets = true});
    assert_int_equal(snapshot_objects(snapshot, KIND_TLS_SECRET)->len, 1);
    assert_int_equal(snapshot_objects(snapshot, KIND_SECRET)->len, 0);
    assert_contains(snapshot_list_problem(snapshot, KIND_SECRET), "without --secrets");
    steps[3].reply = SECRETS("");
    g_autoptr(Snapshot) names =
        read_by(steps, G_N_ELEMENTS(steps), &(ClusterOptions){.with_secrets = true});
    assert_int_equal(snapshot_objects(names, KIND_SECRET)->len, 1);
    assert_contains(snapshot_list_problem(names, KIND_TLS_SECRET), "without --tls-secrets");
}

#define BUCKETS(kind)                                                                              \
    OK("{\"kind\":\"" kind "List\",\"metadata\":{},\"items\":[{\"apiVersion\":\"s3.x.io/v1\","     \
       "\"kind\":\"" kind "\",\"metadata\":{\"name\":\"logs\"}}]}")

static void
test_managed_resources_are_listed_by_group(void **state)
{
    (void)state;
    ScriptStep steps[] = {
        {.reply = OK("{\"kind\":\"APIVersions\",\"versions\":[]}")},
        {.reply = OK("{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"s3.x.io\",\"versions\":"
                     "[{\"version\":\"v1\"}]}]}")},
        {.reply = OK("{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"buckets\","
                     "\"categories\":[\"crossplane\",\"managed\"]},{\"name\":\"rules\","
                     "\"categories\":[\"managed\"]},{\"name\":\"others\"}]}")},
        {.reply = BUCKETS("Bucket")},
        {.reply = BUCKETS("Rule")},
        {.reply = "HTTP/1.1 200 OK\r\n\r\nok"},
    };
    g_autoptr(Snapshot) all =
        read_by(steps, G_N_ELEMENTS(steps), &(ClusterOptions){.managed_groups = "*"});
    assert_int_equal(snapshot_list_state(all, KIND_MANAGED), LIST_READ);
    assert_non_null(snapshot_get(all, KIND_MANAGED, "", "bucket.s3.x.io/logs"));
    assert_non_null(snapshot_get(all, KIND_MANAGED, "", "rule.s3.x.io/logs"));
    steps[3].reply = STATUS("403", "Forbidden");
    g_autoptr(Snapshot) partly =
        read_by(steps, G_N_ELEMENTS(steps), &(ClusterOptions){.managed_groups = "a.io, s3.x.io"});
    assert_contains(snapshot_list_problem(partly, KIND_MANAGED),
                    "buckets could not be listed: 403");
    assert_int_equal(snapshot_objects(partly, KIND_MANAGED)->len, 1);
    ScriptStep nothing[] = {steps[0], steps[1], steps[2], steps[5]};
    g_autoptr(Snapshot) none = read_by(nothing, G_N_ELEMENTS(nothing), &(ClusterOptions){0});
    assert_contains(snapshot_list_problem(none, KIND_MANAGED), "without --managed-groups");
}

static void
test_errors_say_what_the_server_did(void **state)
{
    (void)state;
    static const struct {
        ScriptStep step;
        int code;
        const char *part;
    } rows[] = {
        {{.reply = STATUS("401", "Unauthorized")}, CRESSET_ERROR_UNAUTHENTICATED, ": 401 not you"},
        {{.reply = STATUS("403", "Forbidden")}, CRESSET_ERROR_PERMISSION_DENIED, ": 403 not you"},
        {{.reply = "HTTP/1.1 404 X\r\n\r\nno such page"}, CRESSET_ERROR_NOT_FOUND, ": 404 no such"},
        {{.reply = STATUS("400", "BadRequest")}, CRESSET_ERROR_UNAVAILABLE, ": 400 not you"},
        {{.reply = "HTTP/1.1 200 OK\r\n\r\n<html>"}, CRESSET_ERROR_UNAVAILABLE, "): not JSON"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ScriptedServer) server = scripted_server_new(&rows[i].step, 1);
        g_autofree char *url = scripted_server_url(server, "");
        g_autoptr(K8sClient) client = client_of(server);
        g_autoptr(Snapshot) snapshot = snapshot_new();
        g_autoptr(GError) error = NULL;
        assert_false(cluster_read(snapshot, client, &(ClusterOptions){0}, &error));
        assert_error_says(error, rows[i].part);
        assert_contains(error->message, url);
        assert_int_equal(error->code, rows[i].code);
    }
}

/* Pods that have not been ready for long. */
#define UNREADY(name)                                                                              \
    "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"" name "\",\"uid\":\"" name                  \
    "\"},\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"app\"}]},\"status\":{"          \
    "\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\","              \
    "\"lastTransitionTime\":\"2026-01-01T09:00:00Z\"}],\"containerStatuses\":[{\"name\":"          \
    "\"app\",\"ready\":false,\"state\":{\"running\":{\"startedAt\":\"2026-01-01T09:00:00Z\"}}}]}"  \
    "}"

static guint
count_unverified(const Findings *findings, const char *check, const char *reason)
{
    guint n = 0;
    for (guint i = 0; i < findings->unverified->len; i++) {
        const Unverified *unverified = findings->unverified->pdata[i];
        n += strcmp(unverified->check->id, check) == 0 && strcmp(unverified->reason, reason) == 0;
    }
    return n;
}

static void
test_logs_that_hang_take_their_time_once(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = OK("{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}")},
        {.reply = OK("{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"pods\"}]}")},
        {.reply = OK("{\"kind\":\"APIGroupList\",\"groups\":[]}")},
        {.reply = OK("{\"kind\":\"PodList\",\"metadata\":{},\"items\":[" UNREADY("a") "," UNREADY(
             "b") "," UNREADY("c") "]}")},
        {.reply = "HTTP/1.1 200 OK\r\n\r\nok"},
        {.end = SCRIPT_STALL},
    };
    static const char why[] = "the API server takes too long to read logs";
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autoptr(K8sClient) client = client_of(server);
    g_autoptr(Snapshot) snapshot = snapshot_new();
    assert_true(cluster_read(snapshot, client, &(ClusterOptions){.logs_time_ms = 200}, NULL));
    assert_null(snapshot_logs_problem(snapshot));
    const CheckOptions options = {.now_s = time_parse("2026-01-01T12:00:00Z")};
    g_autoptr(Findings) findings = check_all(snapshot, &options);
    assert_int_equal(scripted_server_requests(server), G_N_ELEMENTS(steps));
    assert_int_equal(g_strcmp0(snapshot_logs_problem(snapshot), why), 0);
    assert_int_equal(count_unverified(findings, "log-signature", why), 1);
    assert_int_equal(count_unverified(findings, "rbac-forbidden-in-logs", why), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_does_not_fit_fails_its_list),
        cmocka_unit_test(test_what_the_server_says_of_itself),
        cmocka_unit_test(test_secrets_are_read_as_they_are_asked_for),
        cmocka_unit_test(test_managed_resources_are_listed_by_group),
        cmocka_unit_test(test_errors_say_what_the_server_did),
        cmocka_unit_test(test_logs_that_hang_take_their_time_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
