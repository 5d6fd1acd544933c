#include "agent/scrape/scrape_target.h"

#include <string.h>

#include "agent/scrape/scrape_file.h"
#include "tests/harness/check.h"
#include "tests/unit/agent/discovery/made_pod.h"

/* The targets of a file and of pods. */
static ScrapeTargets *
targets_of(const char *text, Pod *pod)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) jobs = scrape_file_parse(text, strlen(text), "f.yaml", &error);
    g_autoptr(GPtrArray) pods = g_ptr_array_new();
    assert_no_error(error);
    if (pod != NULL)
        g_ptr_array_add(pods, pod);
    return scrape_targets_new(jobs, pods, "team");
}

/* That of this job (NULL: of any) and type, of which there is one. */
static const ScrapeTarget *
find_of(const ScrapeTargets *targets, const char *job, const char *type)
{
    GHashTableIter iter;
    void *value;
    const ScrapeTarget *found = NULL;
    g_hash_table_iter_init(&iter, targets->targets);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ScrapeTarget *target = value;
        if (strcmp(target->profile->name, type) != 0 ||
            (job != NULL && strcmp(target->job->name, job) != 0))
            continue;
        assert_null(found);
        found = target;
    }
    assert_non_null(found);
    return found;
}

static const ScrapeTarget *
find(const ScrapeTargets *targets, const char *type)
{
    return find_of(targets, NULL, type);
}

static void
expect_label(const ScrapeTarget *target, const char *name, const char *wanted)
{
    const char *value = label_set_get(target->labels, name);
    if (strcmp(value, wanted) != 0)
        fail_msg("the label %s is '%s' instead of '%s'", name, value, wanted);
}

static void
test_a_static_target(void **state)
{
    (void)state;
    g_autoptr(ScrapeTargets) targets = targets_of(
        "scrape_configs: [{job_name: app, targets: [{__address__: 'a:6060', team: x}]}]", NULL);
    assert_int_equal(g_hash_table_size(targets->targets), 5);
    const ScrapeTarget *cpu = find(targets, "process_cpu"), *memory = find(targets, "memory");
    g_autofree char *url = scrape_target_url(cpu, 14);
    assert_string_equal(url, "http://a:6060/debug/pprof/profile?seconds=14");
    expect_label(cpu, "__name__", "process_cpu");
    expect_label(cpu, "__delta__", "");
    expect_label(cpu, "job", "app");
    expect_label(cpu, "instance", "a:6060");
    expect_label(cpu, "service_name", "app");
    expect_label(cpu, "team", "x");
    expect_label(cpu, "source", "pprof");
    expect_label(cpu, "__address__", "");
    assert_string_equal(memory->url, "http://a:6060/debug/pprof/allocs");
    expect_label(memory, "__delta__", "false");
    expect_label(find(targets, "mutex"), "__delta__", "false");
    expect_label(find(targets, "block"), "__delta__", "false");
    expect_label(find(targets, "goroutine"), "__delta__", "");
}

static void
test_parts_of_the_url(void **state)
{
    (void)state;
    g_autoptr(ScrapeTargets) targets =
        targets_of("scrape_configs:\n"
                   "- job_name: app\n"
                   "  scheme: https\n"
                   "  params: {b: ['1', '2'], a: 'x y&z'}\n"
                   "  profiling_config:\n"
                   "    path_prefix: /pre\n"
                   "    profile.memory: {enabled: false}\n"
                   "    profile.block: {enabled: false}\n"
                   "    profile.mutex: {enabled: false}\n"
                   "    profile.custom: {own: {path: '/own path?'}}\n"
                   "  targets: [{__address__: a, __param_c: '3'}]\n",
                   NULL);
    const ScrapeTarget *cpu = find(targets, "process_cpu"), *own = find(targets, "own");
    assert_int_equal(g_hash_table_size(targets->targets), 3);
    g_autofree char *url = scrape_target_url(cpu, 5);
    assert_string_equal(url, "https://a:443/pre/debug/pprof/profile?a=x%20y%26z&b=1&b=2&c=3"
                             "&seconds=5");
    assert_string_equal(own->url, "https://a:443/pre/own%20path%3F?a=x%20y%26z&b=1&b=2&c=3");
    expect_label(own, "__name__", "own");
    expect_label(own, "instance", "a:443");
}

