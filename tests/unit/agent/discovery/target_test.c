#include "agent/discovery/target.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/unit/agent/discovery/made_containers.h"
#include "tests/unit/agent/discovery/made_pod.h"

static const Cgroup NOWHERE;

static Target
local(const char *comm, const char *path, const Cgroup *cgroup)
{
    return (Target){.pid = 7, .comm = comm, .executable_path = path, .cgroup = cgroup};
}

static void
expect_service(const Target *target, const char *wanted)
{
    g_autofree char *name = target_service_name(target);
    assert_string_equal(name, wanted);
}

static void
test_services_outside_of_pods(void **state)
{
    (void)state;
    const Cgroup unit = {.systemd_unit = (char *)"nginx.service"};
    Target target = local("nginx", "/usr/sbin/nginx", &unit);
    expect_service(&target, "nginx.service");
    target = local("nginx", "/usr/sbin/nginx (deleted)", &NOWHERE);
    expect_service(&target, "nginx");
    target = local("comm", NULL, &NOWHERE);
    expect_service(&target, "comm");
    target = local("", NULL, &NOWHERE);
    expect_service(&target, "unknown");
    target.is_kernel_thread = true;
    expect_service(&target, "kernel");
}

#define CONTAINER "{'Id':'" MADE_ID("a") "','Image':'shop/web:7','Names':"

/* Likewise, each with all that comes behind it. */
static void
test_services_of_containers(void **state)
{
    (void)state;
    static const struct {
        const char *json, *wanted;
    } cases[] = {
        {"['/shop-web-1'],'Labels':{'com.docker.compose.service':'web'}}", "web"},
        {"['/shop-web-1'],'Labels':{'com.docker.compose.service':''}}", "shop-web-1"},
        {"['/shop-web-1']}", "shop-web-1"},
        {"[]}", "x.service"},
    };
    const Cgroup unit = {.systemd_unit = (char *)"x.service"};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json = g_strconcat(CONTAINER, cases[i].json, NULL);
        g_autoptr(LocalContainer) container = made_container(json);
        Target target = local("web", "/usr/bin/web", &unit);
        target.local = container;
        expect_service(&target, cases[i].wanted);
        target.is_kernel_thread = true;
        expect_service(&target, "kernel");
    }
}

/* The precedence, each with all that comes behind it. */
static void
test_services_of_pods(void **state)
{
    (void)state;
    static const struct {
        const char *json, *wanted;
    } cases[] = {
        {"'annotations':{'profiles.grafana.com/service_name':'ours','pyroscope.io/service_name':'p'"
         "},",
         "ours"},
        {"'annotations':{'pyroscope.io/service_name':'p',"
         "'resource.opentelemetry.io/service.name':'otel'},",
         "p"},
        {"'annotations':{'resource.opentelemetry.io/service.name':'otel'},'labels':{"
         "'app.kubernetes.io/instance':'inst','app.kubernetes.io/name':'app'},",
         "otel"},
        {"'labels':{'app.kubernetes.io/instance':'inst','app.kubernetes.io/name':'app'},", "inst"},
        {"'labels':{'app.kubernetes.io/name':'app'},", "app"},
        {"'labels':{'app':'other'},", "load"},
    };
    const Cgroup unit = {.systemd_unit = (char *)"x.service"};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json =
            g_strdup_printf("{'metadata':{%s'namespace':'shop','name':'web-1','uid':'u',"
                            "'ownerReferences':[{'kind':'StatefulSet','name':'load',"
                            "'controller':true}]}}",
                            cases[i].json);
        g_autoptr(Pod) pod = made_pod(json);
        Target target = local("web", "/web", &unit);
        target.pod = pod;
        expect_service(&target, cases[i].wanted);
    }
    g_autoptr(Pod) bare = made_pod("{'metadata':{'namespace':'shop','name':'web-1','uid':'u'}}");
    Target target = local("web", "/web", &unit);
    target.pod = bare;
    expect_service(&target, "web-1");
}

static void
expect_wanted(const char *annotation, bool by_all, bool by_annotation)
{
    g_autofree char *json = g_strdup_printf(
        "{'metadata':{'namespace':'a','name':'b','uid':'u','annotations':{%s}}}", annotation);
    g_autoptr(Pod) pod = made_pod(json);
    Target target = local("web", "/web", &NOWHERE);
    target.pod = pod;
    assert_int_equal(target_is_wanted(&target, TARGET_SCHEME_ALL), by_all);
    assert_int_equal(target_is_wanted(&target, TARGET_SCHEME_ANNOTATION), by_annotation);
}

static void
test_who_is_profiled(void **state)
{
    (void)state;
    expect_wanted("'" TARGET_ANNOTATION "':'true'", true, true);
    expect_wanted("'" TARGET_ANNOTATION "':'false'", false, false);
    expect_wanted("'" TARGET_ANNOTATION "':'yes'", true, false);
    expect_wanted("", true, false);
    Target target = local("web", "/web", &NOWHERE);
    assert_true(target_is_wanted(&target, TARGET_SCHEME_ALL));
    assert_false(target_is_wanted(&target, TARGET_SCHEME_ANNOTATION));
}

