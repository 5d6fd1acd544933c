/* From the answers of an API server and a file of rules to the labels of a process. */
#include "agent/discovery/discovery.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait.h"
#include "tests/unit/agent/discovery/made_containers.h"

enum { WAIT_MS = 20 * 1000 };

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define POD(name, uid, id, annotation)                                                             \
    "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"" name "\",\"uid\":\"" uid                   \
    "\",\"resourceVersion\":\"8\",\"annotations\":{\"profiles.grafana.com/"                        \
    "cpu.ebpf.enabled\":\"" annotation                                                             \
    "\"}},\"spec\":{\"containers\":[{\"name\":\"main\"}]},\"status\":{"                            \
    "\"containerStatuses\":[{\"name\":\"main\",\"containerID\":\"containerd://" id "\"}]}}"
#define LIST(items)                                                                                \
    JSON_HEAD "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" items   \
              "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

typedef struct {
    ScriptedServer *server;
    TempDir *dir;
    Discovery *discovery;
} Fixture;

static Fixture
fixture_of(const ScriptStep *steps, size_t n_steps, TargetScheme scheme, const char *rules,
           int64_t poll_ms)
{
    Fixture fixture = {.server = scripted_server_new(steps, n_steps), .dir = temp_dir_new()};
    g_autofree char *url = scripted_server_url(fixture.server, "");
    g_autofree char *path = temp_dir_file(fixture.dir, "rules.yaml");
    const K8sConfigOptions options = {.server = url};
    if (rules != NULL)
        assert_true(g_file_set_contents(path, rules, -1, NULL));
    g_autoptr(GError) error = NULL;
    const DiscoveryConfig config = {.cluster = k8s_config_load(&options, NULL),
                                    .node = "node/1",
                                    .scheme = scheme,
                                    .poll_ms = poll_ms,
                                    .relabel_file = rules != NULL ? path : NULL};
    fixture.discovery = discovery_new(&config, &error);
    assert_no_error(error);
    return fixture;
}

static Fixture
fixture_new(const ScriptStep *steps, size_t n_steps, TargetScheme scheme, const char *rules)
{
    return fixture_of(steps, n_steps, scheme, rules, 0);
}

static void
fixture_clear(Fixture *fixture)
{
    discovery_free(fixture->discovery);
    scripted_server_free(fixture->server);
    temp_dir_free(fixture->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void
wait_ready(const Fixture *fixture)
{
    g_autoptr(GString) problems = g_string_new("x");
    for (int64_t end_us = g_get_monotonic_time() + WAIT_MS * 1000LL;
         problems->len > 0 && g_get_monotonic_time() < end_us; g_usleep(1000)) {
        g_string_truncate(problems, 0);
        discovery_check(fixture->discovery, problems);
    }
    assert_string_equal(problems->str, "");
}

/* The labels of a process in this container; NULL when it is not to be profiled. */
static LabelSet *
labels_of(const Fixture *fixture, const char *container_id)
{
    g_autoptr(LabelSet) set = label_set_new(), fixed = label_set_new();
    label_set_set(fixed, "cluster", "green");
    const Cgroup cgroup = {.container_id = (char *)container_id};
    const Target target = {.pid = 7, .comm = "worker", .cgroup = &cgroup};
    return discovery_label(fixture->discovery, &target, fixed, set) ? g_steal_pointer(&set) : NULL;
}

static bool
knows_second(void *user)
{
    g_autoptr(LabelSet) labels = labels_of(user, "c2");
    return labels != NULL && strcmp(label_set_get(labels, "pod"), "second") == 0;
}

static void
test_pods_of_the_list_and_of_the_watch(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = LIST(POD("first", "u1", "c1", ""))},
        {.reply = JSON_HEAD EVENT("ADDED", POD("second", "u2", "c2", "")), .end = SCRIPT_STALL}};
    g_auto(Fixture) fixture = fixture_new(steps, G_N_ELEMENTS(steps), TARGET_SCHEME_ALL, NULL);
    if (!wait_until(knows_second, &fixture, WAIT_MS))
        fail_msg("the second pod is not known");
    wait_ready(&fixture);
    g_autofree char *request = scripted_server_request(fixture.server, 0);
    assert_contains(request, "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode%2F1&"
                             "resourceVersion=0");
    g_autoptr(LabelSet) first = labels_of(&fixture, "c1"), other = labels_of(&fixture, "c9");
    assert_string_equal(label_set_get(first, "service_name"), "first");
    assert_string_equal(label_set_get(first, "container"), "main");
    assert_string_equal(label_set_get(first, "cluster"), "green");
    assert_string_equal(label_set_get(other, "service_name"), "worker");
    assert_string_equal(label_set_get(other, "container_id"), "c9");
    g_autoptr(GString) metrics = g_string_new(NULL);
    discovery_write_metrics(fixture.discovery, metrics);
    assert_contains(metrics->str, "\ncresset_agent_pods 2\n");
    assert_contains(metrics->str, "\ncresset_agent_pod_lists_total 1\n");
    assert_contains(metrics->str, "cresset_agent_pod_watch_ends_total{reason=\"silent\"} 0\n");
}

