#include "agent/discovery/pod.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/unit/agent/discovery/made_pod.h"

#define HEAD "{'metadata':{'namespace':'shop','name':'web-5d4f-x','uid':'u1'"

static void
test_what_is_kept(void **state)
{
    (void)state;
    g_autoptr(Pod) pod = made_pod(
        HEAD ",'labels':{'app':'web','pod-template-hash':'5d4f'},'annotations':{'a/b':'c'},"
             "'ownerReferences':[{'kind':'X','name':'y'},"
             "{'kind':'ReplicaSet','name':'web-5d4f','controller':true}]},"
             "'spec':{'nodeName':'n1','initContainers':[{'name':'init'}],"
             "'containers':[{'name':'web','image':'web:1','ports':[{'name':'http','containerPort':"
             "8080},{'containerPort':53,'protocol':'UDP'}]},{'name':'waits'}],"
             "'ephemeralContainers':[{'name':'debug'}]},"
             "'status':{'phase':'Running','podIP':'10.0.0.7','hostIP':'10.1.0.1',"
             "'initContainerStatuses':[{'name':'init','containerID':'cri-o://aa'}],"
             "'containerStatuses':[{'name':'waits','containerID':''},"
             "{'name':'web','containerID':'containerd://bb'}],"
             "'ephemeralContainerStatuses':[{'name':'debug','containerID':'docker://cc'}]}}");
    assert_string_equal(pod->namespace, "shop");
    assert_string_equal(pod->node, "n1");
    assert_string_equal(pod->ip, "10.0.0.7");
    assert_string_equal(pod->phase, "Running");
    assert_string_equal(pod->controller_name, "web-5d4f");
    assert_string_equal(pod->workload, "web");
    assert_null(pod->manifest_hash);
    assert_string_equal(label_set_get(pod->labels, "app"), "web");
    assert_string_equal(label_set_get(pod->annotations, "a/b"), "c");
    assert_int_equal(pod->containers->len, 4);
    static const char *const ids[] = {"aa", "bb", NULL, "cc"};
    for (guint i = 0; i < 4; i++) {
        const PodContainer *container = &g_array_index(pod->containers, PodContainer, i);
        if (g_strcmp0(pod_container_id(container), ids[i]) != 0)
            fail_msg("container %s has the wrong id", container->name);
        assert_int_equal(container->is_init, i == 0);
    }
    const PodContainer *web = &g_array_index(pod->containers, PodContainer, 1);
    assert_int_equal(web->ports->len, 2);
    assert_int_equal(g_array_index(web->ports, PodPort, 0).number, 8080);
    assert_string_equal(g_array_index(web->ports, PodPort, 0).protocol, "TCP");
    assert_string_equal(g_array_index(web->ports, PodPort, 1).protocol, "UDP");
}

/* When a container started by the state that is told of it. */
static int64_t
start_of(const char *state)
{
    g_autofree char *json =
        g_strdup_printf(HEAD "},'spec':{'containers':[{'name':'a'}]},"
                             "'status':{'containerStatuses':[{'name':'a','state':%s}]}}",
                        state);
    g_autoptr(Pod) pod = made_pod(json);
    return g_array_index(pod->containers, PodContainer, 0).start_ns;
}

