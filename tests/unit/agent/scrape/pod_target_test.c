#include "agent/scrape/pod_target.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/unit/agent/discovery/made_pod.h"

/* A pod with two containers, and what a test adds to it. */
static Pod *
web_pod(const char *annotations, const char *phase)
{
    g_autofree char *json = g_strdup_printf(
        "{'metadata':{'namespace':'shop','name':'web-1','uid':'u','annotations':{%s},"
        "'labels':{'app.kubernetes.io/name':'web'}},"
        "'spec':{'nodeName':'n1','containers':["
        "{'name':'app','ports':[{'name':'http','containerPort':8080},"
        "{'name':'app-profiles','containerPort':6060},{'name':'dns','containerPort':53,"
        "'protocol':'UDP'}]},"
        "{'name':'proxy','ports':[{'name':'http2','containerPort':9090},"
        "{'name':'proxy-metrics','containerPort':9091}]}]},"
        "'status':{'podIP':'10.0.0.7','phase':'%s'}}",
        annotations, phase);
    return made_pod(json);
}

typedef struct {
    GString *text;
    GPtrArray *sets; /* LabelSet */
} Found;

static void
on_found(LabelSet *set, const ProfileType *type, void *data)
{
    Found *found = data;
    const char *const more[] = {label_set_get(set, "__scheme__"),
                                label_set_get(set, "__profile_path__")};
    g_string_append_printf(found->text, "%s%s %s %s", found->text->len > 0 ? ", " : "",
                           type != NULL ? type->name : "any", label_set_get(set, "__address__"),
                           label_set_get(set, "container"));
    for (size_t i = 0; i < G_N_ELEMENTS(more); i++)
        if (*more[i] != '\0')
            g_string_append_printf(found->text, " %s", more[i]);
    g_ptr_array_add(found->sets, set);
}

static void
on_skipped(const char *text, void *data)
{
    Found *found = data;
    g_string_append_printf(found->text, "%s! %s", found->text->len > 0 ? ", " : "", text);
}

static Found
found_new(void)
{
    return (Found){g_string_new(NULL),
                   g_ptr_array_new_with_free_func((GDestroyNotify)label_set_free)};
}

