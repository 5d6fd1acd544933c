#include "agent/discovery/pod_index.h"

#include "tests/harness/check.h"
#include "tests/unit/agent/discovery/made_pod.h"

static void
put(PodIndex *index, const char *name, const char *uid, const char *container_id, int64_t now_us)
{
    g_autofree char *json = g_strdup_printf(
        "{'metadata':{'namespace':'shop','name':'%s','uid':'%s'},'spec':{'containers':["
        "{'name':'first'},{'name':'main'}]},'status':{'containerStatuses':[{'name':'main',"
        "'containerID':'containerd://%s'}]}}",
        name, uid, container_id);
    g_autoptr(Pod) pod = made_pod(json);
    pod_index_put(index, pod, now_us);
}

/* "POD/CONTAINER", or "none". */
static void
expect(PodIndex *index, const char *container_id, const char *uid, int64_t now_us,
       const char *wanted)
{
    const PodContainer *container;
    g_autoptr(Pod) pod = pod_index_find(index, container_id, uid, now_us, &container);
    g_autofree char *found =
        pod != NULL ? g_strjoin("/", pod->name, container != NULL ? container->name : "", NULL)
                    : g_strdup("none");
    assert_string_equal(found, wanted);
}

static void
test_pods_are_found(void **state)
{
    (void)state;
    g_autoptr(PodIndex) index = pod_index_new();
    put(index, "a", "ua", "1a", 1);
    put(index, "b", "ub", "1b", 1);
    assert_int_equal(pod_index_size(index), 2);
    expect(index, "1a", NULL, 1, "a/main");
    expect(index, "1a", "ub", 1, "a/main");
    expect(index, "unknown", "ub", 1, "b/");
    expect(index, NULL, "ub", 1, "b/");
    expect(index, NULL, NULL, 1, "none");
    expect(index, "", "", 1, "none");
}

static void
test_the_dead_are_kept_for_a_while(void **state)
{
    (void)state;
    g_autoptr(PodIndex) index = pod_index_new();
    put(index, "a", "ua", "1a", 1);
    pod_index_remove(index, "ua", 10);
    pod_index_remove(index, "unknown", 10);
    assert_int_equal(pod_index_size(index), 0);
    expect(index, "1a", NULL, 10 + POD_GRACE_US, "a/main");
    expect(index, "1a", "ua", 11 + POD_GRACE_US, "none");
    put(index, "a", "ua", "1a", 20);
    expect(index, "1a", "ua", 20 + 2 * POD_GRACE_US, "a/main");
}

static void
test_a_container_that_is_restarted(void **state)
{
    (void)state;
    g_autoptr(PodIndex) index = pod_index_new();
    put(index, "a", "ua", "1a", 1);
    put(index, "a", "ua", "2a", 10);
    expect(index, "2a", NULL, 10, "a/main");
    expect(index, "1a", NULL, 10 + POD_GRACE_US, "a/main");
    expect(index, "1a", NULL, 11 + POD_GRACE_US, "none");
    assert_int_equal(pod_index_size(index), 1);
}

static void
test_lists(void **state)
{
    (void)state;
    g_autoptr(PodIndex) index = pod_index_new();
    put(index, "a", "ua", "1a", 1);
    put(index, "b", "ub", "1b", 1);
    pod_index_begin(index); /* which is cut */
    put(index, "b", "ub", "1b", 2);
    pod_index_begin(index);
    put(index, "b", "ub", "1b", 3);
    put(index, "c", "uc", "1c", 3);
    assert_int_equal(pod_index_size(index), 3);
    pod_index_end(index, 4);
    assert_int_equal(pod_index_size(index), 2);
    expect(index, "1a", NULL, 4 + POD_GRACE_US, "a/main");
    expect(index, "1a", NULL, 5 + POD_GRACE_US, "none");
    expect(index, "1b", NULL, 5 + POD_GRACE_US, "b/main");
    pod_index_begin(index);
    pod_index_end(index, 5 + POD_GRACE_US);
    assert_int_equal(pod_index_size(index), 0);
}

static void
test_it_has_a_size(void **state)
{
    (void)state;
    g_autoptr(PodIndex) index = pod_index_new();
    for (int i = 0; i < POD_KEYS_MAX; i++) {
        g_autofree char *uid = g_strdup_printf("u%d", i), *id = g_strdup_printf("c%d", i);
        put(index, "a", uid, id, 1);
    }
    expect(index, "c0", NULL, 1, "a/main");
    expect(index, "c32767", NULL, 1, "none");
    pod_index_begin(index);
    pod_index_end(index, 2);
    put(index, "b", "ub", "1b", 3);
    expect(index, "1b", NULL, 3, "b/main");
}

static void
test_pods_are_listed(void **state)
{
    (void)state;
    g_autoptr(PodIndex) index = pod_index_new();
    uint64_t version = pod_index_version(index);
    put(index, "a", "ua", "1a", 1);
    put(index, "b", "ub", "1b", 1);
    put(index, "b", "ub", "2b", 2);
    assert_true(pod_index_version(index) > version);
    version = pod_index_version(index);
    assert_int_equal(pod_index_version(index), version);
    pod_index_remove(index, "ua", 3);
    assert_true(pod_index_version(index) > version);
    g_autoptr(GPtrArray) pods = pod_index_list(index);
    assert_int_equal(pods->len, 1);
    const Pod *pod = pods->pdata[0];
    const PodContainer *container = &g_array_index(pod->containers, PodContainer, 1);
    assert_string_equal(pod->name, "b");
    assert_string_equal(pod_container_id(container), "2b");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pods_are_found),
        cmocka_unit_test(test_the_dead_are_kept_for_a_while),
        cmocka_unit_test(test_a_container_that_is_restarted),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_it_has_a_size),
        cmocka_unit_test(test_pods_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