static const ScriptStep TWO_PODS[] = {
    {.reply = LIST(POD("in", "u1", "c1", "true") "," POD("out", "u2", "c2", "false"))},
    {.reply = JSON_HEAD EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"9\"}}"),
     .end = SCRIPT_STALL}};

static void
expect_kept(const Fixture *fixture, bool in, bool out, bool elsewhere)
{
    wait_ready(fixture);
    g_autoptr(LabelSet) first = labels_of(fixture, "c1"), second = labels_of(fixture, "c2"),
                        third = labels_of(fixture, NULL);
    assert_int_equal(first != NULL, in);
    assert_int_equal(second != NULL, out);
    assert_int_equal(third != NULL, elsewhere);
}

static void
test_annotations_choose(void **state)
{
    (void)state;
    g_auto(Fixture) all = fixture_new(TWO_PODS, G_N_ELEMENTS(TWO_PODS), TARGET_SCHEME_ALL, NULL);
    expect_kept(&all, true, false, true);
    g_auto(Fixture) some =
        fixture_new(TWO_PODS, G_N_ELEMENTS(TWO_PODS), TARGET_SCHEME_ANNOTATION, NULL);
    expect_kept(&some, true, false, false);
    g_autoptr(GString) metrics = g_string_new(NULL);
    discovery_write_metrics(some.discovery, metrics);
    assert_contains(metrics->str,
                    "cresset_agent_processes_skipped_total{reason=\"not_opted_in\"} 2\n");
}

static void
test_rules_change_and_drop(void **state)
{
    (void)state;
    static const char rules[] =
        "- source_labels: [__meta_kubernetes_namespace, __meta_kubernetes_pod_container_name]\n"
        "  separator: /\n"
        "  target_label: service_name\n"
        "- action: drop\n"
        "  source_labels: [comm, pod]\n"
        "  regex: worker;\n"
        "- action: labeldrop\n"
        "  regex: pid\n";
    g_auto(Fixture) fixture =
        fixture_new(TWO_PODS, G_N_ELEMENTS(TWO_PODS), TARGET_SCHEME_ALL, rules);
    expect_kept(&fixture, true, false, false);
    g_autoptr(LabelSet) labels = labels_of(&fixture, "c1");
    assert_string_equal(label_set_get(labels, "service_name"), "shop/main");
    assert_string_equal(label_set_get(labels, "pid"), "");
    for (size_t i = 0; i < label_set_size(labels); i++) {
        const char *name, *value;
        label_set_at(labels, i, &name, &value);
        assert_false(g_str_has_prefix(name, "__"));
    }
    g_autoptr(GString) metrics = g_string_new(NULL);
    discovery_write_metrics(fixture.discovery, metrics);
    assert_contains(metrics->str, "cresset_agent_processes_skipped_total{reason=\"relabel\"} 1\n");
}

static void
test_rules_that_are_wrong(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "rules.yaml");
    assert_true(g_file_set_contents(path, "- action: keep\n- action: destroy\n", -1, NULL));
    g_autoptr(GError) error = NULL;
    const DiscoveryConfig config = {.relabel_file = path};
    assert_null(discovery_new(&config, &error));
    assert_error_says(error, "rules.yaml:2");
    assert_error_says(error, "destroy");
}

