#include "analyzers/notify/notify_config.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/temp_dir.h"

#define RECEIVERS                                                                                  \
    "receivers:\n"                                                                                 \
    "  - {name: ops, url: 'https://hooks.slack.com/services/x', severity: low}\n"                  \
    "  - {name: pay, url: 'https://chat.example/x', severity: info}\n"                             \
    "  - {name: page, url: 'https://page.example/x', form: generic, severity: critical}\n"         \
    "default: ops\n"

static TempDir *dir;
static char *path;

static NotifyConfig *
load(const char *text, GError **error)
{
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return notify_config_load(path, "prod-eu", error);
}

static NotifyConfig *
load_right(const char *text)
{
    g_autoptr(GError) error = NULL;
    NotifyConfig *config = load(text, &error);
    if (config == NULL)
        fail_msg("%s", error->message);
    return config;
}

/* Who hears of it: "ops pay". */
static char *
hearers(const NotifyConfig *config, const Incident *incident)
{
    const Routing routing = notify_config_routing(config);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    routing.find(routing.data, incident, names);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static void
expect_hearers(const char *routes, const Incident *incident, const char *wanted)
{
    g_autofree char *text = g_strconcat(RECEIVERS, routes, NULL);
    g_autoptr(NotifyConfig) config = load_right(text);
    g_autofree char *got = hearers(config, incident);
    if (strcmp(got, wanted) != 0)
        fail_msg("%s: %s, not %s", routes, got, wanted);
}

static void
test_routes_match_all_that_they_name(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\nkind: Namespace\n"
        "metadata: {name: shop, labels: {team: payments}, annotations: {a.b/c: x}}\n"
        "---\napiVersion: v1\nkind: ConfigMap\n"
        "metadata: {namespace: shop, name: web, labels: {tier: front}}\n");
    const Snapshot *snapshot = test_cluster_snapshot(cluster);
    const Incident incident = {.check = "missing-configmap-ref",
                               .kind = "ConfigMap",
                               .ns = "shop",
                               .name = "web",
                               .severity = SEVERITY_HIGH,
                               .snapshot = snapshot,
                               .object = snapshot_get(snapshot, KIND_CONFIG_MAP, "shop", "web")};
    static const struct {
        const char *routes, *wanted;
    } cases[] = {
        {"", "ops"},
        {"routes: [{receiver: pay}]", "pay"},
        {"routes: [{receiver: pay, namespaces: [dev, sh?p]}]", "pay"},
        {"routes: [{receiver: pay, namespaces: dev-*}]", "ops"},
        {"routes: [{receiver: pay, checks: missing-*, clusters: prod-*}]", "pay"},
        {"routes: [{receiver: pay, checks: missing-*, clusters: test-*}]", "ops"},
        {"routes: [{receiver: pay, severity: high}]", "pay"},
        {"routes: [{receiver: pay, severity: critical}]", "ops"},
        {"routes: [{receiver: pay, labels: {team: pay*}}]", "pay"}, /* of the namespace */
        {"routes: [{receiver: pay, labels: {tier: front, team: '*'}}]", "pay"}, /* of both */
        {"routes: [{receiver: pay, labels: {tier: back}}]", "ops"},
        {"routes: [{receiver: pay, annotations: {a.b/c: x}}]", "pay"},
        {"routes: [{receiver: pay, annotations: {team: payments}}]", "ops"},
        {"routes: [{receiver: pay, continue: true}, {receiver: ops}]", "pay ops"},
        {"routes: [{receiver: pay}, {receiver: ops}]", "pay"},
        {"routes: [{receiver: pay, continue: true}, {receiver: pay}]", "pay"},
        {"routes: [{receiver: page}]", ""}, /* it is too mild for who would get it */
        {"namespaces: {include: [shop]}", "ops"},
        {"namespaces: {include: [dev-*]}", ""},
        {"namespaces: {exclude: [dev-*]}", "ops"},
        {"namespaces: {include: ['*'], exclude: [sh*]}", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        expect_hearers(cases[i].routes, &incident, cases[i].wanted);
}

static void
test_what_has_no_namespace_is_never_left_out(void **state)
{
    (void)state;
    const Incident node = {.check = "node-not-ready",
                           .kind = "Node",
                           .ns = "",
                           .name = "n1",
                           .severity = SEVERITY_CRITICAL};
    expect_hearers("namespaces: {include: [dev-*], exclude: ['*']}", &node, "ops");
    expect_hearers("routes: [{receiver: pay, labels: {team: x}}]", &node, "ops");
}

static int64_t
due_of(const NotifyConfig *config, const char *ns, Severity severity, const char *receiver)
{
    const Incident incident = {
        .check = "c", .kind = "Pod", .ns = ns, .name = "web", .severity = severity};
    const Routing routing = notify_config_routing(config);
    return routing.due(routing.data, &incident, receiver, TEST_NOW_S) - TEST_NOW_S;
}

static void
test_quiet_hours_hold_what_is_not_urgent(void **state)
{
    (void)state;
    g_autoptr(NotifyConfig) config = load_right(
        RECEIVERS "quiet_hours: [{from: \"11:00\", to: \"13:00\"}]\n"
                  "routes:\n"
                  "  - {receiver: pay, namespaces: late, quiet_hours: [{from: \"12:00\", to: "
                  "\"14:00\"}]}\n"
                  "  - {receiver: pay, namespaces: never, quiet_hours: []}\n"
                  "  - {receiver: pay, namespaces: as-all}\n");
    assert_int_equal(due_of(config, "late", SEVERITY_MEDIUM, "pay"), 2 * 3600);
    assert_int_equal(due_of(config, "late", SEVERITY_HIGH, "pay"), 0);
    assert_int_equal(due_of(config, "late", SEVERITY_CRITICAL, "pay"), 0);
    assert_int_equal(due_of(config, "never", SEVERITY_MEDIUM, "pay"), 0);
    assert_int_equal(due_of(config, "as-all", SEVERITY_MEDIUM, "pay"), 3600);
    assert_int_equal(due_of(config, "any", SEVERITY_LOW, "ops"), 3600);
}

static void
test_secrets_come_from_files(void **state)
{
    (void)state;
    g_autofree char *secret = temp_dir_file(dir, "secret");
    assert_true(
        g_file_set_contents(secret, " https://hooks.slack.com/services/hidden \n", -1, NULL));
    g_autofree char *text = g_strdup_printf(
        "receivers:\n  - {name: ops, url_file: %s, token_file: %s, headers: {X-Team: a b},"
        " header_files: {X-Key: %s}}\n"
        "heartbeat_url_file: %s\n",
        secret, secret, secret, secret);
    g_autoptr(NotifyConfig) config = load_right(text);
    const Receiver *receiver = notify_config_find(config, "ops");
    assert_string_equal(receiver->url, "https://hooks.slack.com/services/hidden");
    assert_int_equal(receiver->form, MESSAGE_SLACK);
    assert_int_equal(receiver->severity_min, SEVERITY_MEDIUM);
    assert_string_equal(config->heartbeat_url, receiver->url);
    assert_string_equal(config->fallback, "ops"); /* the only one */
    const char *const *lines = (const char *const *)receiver->headers;
    assert_int_equal(g_strv_length(receiver->headers), 3);
    assert_true(g_strv_contains(lines, "X-Team: a b"));
    assert_true(g_strv_contains(lines, "X-Key: https://hooks.slack.com/services/hidden"));
    assert_true(
        g_strv_contains(lines, "Authorization: Bearer https://hooks.slack.com/services/hidden"));
}

/* Discord is written to in its own form, also at its address for Slack's. */
static void
test_discord_has_one_address(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://discord.com/api/webhooks/1/x",
                                       "https://discord.com/api/webhooks/1/x/slack"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autofree char *text = g_strdup_printf("receivers: [{name: a, url: '%s'}]\n", urls[i]);
        g_autoptr(NotifyConfig) config = load_right(text);
        const Receiver *receiver = notify_config_find(config, "a");
        assert_int_equal(receiver->form, MESSAGE_DISCORD);
        assert_string_equal(receiver->url, urls[0]);
    }
    g_autoptr(NotifyConfig) config =
        load_right("receivers: [{name: a, url: 'https://chat.example/hooks/slack'}]\n");
    assert_string_equal(notify_config_find(config, "a")->url, "https://chat.example/hooks/slack");
}

static void
test_errors_name_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"recievers: []\n", ":1: the file: there is no key 'recievers', did you mean receivers?"},
        {"receivers:\n  - {nmae: a}\n", ":2: a receiver: there is no key 'nmae', did you mean"},
        {"receivers:\n  - {url: 'http://a'}\n", ":2: a receiver needs a name"},
        {"receivers:\n  - {name: a}\n", ":2: receiver a needs either url or url_file"},
        {"receivers:\n  - {name: a, url: b, url_file: c}\n", ":2: receiver a needs either"},
        {"receivers:\n  - {name: a, url: b, form: slak}\n",
         ":2: form: 'slak' is none of auto, slack"},
        {"receivers:\n  - {name: a, url: b, severity: bad}\n", ":2: severity: 'bad' is none of"},
        {"receivers:\n  - {name: a, url_file: /nowhere/x}\n", "/nowhere/x"},
        {"receivers:\n  - {name: a, url_file: /dev/zero}\n",
         ":2: url_file: /dev/zero is too large"},
        {"receivers:\n  - {name: a, url: b, token_file: /dev/zero}\n", ":2: token_file: /dev/zero"},
        {"heartbeat_url_file: /dev/zero\n", "heartbeat_url_file: /dev/zero is too large"},
        {"receivers:\n  - {name: a, url: b, headers: {'a b': c}}\n", ":2: 'a b' is not the name"},
        {"receivers:\n  - {name: a, url: b, headers: {a: \"x\\r\\ny: z\"}}\n", ":2: 'a' is not"},
        {"receivers:\n  - {name: a, url: b}\n  - {name: a, url: c}\n",
         ":3: receivers: there are two"},
        {"receivers:\n  - {name: a, url: b}\n  - {name: c, url: d}\n",
         "has to be named as default"},
        {RECEIVERS "routes:\n  - {receiver: nobody}\n",
         ":7: routes: there is no receiver 'nobody'"},
        {RECEIVERS "routes:\n  - {severity: low}\n", ":7: a route needs a receiver"},
        {RECEIVERS "routes:\n  - {receiver: ops, namespace: a}\n", ":7: a route: there is no key"},
        {RECEIVERS "daily: {at: \"09:00\"}\n", ":6: daily needs at and receivers"},
        {RECEIVERS "daily: {at: \"09:00\", receivers: x}\n", ":6: daily: there is no receiver 'x'"},
        {"default: ops\n", ":1: default: there is no receiver 'ops' above"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(load(cases[i].text, &error));
        assert_contains(error->message, path);
        assert_contains(error->message, cases[i].words);
    }
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "notify.yaml");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_free(path);
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_match_all_that_they_name),
        cmocka_unit_test(test_what_has_no_namespace_is_never_left_out),
        cmocka_unit_test(test_quiet_hours_hold_what_is_not_urgent),
        cmocka_unit_test(test_secrets_come_from_files),
        cmocka_unit_test(test_discord_has_one_address),
        cmocka_unit_test(test_errors_name_line_and_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
