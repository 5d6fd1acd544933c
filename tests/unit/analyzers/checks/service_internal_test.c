#include "tests/unit/analyzers/checks/cases.h"

#define SERVICE(policy)                                                                            \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: cache}, spec: "        \
    "{internalTrafficPolicy: " policy ", selector: {app: cache}, ports: [{port: 80}]}}\n"
#define SLICE(node, ready)                                                                         \
    "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, "     \
    "name: cache-1, labels: {kubernetes.io/service-name: cache}}, ports: [{port: 80}], "           \
    "endpoints: [{addresses: [10.0.0.1], nodeName: " node ", conditions: {ready: " ready "}}]}\n"
#define POD(name, node, created, env)                                                              \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: " name                     \
    ", creationTimestamp: '" created "', labels: {app: " name "}}, spec: {nodeName: " node         \
    ", containers: [{name: app, image: 'registry.example/app:1', env: [" env "]}]}, status: "      \
    "{phase: Running, conditions: [{type: Ready, status: 'True', " CASE_SINCE "}]}}\n"
#define OLD   "2026-01-01T09:00:00Z"
#define CALLS "{name: CACHE, value: 'http://cache:80'}"
#define CACHE POD("cache", "n1", OLD, "")

static const CheckCase cases[] = {
    {"service-internal-local-gap", "Service shop/cache",
     SERVICE("Local") SLICE("n1", "true") CACHE POD("web", "n2", OLD, CALLS),
     "calls of Pod shop/web from there fail"},
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
        SERVICE("Cluster") SLICE("n1", "true") CACHE POD("web", "n2", OLD, CALLS),
        SERVICE("Local") SLICE("n1", "true") CACHE POD("web", "n1", OLD, CALLS),
        SERVICE("Local") SLICE("n1", "true") CACHE POD("web", "n2", OLD, ""),
        SERVICE("Local") SLICE("n1", "false") CACHE POD("web", "n2", OLD, CALLS),
        SERVICE("Local") SLICE("n1", "true") CACHE POD("web", "n2", "2026-01-01T11:50:00Z", CALLS),
        /* Its pod was on n2 until a moment ago. */
        SERVICE("Local") SLICE("n1", "true") POD("cache", "n1", "2026-01-01T11:58:00Z", "")
            POD("web", "n2", OLD, CALLS),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "service-internal-local-gap");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
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