static void
found_clear(Found *found)
{
    g_string_free(found->text, TRUE);
    g_ptr_array_unref(found->sets);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

/* "memory.port=6060 cpu.scrape=true" as annotations. */
static char *
annotations_of(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autoptr(GString) json = g_string_new(NULL);
    for (size_t i = 0; words[i] != NULL && *words[i] != '\0'; i++) {
        char *equals = strchr(words[i], '=');
        *equals = '\0';
        g_string_append_printf(json, "%s'profiles.grafana.com/%s':'%s'", i > 0 ? "," : "", words[i],
                               equals + 1);
    }
    return g_string_free(g_steal_pointer(&json), FALSE);
}

static void
test_annotations(void **state)
{
    (void)state;
    static const struct {
        const char *annotations, *wanted;
    } cases[] = {
        {"", ""},
        {"memory.scrape=false", ""},
        {"heap.scrape=true", ""},
        /* Without a port: those whose names say it. */
        {"memory.scrape=true",
         "memory 10.0.0.7:6060 app, memory 10.0.0.7:9090 proxy, memory 10.0.0.7:9091 proxy"},
        {"memory.scrape=true memory.container=app", "memory 10.0.0.7:6060 app"},
        {"cpu.scrape=true cpu.port=8080", "process_cpu 10.0.0.7:8080 app"},
        {"cpu.scrape=true cpu.port_name=http", "process_cpu 10.0.0.7:8080 app"},
        {"block.scrape=true block.port=9091 block.scheme=https block.path=/p",
         "block 10.0.0.7:9091 proxy https /p"},
        /* A port that is not declared: of the container that is named, or of none. */
        {"mutex.scrape=true mutex.port=7070", "mutex 10.0.0.7:7070 "},
        {"mutex.scrape=true mutex.port=7070 mutex.container=proxy", "mutex 10.0.0.7:7070 proxy"},
        /* Each type by its own annotations. */
        {"goroutine.scrape=true goroutine.port=6060 fgprof.scrape=true fgprof.port=8080",
         "goroutine 10.0.0.7:6060 app, fgprof 10.0.0.7:8080 app"},
        {"godeltaprof_memory.scrape=true godeltaprof_memory.port=6060 "
         "godeltaprof_mutex.scrape=true godeltaprof_mutex.port=6060 "
         "godeltaprof_block.scrape=true godeltaprof_block.port=6060",
         "godeltaprof_memory 10.0.0.7:6060 app, godeltaprof_mutex 10.0.0.7:6060 app, "
         "godeltaprof_block 10.0.0.7:6060 app"},
        {"memory.scrape=true memory.port=http",
         "! pod shop/web-1, profiles.grafana.com/memory.scrape: 'http' is no port"},
        {"memory.scrape=true memory.port=70000",
         "! pod shop/web-1, profiles.grafana.com/memory.scrape: '70000' is no port"},
        {"memory.scrape=true memory.port_name=pprof",
         "! pod shop/web-1, profiles.grafana.com/memory.scrape: no port is called pprof"},
        {"memory.scrape=true memory.port_name=dns",
         "! pod shop/web-1, profiles.grafana.com/memory.scrape: no port is called dns"},
        {"memory.scrape=true memory.container=sidecar",
         "! pod shop/web-1, profiles.grafana.com/memory.scrape: there is no container sidecar"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *annotations = annotations_of(cases[i].annotations);
        g_autoptr(Pod) pod = web_pod(annotations, "Running");
        g_auto(Found) found = found_new();
        pod_targets_by_annotation(pod, on_found, on_skipped, &found);
        assert_string_equal(found.text->str, cases[i].wanted);
    }
}

static void
test_a_pod_without_a_fitting_port(void **state)
{
    (void)state;
    g_autoptr(Pod) pod =
        made_pod("{'metadata':{'namespace':'shop','name':'db','uid':'u','annotations':{"
                 "'profiles.grafana.com/memory.scrape':'true'}},'spec':{'containers':[{'name':'c',"
                 "'ports':[{'containerPort':5432}]}]},'status':{'podIP':'10.0.0.8'}}");
    g_auto(Found) found = found_new();
    pod_targets_by_annotation(pod, on_found, on_skipped, &found);
    assert_string_equal(found.text->str,
                        "! pod shop/db, profiles.grafana.com/memory.scrape: no port is called "
                        "http2 or ends in -metrics or -profiles, and there is neither a .port nor "
                        "a .port_name");
}

static void
test_only_pods_that_run(void **state)
{
    (void)state;
    static const char *const over[] = {"Pending", "Succeeded", "Failed", "Completed"};
    g_autofree char *annotations = annotations_of("memory.scrape=true");
    for (size_t i = 0; i < G_N_ELEMENTS(over); i++) {
        g_autoptr(Pod) pod = web_pod(annotations, over[i]);
        g_auto(Found) found = found_new();
        pod_targets_by_annotation(pod, on_found, on_skipped, &found);
        pod_targets_by_port(pod, on_found, &found);
        assert_string_equal(found.text->str, "");
    }
    g_autoptr(Pod) waiting = made_pod("{'metadata':{'namespace':'a','name':'b','uid':'u'}}");
    assert_false(pod_target_is_running(waiting));
}

static void
expect_label(const LabelSet *set, const char *name, const char *wanted)
{
    const char *value = label_set_get(set, name);
    if (strcmp(value, wanted) != 0)
        fail_msg("the label %s is '%s' instead of '%s'", name, value, wanted);
}

static void
test_ports_for_relabel_rules(void **state)
{
    (void)state;
    g_autoptr(Pod) pod = web_pod("", "Running");
    g_auto(Found) found = found_new();
    pod_targets_by_port(pod, on_found, &found);
    assert_string_equal(found.text->str,
                        "any 10.0.0.7:8080 app, any 10.0.0.7:6060 app, any 10.0.0.7:53 app, "
                        "any 10.0.0.7:9090 proxy, any 10.0.0.7:9091 proxy");
    const LabelSet *set = found.sets->pdata[1];
    expect_label(set, "__meta_kubernetes_pod_container_port_name", "app-profiles");
    expect_label(set, "__meta_kubernetes_pod_container_port_number", "6060");
    expect_label(set, "__meta_kubernetes_pod_container_port_protocol", "TCP");
    expect_label(set, "__meta_kubernetes_pod_container_name", "app");
    expect_label(set, "__meta_kubernetes_pod_label_app_kubernetes_io_name", "web");
    expect_label(set, "__meta_kubernetes_pod_node_name", "n1");
    expect_label(set, "namespace", "shop");
    expect_label(set, "pod", "web-1");
    expect_label(set, "service_name", "web");
    expect_label(set, "service_instance_id", "shop.web-1.app");
}

static void
test_a_container_without_ports_and_ipv6(void **state)
{
    (void)state;
    g_autoptr(Pod) pod = made_pod("{'metadata':{'namespace':'a','name':'b','uid':'u',"
                                  "'annotations':{'profiles.grafana.com/cpu.scrape':'true',"
                                  "'profiles.grafana.com/cpu.port':'6060'}},'spec':{'containers':["
                                  "{'name':'c'}]},'status':{'podIP':'fd00::7'}}");
    g_auto(Found) found = found_new();
    pod_targets_by_port(pod, on_found, &found);
    pod_targets_by_annotation(pod, on_found, on_skipped, &found);
    assert_string_equal(found.text->str, "any [fd00::7] c, process_cpu [fd00::7]:6060 c");
}

static void
test_many_ports_are_bounded(void **state)
{
    (void)state;
    g_autoptr(GString) json =
        g_string_new("{'metadata':{'namespace':'a','name':'b','uid':'u','annotations':{"
                     "'profiles.grafana.com/memory.scrape':'true'}},'status':{'podIP':'10.0.0.1'},"
                     "'spec':{'containers':[{'name':'c','ports':[");
    for (int i = 1; i <= 2 * POD_TARGETS_MAX; i++)
        g_string_append_printf(json, "%s{'name':'p%d-metrics','containerPort':%d}",
                               i > 1 ? "," : "", i, i);
    g_string_append(json, "]}]}}");
    g_autoptr(Pod) pod = made_pod(json->str);
    g_auto(Found) found = found_new();
    pod_targets_by_annotation(pod, on_found, on_skipped, &found);
    assert_int_equal(found.sets->len, POD_TARGETS_MAX);
    assert_contains(found.text->str, "more than 64 ports");
    pod_targets_by_port(pod, on_found, &found);
    assert_int_equal(found.sets->len, 2 * POD_TARGETS_MAX);
}

/* The start in seconds of what listens at an address of a pod whose two containers have these
 * states. */
static int64_t
start_of(const char *app, const char *proxy, const char *address)
{
    g_autofree char *json = g_strdup_printf(
        "{'metadata':{'namespace':'shop','name':'web-1','uid':'u'},"
        "'spec':{'initContainers':[{'name':'init'}],'containers':["
        "{'name':'app','ports':[{'containerPort':6060},{'containerPort':53,'protocol':'UDP'}]},"
        "{'name':'proxy'}]},"
        "'status':{'podIP':'fd00::7','initContainerStatuses':[{'name':'init','state':{'terminated':"
        "{'startedAt':'2023-11-14T22:00:00Z'}}}],'containerStatuses':["
        "{'name':'app','state':{%s}},{'name':'proxy','state':{%s}}]}}",
        app, proxy);
    g_autoptr(Pod) pod = made_pod(json);
    int64_t start_ns = pod_target_start_ns(pod, address);
    assert_int_equal(start_ns % 1000000000, 0);
    return start_ns / 1000000000;
}

#define RUNS_SINCE(second) "'running':{'startedAt':'2023-11-14T22:13:" #second "Z'}"
#define WAITS              "'waiting':{}"

static void
test_when_targets_started(void **state)
{
    (void)state;
    enum { START_S = 1700000001 }; /* 22:13:20, rounded up */
    const char *app = RUNS_SINCE(20), *proxy = RUNS_SINCE(30);
    assert_int_equal(start_of(app, proxy, "[fd00::7]:6060"), START_S);
    assert_int_equal(start_of(WAITS, proxy, "[fd00::7]:6060"), 0);
    /* Ports that nobody declares are of the only container that runs. */
    assert_int_equal(start_of(app, proxy, "[fd00::7]:7070"), 0);
    assert_int_equal(start_of(app, proxy, "[fd00::7]:53"), 0);
    assert_int_equal(start_of(app, WAITS, "[fd00::7]:7070"), START_S);
    assert_int_equal(start_of(WAITS, proxy, "[fd00::7]:7070"), START_S + 10);
    assert_int_equal(start_of(WAITS, WAITS, "[fd00::7]:7070"), 0);
    /* Rules may have put another address there. */
    assert_int_equal(start_of(app, WAITS, "[fd00::8]:6060"), 0);
    assert_int_equal(start_of(app, WAITS, "example.org:6060"), 0);
    assert_int_equal(start_of(app, WAITS, "[fd00::7]"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_annotations),
        cmocka_unit_test(test_a_pod_without_a_fitting_port),
        cmocka_unit_test(test_only_pods_that_run),
        cmocka_unit_test(test_ports_for_relabel_rules),
        cmocka_unit_test(test_a_container_without_ports_and_ipv6),
        cmocka_unit_test(test_many_ports_are_bounded),
        cmocka_unit_test(test_when_targets_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