static void
test_labels_say_more_than_the_job(void **state)
{
    (void)state;
    g_autoptr(ScrapeTargets) targets =
        targets_of("scrape_configs:\n"
                   "- job_name: app\n"
                   "  targets:\n"
                   "  - {__address__: '[::1]:1', __scheme__: https, __profile_path_prefix__: /x,\n"
                   "     service_name: s, instance: i, job: j}\n"
                   "  - {__address__: '[::1]:1', __scheme__: https, __profile_path_prefix__: /x,\n"
                   "     service_name: s, instance: i, job: j}\n", /* the same: once */
                   NULL);
    const ScrapeTarget *memory = find(targets, "memory");
    assert_string_equal(memory->url, "https://[::1]:1/x/debug/pprof/allocs");
    expect_label(memory, "service_name", "s");
    expect_label(memory, "instance", "i");
    expect_label(memory, "job", "j");
}

static void
test_what_is_no_address(void **state)
{
    (void)state;
    g_autoptr(ScrapeTargets) targets = targets_of("scrape_configs:\n"
                                                  "- job_name: app\n"
                                                  "  targets:\n"
                                                  "  - {__address__: 'user@host:1'}\n"
                                                  "  - {__address__: 'host/path'}\n"
                                                  "  - {__address__: 'a b'}\n"
                                                  "  - {__address__: 'a\"b'}\n"
                                                  "  - {__address__: 'host:port'}\n"
                                                  "  - {__address__: 'host', __scheme__: file}\n",
                                                  NULL);
    assert_int_equal(g_hash_table_size(targets->targets), 0);
    assert_int_equal(targets->skipped->len, 6);
    assert_string_equal(targets->skipped->pdata[0], "job app: 'http://user@host:1' is no address");
}

static Pod *
web_pod(void)
{
    return made_pod("{'metadata':{'namespace':'shop','name':'web-1','uid':'u','annotations':{"
                    "'profiles.grafana.com/memory.scrape':'true',"
                    "'profiles.grafana.com/memory.port_name':'admin',"
                    "'profiles.grafana.com/memory.path':'/heap',"
                    "'profiles.grafana.com/fgprof.scrape':'true',"
                    "'profiles.grafana.com/fgprof.port':'9'},"
                    "'labels':{'app.kubernetes.io/name':'web','tier':'front','team':'a'}},"
                    "'spec':{'nodeName':'n1','containers':[{'name':'app','ports':["
                    "{'name':'http','containerPort':80},{'name':'admin','containerPort':81}]}]},"
                    "'status':{'podIP':'10.0.0.7','phase':'Running'}}");
}

static void
test_pods_by_annotation(void **state)
{
    (void)state;
    g_autoptr(Pod) pod = web_pod();
    g_autoptr(ScrapeTargets) targets =
        targets_of("scrape_configs: [{job_name: asked, kubernetes: {role: annotations}}]", pod);
    assert_int_equal(g_hash_table_size(targets->targets), 2);
    const ScrapeTarget *memory = find(targets, "memory");
    assert_string_equal(memory->url, "http://10.0.0.7:81/heap");
    expect_label(memory, "namespace", "shop");
    expect_label(memory, "pod", "web-1");
    expect_label(memory, "container", "app");
    expect_label(memory, "service_name", "web");
    expect_label(memory, "service_namespace", "shop");
    expect_label(memory, "job", "asked");
    expect_label(memory, "instance", "10.0.0.7:81");
    expect_label(memory, "__meta_kubernetes_pod_name", "");
    expect_label(memory, "__tenant_id__", "a"); /* the value of the label that names tenants */
    /* Asked for, though it is off unless somebody does. */
    assert_string_equal(find(targets, "fgprof")->url, "http://10.0.0.7:9/debug/fgprof");
}

