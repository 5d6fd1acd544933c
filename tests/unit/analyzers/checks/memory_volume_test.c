/* emptyDir volumes in memory. */
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define POD_WITH(medium, mounts)                                                                   \
    "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web, ownerReferences: [{kind: "  \
    "ReplicaSet, name: x, uid: x, controller: true}]}\nspec: {nodeName: n1, volumes: [{name: "     \
    "cache, emptyDir: {" medium "}}], containers: [{name: app, resources: {limits: {memory: "      \
    "1Gi}}, volumeMounts: [" mounts "]}]}\nstatus: {phase: Running, conditions: [{type: Ready, "   \
    "status: 'True'}], containerStatuses: [{name: app, ready: true, started: true, state: "        \
    "{running: {startedAt: '2026-01-01T00:00:00Z'}}}]}\n"
#define IN_MEMORY POD_WITH("medium: Memory", "{name: cache, mountPath: /c}")
#define VALUE(number)                                                                              \
    "[{\"metric\":{\"namespace\":\"shop\",\"pod\":\"web\",\"container\":\"app\"},\"value\":[1,"    \
    "\"" number "\"]}]"
#define MIB_600  VALUE("629145600")
#define MIB_400  VALUE("419430400")
#define MIB_900  VALUE("943718400")
#define MIB_1000 VALUE("1048576000")

static TestCluster *
cluster_of(const char *yaml, const char *shared, const char *used)
{
    TestCluster *cluster = test_cluster_new(yaml);
    test_cluster_answer(cluster, "container-shared-memory", shared);
    test_cluster_answer(cluster, "container-fixed-memory", used);
    return cluster;
}

static void
test_a_full_volume(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = cluster_of(IN_MEMORY, MIB_600, MIB_1000);
    test_cluster_answer(cluster, "container-memory-peak", MIB_1000);
    const Finding *finding = test_cluster_expect(cluster, "emptydir-memory-full", "Pod shop/web");
    assert_string_equal(finding->title, "Volume cache of container app takes 600.0 MiB of its "
                                        "memory limit of 1.0 GiB");
    assert_int_equal(finding->fix->len, 2);
    test_cluster_expect_folded(cluster, "near-memory-limit", "Pod shop/web");
}

static void
test_what_is_no_full_volume(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *shared, *used;
    } rows[] = {
        {IN_MEMORY, MIB_600, MIB_900},  /* the limit is not near */
        {IN_MEMORY, MIB_400, MIB_1000}, /* something else takes the memory */
        {POD_WITH("", "{name: cache, mountPath: /c}"), MIB_600, MIB_1000},
        {POD_WITH("medium: Memory", ""), MIB_600, MIB_1000},
        {IN_MEMORY, "[]", "[]"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = cluster_of(rows[i].yaml, rows[i].shared, rows[i].used);
        test_cluster_expect_none(cluster, "emptydir-memory-full");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(IN_MEMORY);
    test_cluster_answer_absent(cluster, "container-shared-memory");
    test_cluster_expect_unverified(cluster, "emptydir-memory-full");
    test_cluster_expect_none(cluster, "emptydir-memory-full");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_volume),
        cmocka_unit_test(test_what_is_no_full_volume),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