static void
test_what_is_wrong_is_told(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 401 X\r\nContent-Type: application/json\r\n\r\n"
                  "{\"kind\":\"Status\",\"message\":\"Unauthorized\",\"code\":401}"}};
    g_auto(Fixture) fixture = fixture_new(steps, G_N_ELEMENTS(steps), TARGET_SCHEME_ALL, NULL);
    g_autoptr(GString) problems = g_string_new(NULL);
    for (int64_t end_us = g_get_monotonic_time() + WAIT_MS * 1000LL;
         strstr(problems->str, "401") == NULL && g_get_monotonic_time() < end_us; g_usleep(1000)) {
        g_string_truncate(problems, 0);
        discovery_check(fixture.discovery, problems);
    }
    assert_string_equal(problems->str,
                        "kubernetes: the token is expired or wrong (401): Unauthorized\n");
    /* Whether the pod of a container has opted out cannot be known. */
    g_autoptr(LabelSet) container = labels_of(&fixture, "c1"), local = labels_of(&fixture, NULL);
    assert_null(container);
    assert_non_null(local);
}

static void
test_pods_of_the_kubelet(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = JSON_HEAD
         "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[" POD("first", "u1", "c1", "") "]}"},
        {.reply = JSON_HEAD "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[" POD(
             "second", "u2", "c2", "") "," POD("out", "u3", "c3", "false") "]}",
         .end = SCRIPT_CLOSE},
    };
    enum { POLL_MS = 600 };
    g_auto(Fixture) fixture =
        fixture_of(steps, G_N_ELEMENTS(steps), TARGET_SCHEME_ALL, NULL, POLL_MS);
    wait_ready(&fixture);
    g_autofree char *request = scripted_server_request(fixture.server, 0);
    assert_true(g_str_has_prefix(request, "GET /pods HTTP/1.1\r\n"));
    /* What it has not told of may have opted out, until it could have. */
    g_autoptr(LabelSet) early = labels_of(&fixture, "c9");
    assert_null(early);
    if (!wait_until(knows_second, &fixture, WAIT_MS))
        fail_msg("the second pod is not known");
    g_autoptr(LabelSet) out = labels_of(&fixture, "c3");
    assert_null(out);
    g_autoptr(LabelSet) late = NULL;
    for (int64_t end_us = g_get_monotonic_time() + WAIT_MS * 1000LL;
         late == NULL && g_get_monotonic_time() < end_us; g_usleep(10000))
        late = labels_of(&fixture, "c9");
    assert_non_null(late);
    assert_string_equal(label_set_get(late, "container_id"), "c9");
}

static void
test_a_kubelet_that_refuses(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = "HTTP/1.1 401 X\r\n\r\nUnauthorized\n"}};
    g_auto(Fixture) fixture = fixture_of(steps, G_N_ELEMENTS(steps), TARGET_SCHEME_ALL, NULL, 1000);
    g_autoptr(GString) problems = g_string_new(NULL);
    for (int64_t end_us = g_get_monotonic_time() + WAIT_MS * 1000LL;
         strstr(problems->str, "401") == NULL && g_get_monotonic_time() < end_us; g_usleep(1000)) {
        g_string_truncate(problems, 0);
        discovery_check(fixture.discovery, problems);
    }
    assert_string_equal(problems->str,
                        "kubelet: the token is expired or wrong (401): Unauthorized\n");
}

/* --- containers of Docker --------------------------------------------------------------------- */

#define CONTAINER_ID MADE_ID("a")

static const ScriptStep CONTAINERS[] = {{.reply = JSON_HEAD "[{\"Id\":\"" CONTAINER_ID
                                                            "\",\"Names\":[\"/shop-db\"],"
                                                            "\"Labels\":{\"team\":\"blue\"}}]"}};

/* Docker at `path`, and rules that take a label from it. */
static Fixture
docker_fixture(const char *path, K8sConfig *cluster)
{
    Fixture fixture = {.server = scripted_server_new_unix(path, CONTAINERS, 1),
                       .dir = temp_dir_new()};
    g_autofree char *rules = temp_dir_file(fixture.dir, "rules.yaml");
    assert_true(g_file_set_contents(
        rules, "- {action: labelmap, regex: __meta_docker_container_label_(team)}\n", -1, NULL));
    const DiscoveryConfig config = {
        .docker_socket = path, .cluster = cluster, .node = "n1", .relabel_file = rules};
    fixture.discovery = discovery_new(&config, NULL);
    assert_non_null(fixture.discovery);
    return fixture;
}