static void
test_pods_by_relabel_rules(void **state)
{
    (void)state;
    g_autoptr(Pod) pod = web_pod();
    g_autoptr(ScrapeTargets) targets = targets_of(
        "scrape_configs:\n"
        "- job_name: rules\n"
        "  kubernetes: {role: pod}\n"
        "  relabel_configs:\n"
        "  - {action: keep, source_labels: [__meta_kubernetes_pod_container_port_name],\n"
        "     regex: http}\n"
        "  - {action: labelmap, regex: __meta_kubernetes_pod_label_(tier)}\n"
        "  - {target_label: service_name, replacement: other}\n"
        "  - {target_label: __profile_path_prefix__, replacement: /p}\n",
        pod);
    assert_int_equal(g_hash_table_size(targets->targets), 5);
    const ScrapeTarget *memory = find(targets, "memory");
    assert_string_equal(memory->url, "http://10.0.0.7:80/p/debug/pprof/allocs");
    expect_label(memory, "tier", "front");
    expect_label(memory, "service_name", "other");
    expect_label(memory, "pod", "web-1");
}

/* A start is of the container behind the address that is asked in the end, and no part of what a
 * target is known by. */
static void
test_when_targets_started(void **state)
{
    (void)state;
    static const char file[] =
        "scrape_configs:\n"
        "- job_name: own\n"
        "  kubernetes: {role: pod}\n"
        "  relabel_configs:\n"
        "  - {source_labels: [__meta_kubernetes_pod_label_to], regex: (.+),\n"
        "     target_label: __address__}\n"
        "- {job_name: static, targets: [{__address__: '10.0.0.7:81'}]}\n";
    static const char pod_text[] =
        "{'metadata':{'namespace':'shop','name':'web-1','uid':'u','labels':{%s}},"
        "'spec':{'containers':[{'name':'app','ports':[{'containerPort':81}]}]},"
        "'status':{'podIP':'10.0.0.7','phase':'Running','containerStatuses':[{'name':'app',"
        "'state':{'running':{'startedAt':'2023-11-14T22:13:%sZ'}}}]}}";
    const struct {
        const char *label, *second;
        int64_t wanted_s;
    } cases[] = {{"", "20", 1700000001}, {"", "40", 1700000021}, {"'to':'other'", "20", 0}};
    g_autofree char *key = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json = g_strdup_printf(pod_text, cases[i].label, cases[i].second);
        g_autoptr(Pod) pod = made_pod(json);
        g_autoptr(ScrapeTargets) targets = targets_of(file, pod);
        const ScrapeTarget *own = find_of(targets, "own", "memory");
        assert_int_equal(own->start_ns, cases[i].wanted_s * 1000000000);
        assert_int_equal(find_of(targets, "static", "memory")->start_ns, 0);
        if (i == 0)
            key = g_strdup(own->key);
        else
            assert_int_equal(strcmp(own->key, key) == 0, *cases[i].label == '\0');
    }
}

/* What a target is known by, when jobs are read again or pods told of again. */
static void
test_keys(void **state)
{
    (void)state;
    static const char text[] = "scrape_configs: [{job_name: app, scrape_interval: %s, targets: "
                               "[{__address__: 'a:1', team: %s}]}]";
    const char *const values[][2] = {{"15s", "x"}, {"30s", "x"}, {"15s", "y"}};
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *file = g_strdup_printf(text, values[i][0], values[i][1]);
        g_autoptr(ScrapeTargets) targets = targets_of(file, NULL);
        g_ptr_array_add(keys, g_strdup(find(targets, "memory")->key));
    }
    assert_string_equal(keys->pdata[0], keys->pdata[1]);
    assert_string_not_equal(keys->pdata[0], keys->pdata[2]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_static_target),
        cmocka_unit_test(test_parts_of_the_url),
        cmocka_unit_test(test_labels_say_more_than_the_job),
        cmocka_unit_test(test_what_is_no_address),
        cmocka_unit_test(test_pods_by_annotation),
        cmocka_unit_test(test_pods_by_relabel_rules),
        cmocka_unit_test(test_when_targets_started),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