static void
expect_label(const LabelSet *set, const char *name, const char *wanted)
{
    const char *value = label_set_get(set, name);
    if (strcmp(value, wanted) != 0)
        fail_msg("the label %s is '%s' instead of '%s'", name, value, wanted);
}

static void
test_labels(void **state)
{
    (void)state;
    g_autoptr(Pod) pod = made_pod(
        "{'metadata':{'namespace':'shop','name':'web-1','uid':'u','labels':{'a.b/c':'d'},"
        "'annotations':{'resource.opentelemetry.io/service.namespace':'ns2'}},"
        "'spec':{'containers':[{'name':'main','image':'web:1'}],'nodeName':'n1'},'status':{"
        "'phase':'Running','containerStatuses':[{'name':'main','containerID':'cri-o://c1'}]}}");
    const Cgroup cgroup = {.container_id = (char *)"c1"};
    Target target = local("w\xff", "/web", &cgroup);
    target.pod = pod;
    target.container = &g_array_index(pod->containers, PodContainer, 0);
    g_autoptr(LabelSet) set = label_set_new();
    target_add_labels(&target, set);
    expect_label(set, "service_name", "web-1");
    expect_label(set, "namespace", "shop");
    expect_label(set, "pod", "web-1");
    expect_label(set, "container", "main");
    expect_label(set, "container_id", "c1");
    expect_label(set, "service_namespace", "ns2");
    expect_label(set, "service_instance_id", "shop.web-1.main");
    expect_label(set, "pid", "7");
    expect_label(set, "comm", "w\xEF\xBF\xBD");
    size_t size = label_set_size(set);
    target_add_meta_labels(&target, set);
    expect_label(set, "__meta_kubernetes_pod_label_a_b_c", "d");
    expect_label(set, "__meta_kubernetes_pod_labelpresent_a_b_c", "true");
    expect_label(set, "__meta_kubernetes_namespace", "shop");
    expect_label(set, "__meta_kubernetes_pod_container_id", "cri-o://c1");
    expect_label(set, "__meta_kubernetes_pod_container_init", "false");
    expect_label(set, "__meta_kubernetes_pod_node_name", "n1");
    expect_label(set, "__meta_process_executable", "/web");
    label_set_set(set, "__name__", "process_cpu");
    label_set_set(set, "__tenant_id__", "team-a");
    target_drop_meta_labels(set);
    assert_int_equal(label_set_size(set), size + 2);
    expect_label(set, "__name__", "process_cpu");
    expect_label(set, "__tenant_id__", "team-a");
}

static void
test_labels_of_containers(void **state)
{
    (void)state;
    g_autoptr(LocalContainer) container =
        made_container(CONTAINER "['/shop-web-1'],'Labels':{'com.docker.compose.service':'web',"
                                 "'com.example/tier-2':'\xC3\xA9','empty':''}}");
    const Cgroup cgroup = {.container_id = container->id};
    Target target = local("web", "/usr/bin/web", &cgroup);
    target.local = container;
    g_autoptr(LabelSet) set = label_set_new();
    target_add_labels(&target, set);
    expect_label(set, "service_name", "web");
    expect_label(set, "container_id", container->id);
    expect_label(set, "container", "");
    size_t size = label_set_size(set);
    target_add_meta_labels(&target, set);
    expect_label(set, "__meta_docker_container_id", container->id);
    expect_label(set, "__meta_docker_container_name", "/shop-web-1");
    expect_label(set, "__meta_docker_container_image", "shop/web:7");
    expect_label(set, "__meta_docker_container_label_com_docker_compose_service", "web");
    expect_label(set, "__meta_docker_container_label_com_example_tier_2", "\xC3\xA9");
    expect_label(set, "__meta_docker_container_label_empty", "");
    target_drop_meta_labels(set);
    assert_int_equal(label_set_size(set), size);
}

/* The tenant is what a label of the pod says, where there is one. */
static void
test_tenants(void **state)
{
    (void)state;
    g_autoptr(Pod) pod = made_pod("{'metadata':{'namespace':'shop','name':'web-1','uid':'u',"
                                  "'labels':{'example.com/team':'team-a'}}}");
    static const struct {
        const char *label, *wanted;
    } cases[] = {{"example.com/team", "team-a"}, {"team", ""}, {"", ""}, {NULL, ""}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LabelSet) inside = label_set_new(), outside = label_set_new();
        Target target = local("web", "/web", &NOWHERE);
        target_add_tenant(target.pod, cases[i].label, outside);
        expect_label(outside, "__tenant_id__", "");
        target.pod = pod;
        target_add_tenant(target.pod, cases[i].label, inside);
        expect_label(inside, "__tenant_id__", cases[i].wanted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_services_outside_of_pods),
        cmocka_unit_test(test_services_of_containers),
        cmocka_unit_test(test_services_of_pods),
        cmocka_unit_test(test_who_is_profiled),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_labels_of_containers),
        cmocka_unit_test(test_tenants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