static bool
has_container(void *user)
{
    const Fixture *fixture = user;
    const Cgroup cgroup = {.container_id = (char *)CONTAINER_ID}, nowhere = {0};
    discovery_notice(fixture->discovery, &cgroup);
    discovery_notice(fixture->discovery, &nowhere);
    g_autoptr(GString) metrics = g_string_new(NULL);
    discovery_write_metrics(fixture->discovery, metrics);
    return strstr(metrics->str, "\ncresset_agent_containers 1\n") != NULL;
}

static void
test_containers_outside_of_clusters(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "docker.sock");
    g_auto(Fixture) fixture = docker_fixture(path, NULL);
    assert_true(wait_until(has_container, &fixture, WAIT_MS));
    g_autoptr(GString) metrics = g_string_new(NULL);
    discovery_write_metrics(fixture.discovery, metrics);
    assert_contains(metrics->str,
                    "\ncresset_agent_container_requests_total{result=\"answered\"} 1\n");
    wait_ready(&fixture);
    g_autoptr(LabelSet) known = labels_of(&fixture, CONTAINER_ID);
    g_autoptr(LabelSet) unknown = labels_of(&fixture, MADE_ID("b"));
    g_autoptr(LabelSet) outside = labels_of(&fixture, NULL);
    assert_string_equal(label_set_get(known, "service_name"), "shop-db");
    assert_string_equal(label_set_get(known, "team"), "blue");
    assert_string_equal(label_set_get(known, "cluster"), "green");
    assert_string_equal(label_set_get(unknown, "service_name"), "worker");
    assert_string_equal(label_set_get(unknown, "container_id"), MADE_ID("b"));
    assert_string_equal(label_set_get(outside, "service_name"), "worker");
}

static void
test_docker_is_not_asked_in_clusters(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {{.reply = LIST(POD("first", "u1", "c1", ""))},
                                       {.reply = JSON_HEAD, .end = SCRIPT_STALL}};
    g_autoptr(ScriptedServer) api = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autofree char *url = scripted_server_url(api, "");
    const K8sConfigOptions options = {.server = url};
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "docker.sock");
    g_auto(Fixture) fixture = docker_fixture(path, k8s_config_load(&options, NULL));
    wait_ready(&fixture);
    g_autoptr(LabelSet) labels = labels_of(&fixture, CONTAINER_ID);
    assert_string_equal(label_set_get(labels, "service_name"), "worker");
    g_clear_pointer(&fixture.discovery, discovery_free);
    assert_int_equal(scripted_server_connections(fixture.server), 0);
}

static void
test_a_socket_of_docker_that_is_missing(void **state)
{
    (void)state;
    g_auto(Fixture) fixture = {.dir = temp_dir_new()};
    g_autofree char *path = temp_dir_file(fixture.dir, "docker.sock");
    const DiscoveryConfig config = {.docker_socket = path};
    fixture.discovery = discovery_new(&config, NULL);
    g_autoptr(GString) problems = g_string_new(NULL);
    for (int64_t end_us = g_get_monotonic_time() + WAIT_MS * 1000LL;
         problems->len == 0 && g_get_monotonic_time() < end_us; g_usleep(1000))
        discovery_check(fixture.discovery, problems);
    g_autofree char *wanted =
        g_strdup_printf("docker: no reply from %s: No such file or directory\n", path);
    assert_string_equal(problems->str, wanted);
    g_autoptr(LabelSet) labels = labels_of(&fixture, CONTAINER_ID);
    assert_string_equal(label_set_get(labels, "service_name"), "worker");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pods_of_the_list_and_of_the_watch),
        cmocka_unit_test(test_annotations_choose),
        cmocka_unit_test(test_rules_change_and_drop),
        cmocka_unit_test(test_rules_that_are_wrong),
        cmocka_unit_test(test_what_is_wrong_is_told),
        cmocka_unit_test(test_pods_of_the_kubelet),
        cmocka_unit_test(test_a_kubelet_that_refuses),
        cmocka_unit_test(test_containers_outside_of_clusters),
        cmocka_unit_test(test_docker_is_not_asked_in_clusters),
        cmocka_unit_test(test_a_socket_of_docker_that_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