static void
test_when_containers_started(void **state)
{
    (void)state;
    static const int64_t wanted = INT64_C(1700000001000000000);
    assert_int_equal(start_of("{'running':{'startedAt':'2023-11-14T22:13:20Z'}}"), wanted);
    assert_int_equal(start_of("{'running':{'startedAt':'2023-11-15T00:13:20.9+02:00'}}"), wanted);
    static const char *const unknown[] = {
        "{'waiting':{'reason':'CrashLoopBackOff'}}",
        "{'terminated':{'startedAt':'2023-11-14T22:13:20Z'}}",
        "{'running':{}}",
        "{'running':{'startedAt':null}}",
        "{'running':{'startedAt':'yesterday'}}",
        "{'running':{'startedAt':'0001-01-01T00:00:00Z'}}",
        "{'running':{'startedAt':'9999-01-01T00:00:00Z'}}",
        "'running'",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
        assert_int_equal(start_of(unknown[i]), 0);
}

static void
expect_workload(const char *labels, const char *kind, const char *name, const char *workload)
{
    g_autofree char *json =
        g_strdup_printf(HEAD ",'labels':{%s},'ownerReferences':[{'controller':true,'kind':'%s',"
                             "'name':'%s'}]}}",
                        labels, kind, name);
    g_autoptr(Pod) pod = made_pod(json);
    if (g_strcmp0(pod->workload, workload) != 0)
        fail_msg("%s %s: the workload is %s", kind, name, pod->workload);
}

static void
test_workloads(void **state)
{
    (void)state;
    expect_workload("'pod-template-hash':'5d4f'", "ReplicaSet", "web-a-5d4f", "web-a");
    expect_workload("'pod-template-hash':'5d4f'", "ReplicaSet", "web", "web");
    expect_workload("'pod-template-hash':'5d4f'", "ReplicaSet", "-5d4f", "-5d4f");
    expect_workload("", "ReplicaSet", "web-5d4f", "web-5d4f");
    expect_workload("'pod-template-hash':'5d4f'", "Rollout", "web-5d4f", "web-5d4f");
    expect_workload("", "Job", "backup-29012345", "backup");
    expect_workload("", "Job", "backup-1", "backup-1");
    expect_workload("", "DaemonSet", "agent", "agent");
    expect_workload("", "Node", "n1", NULL);
    g_autoptr(Pod) bare = made_pod(HEAD "}}");
    assert_null(bare->workload);
}

static Pod *
made_pod_of_hash(const char *hash)
{
    g_autofree char *json =
        g_strdup_printf(HEAD ",'annotations':{'kubernetes.io/config.hash':'%s'}}}", hash);
    return made_pod(json);
}

static void
test_static_pods(void **state)
{
    (void)state;
    static const char hash[] = "0d5f2f3c1e1b7ad3cb2f1f9c5c3a4e6b";
    g_autoptr(Pod) pod = made_pod_of_hash(hash);
    assert_string_equal(pod->manifest_hash, hash);
}

/* Whoever may make a pod may annotate it: the processes of others are not to be had by that. */
static void
test_no_id_of_others_is_a_hash(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "a086e354-3604-462f-8b39-db5906fe9f52", /* a UID, and a container: */
        "0d5f2f3c1e1b7ad3cb2f1f9c5c3a4e6b0d5f2f3c1e1b7ad3cb2f1f9c5c3a4e6b",
        "0d5f2f3c1e1b7ad3cb2f1f9c5c3a4e6b-1", /* of ECS */
        "web",                                /* of LXC */
        "0D5F2F3C1E1B7AD3CB2F1F9C5C3A4E6B",
        "",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(Pod) pod = made_pod_of_hash(ids[i]);
        if (pod->manifest_hash != NULL)
            fail_msg("%s is taken for a hash", ids[i]);
    }
}

static void
test_what_is_no_pod(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{}",
        "[]",
        "{'metadata':7}",
        "{'metadata':{'name':'a','uid':'b'}}",
        "{'metadata':{'namespace':'a','uid':'b'}}",
        "{'metadata':{'namespace':'a','name':'b'}}",
        "{'metadata':{'namespace':{},'name':'b','uid':'c'}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Pod) pod = made_pod(cases[i]);
        if (pod != NULL)
            fail_msg("%s is a pod", cases[i]);
    }
    g_autoptr(Pod) odd = made_pod(HEAD ",'labels':['a'],'annotations':{'n':7,'':'x'},"
                                       "'ownerReferences':{'a':{}}},'spec':{'containers':[7]},"
                                       "'status':{'containerStatuses':'no'}}");
    assert_int_equal(label_set_size(odd->annotations), 0);
    assert_int_equal(odd->containers->len, 1);
}

static void
test_long_annotations_are_left_out(void **state)
{
    (void)state;
    g_autofree char *fits = g_strnfill(POD_ANNOTATION_BYTES_MAX, 'x');
    g_autofree char *json =
        g_strdup_printf(HEAD ",'annotations':{'fits':'%s','long':'%sx'}}}", fits, fits);
    g_autoptr(Pod) pod = made_pod(json);
    assert_string_equal(label_set_get(pod->annotations, "fits"), fits);
    assert_string_equal(label_set_get(pod->annotations, "long"), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_when_containers_started),
        cmocka_unit_test(test_workloads),
        cmocka_unit_test(test_static_pods),
        cmocka_unit_test(test_no_id_of_others_is_a_hash),
        cmocka_unit_test(test_what_is_no_pod),
        cmocka_unit_test(test_long_annotations_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
