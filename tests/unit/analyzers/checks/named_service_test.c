#include "tests/unit/analyzers/checks/cases.h"

#define POD(url, phase, ready) POD_SINCE(url, phase, ready, CASE_SINCE)
#define POD_SINCE(url, phase, ready, since)                                                        \
    "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web}\nspec: {nodeName: n1, "     \
    "containers: [{name: app, env: [{name: CACHE, value: '" url "'}]}]}\nstatus: {phase: " phase   \
    ", conditions: [{type: Ready, status: '" ready "', " since "}]}\n"
#define SERVICE                                                                                    \
    "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: cache}\nspec: "         \
    "{ports: [{port: 6379}]}\n"

static const CheckCase cases[] = {
    {"env-service-missing", "Pod shop/web",
     POD("redis://cache.shop.svc.cluster.local:6379", "Running", "False"), "cache.shop.svc"},
    {"env-service-port-mismatch", "Pod shop/web",
     POD("http://u@cache.shop.svc:6380/0", "Running", "False") SERVICE, "cache.shop.svc:6380"},
};

static void
test_what_is_wrong(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_what_is_well(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        POD("cache.shop.svc:6379", "Running", "True"),
        POD("cache.shop.svc:6379", "Pending", "False"),
        POD("cache.shop.svc:6379", "Running", "False") SERVICE,
        POD("cache.shop.svc", "Running", "False") SERVICE,
        POD("cache.example.com:6379", "Running", "False"),
        POD("a.cache.shop.svc:6379", "Running", "False") SERVICE,
        POD("cache.shop.svc:6379", "Running",
            "False") "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: "
                     "{namespace: shop, name: vm}\nspec: {hosts: [cache.shop.svc.cluster.local]}\n",
        POD("cache.shop.svcs", "Running", "False"),
        /* Of another cluster. */
        POD("cache.shop.svc.clusterset.local:6379", "Running", "False"),
        POD_SINCE("cache.shop.svc:6379", "Running", "False",
                  "lastTransitionTime: '2026-01-01T11:58:00Z'"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "env-service-missing");
        test_cluster_expect_none(cluster, "env-service-port-mismatch");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
    g_autoptr(TestCluster) cluster = test_cluster_new(cases[0].yaml);
    test_cluster_fail(cluster, KIND_SERVICE, "403");
    test_cluster_expect_none(cluster, "env-service-missing");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_what_is_well),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
